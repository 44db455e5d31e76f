"""Moves tensors through DeepSpeed's aio_handle in every way, and compares with plain Python I/O.

usage: move_tensors.py original|activated|builder|prebuilt DIRECTORY

Prints, as its last line, JSON with {op: {function: library}} of the ops that it ran on.
"""

import itertools
import json
import os
import sys
import tempfile
from pathlib import Path

how, directory = sys.argv[1:]

if how == "activated":
    import deepspeed_aio_utils.auto

import torch  # noqa: E402

if how == "builder":
    from deepspeed_aio_utils.op_builder import AsyncIOBuilder
else:
    from deepspeed.ops.op_builder import AsyncIOBuilder

from memory import KINDS, tensor_in  # noqa: E402

import deepspeed_aio_utils  # noqa: E402

ALIGNED = 4096


def transfer(handle, direction, asynchronous, tensor, name, offset):
    if asynchronous:
        assert getattr(handle, f"async_{direction}")(tensor, name, offset) == 0
        assert handle.wait() == 1
    else:
        assert getattr(handle, f"sync_{direction}")(tensor, name, offset) == 1


def content_of(tensor):
    return tensor.cpu().numpy().tobytes()


def move(op, overlap, single_submit, threads, kind, asynchronous, size, offset):
    handle = op.aio_handle(1 << 17, 8, single_submit, overlap, threads)
    # The bytes around the transfer must not change.
    before = os.urandom(offset + size + 3 * ALIGNED)
    with tempfile.TemporaryDirectory(dir=directory) as scratch, tensor_in(kind, handle, size) as tensor:
        file = Path(scratch, "file")
        file.write_bytes(before)
        tensor.copy_(torch.randint(0, 256, (size,), dtype=torch.uint8))
        transfer(handle, "pwrite", asynchronous, tensor, str(file), offset)
        expected = before[:offset] + content_of(tensor) + before[offset + size :]
        assert file.read_bytes() == expected, "the file is not what plain writes would have made of it"

        # A read of a whole file has to end where the file ends.
        content = os.urandom(size)
        with file.open("wb") as plain:
            plain.write(before[:offset] + content)
            os.fsync(plain.fileno())
        tensor.zero_()
        transfer(handle, "pread", asynchronous, tensor, str(file), offset)
        assert content_of(tensor) == content, "the tensor is not what plain reads would have given"


op = AsyncIOBuilder().load(verbose=False)
# Less than a block, more than the queue holds, and blocks of which the last is short.
sizes = (2 * ALIGNED, 9 << 17, (17 << 17) + 2 * ALIGNED)
both = (False, True)
ways = list(itertools.product(both, both, (1, 2), KINDS, both, sizes, (0, 5 << 17 | ALIGNED)))
for way in ways:
    move(op, *way)
if how == "activated":
    # Large enough for huge pages.
    for kind in KINDS:
        move(op, True, False, 1, kind, False, 64 << 20, 0)
bindings = {}
for binding in deepspeed_aio_utils.bindings():
    bindings.setdefault(str(binding.op), {})[binding.function] = str(binding.library)
answer = {"moved": len(ways) // len(KINDS), "bindings": bindings, "module": op.__file__}
print(json.dumps({**answer, "active": deepspeed_aio_utils.active() is not None}))
