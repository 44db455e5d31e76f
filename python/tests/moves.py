"""What the scripts of test_transfers.py start with: the library is on, and `module` is async_io, loaded as
torch loads it.

usage: a script that says `from moves import *`, with the op and a directory as arguments
"""

import ctypes
import errno
import importlib.util
import mmap
import os
import platform
import resource
import struct
import sys

from deepspeed_aio_utils import TransferError

OP, DIRECTORY = sys.argv[1:3]
MIB = 1 << 20


def load():
    spec = importlib.util.spec_from_file_location("async_io", OP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def path(name):
    return os.path.join(DIRECTORY, name)


def buffer(size, byte=0x5A):
    memory = memoryview(mmap.mmap(-1, size or 1))[:size]
    memory[:] = bytes([byte]) * size
    return memory


def limit_files(size):
    """No file of this process can grow beyond this size; Python ignores SIGXFSZ."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def refuse_aio():
    """From now on io_setup() fails with EAGAIN, as where fs.aio-max-nr is reached."""
    io_setup = {"x86_64": 206, "aarch64": 0}[platform.machine()]
    load, jump, answer = 0x20, 0x15, 0x06  # BPF: the call's number; is it equal; return
    program = ((load, 0, 0, 0), (jump, 0, 1, io_setup), (answer, 0, 0, 0x50000 | errno.EAGAIN))
    program = b"".join(struct.pack("HBBI", *line) for line in (*program, (answer, 0, 0, 0x7FFF0000)))
    code = ctypes.create_string_buffer(program)
    filter_ = struct.pack("HxxxxxxP", 4, ctypes.addressof(code))
    prctl = ctypes.CDLL(None).prctl
    assert prctl(38, 1, 0, 0, 0) == 0 and prctl(22, 2, filter_) == 0  # NO_NEW_PRIVS, SECCOMP


def failure(call, *arguments, **named):
    """The error that a call raises; None if it raises none."""
    try:
        call(*arguments, **named)
    except TransferError as error:
        return error
    return None


def handle_of(module, threads=1, overlap=False):
    return module.aio_handle(1 << 16, 8, False, overlap, threads)


def descriptors():
    return len(os.listdir("/proc/self/fd"))
