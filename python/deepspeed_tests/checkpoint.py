"""Saves a checkpoint with DeepSpeed's FastFileWriter, which gives aio_handle a descriptor and fills one half
of its buffer while the other is written; then another on a full disk.

usage: checkpoint.py DIRECTORY

Prints, as its last line, whether the first one is what torch saves, and the error of the second.
"""

import io
import json
import resource
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from deepspeed.io import FastFileWriter, FastFileWriterConfig, fast_file_writer
from deepspeed.ops.op_builder import AsyncIOBuilder

import deepspeed_aio_utils.auto  # noqa: F401  # switches it on

MIB = 1 << 20
# DeepSpeed has no utils op for the CPU; torch.save() does not need it.
nothing = SimpleNamespace(load=lambda: SimpleNamespace(cast_to_byte_tensor=None))
fast_file_writer.UtilsBuilder = lambda: nothing
handle = AsyncIOBuilder().load(verbose=False).aio_handle(1 << 17, 8, False, True, 1)
buffer = handle.new_cpu_locked_tensor(4 * MIB, torch.empty(0, dtype=torch.uint8))
# Its end is not aligned.
state = {"weights": torch.arange(3 * MIB + 1, dtype=torch.float32)}


def save(file):
    torch.save(state, file, _use_new_zipfile_serialization=False)
    return file


def save_fast(name):
    path = Path(sys.argv[1], name)
    save(FastFileWriter(str(path), FastFileWriterConfig(handle, buffer))).close()
    return path.read_bytes()


same = save_fast("whole") == save(io.BytesIO()).getvalue()
resource.setrlimit(resource.RLIMIT_FSIZE, (6 * MIB, resource.RLIM_INFINITY))
error = None
try:
    save_fast("full")
except OSError as raised:
    error = [type(raised).__name__, raised.errno, raised.filename]
print(json.dumps([same, error]))
