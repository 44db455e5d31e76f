"""Transfers through DeepSpeed's aio_handle that cannot succeed, in every way.

usage: failures.py DIRECTORY

Prints, as its last line, the number of cases, and those that did not end in the right TransferError.
"""

import errno
import itertools
import json
import os
import resource
import sys

import torch
from deepspeed.ops.op_builder import AsyncIOBuilder
from memory import KINDS, tensor_in

import deepspeed_aio_utils.auto  # noqa: F401  # switches it on
from deepspeed_aio_utils import TransferError

MIB = 1 << 20
op = AsyncIOBuilder().load(verbose=False)


def path(name):
    return os.path.join(sys.argv[1], name)


def limit_files(size):
    """Python ignores SIGXFSZ."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def failure(call, *arguments):
    try:
        call(*arguments)
    except TransferError as error:
        return error
    return None


def move(handle, direction, asynchronous, *arguments):
    if asynchronous:
        getattr(handle, f"async_{direction}")(*arguments)
        handle.wait()
    else:
        getattr(handle, f"sync_{direction}")(*arguments)


for name, size in (("short", 1000 * 12), ("whole", MIB * 12)):
    with open(path(name), "wb") as file:
        file.write(bytes(size))

# What is moved where, how, and the errno.
CASES = {
    "does not fit": ("pwrite", "new", 0, 12 * MIB, errno.EFBIG),
    "a tail that does not fit": ("pwrite", "new", 6 * MIB - 100, 1200, errno.EFBIG),
    "a directory": ("pwrite", "", 0, 12288, errno.EISDIR),
    "no directory": ("pwrite", "whole/file", 0, 12288, errno.ENOTDIR),
    "no file": ("pread", "none", 0, 12 * MIB, errno.ENOENT),
    "too short": ("pread", "short", 0, 12 * MIB, errno.ENODATA),
    "beyond the end": ("pread", "whole", 4096, 12 * MIB, errno.ENODATA),
}
both = False, True
ways = list(itertools.product(CASES, both, both, KINDS, (1, 2, 3, 4)))
wrong = []
limit_files(6 * MIB)
for case, overlap, asynchronous, kind, threads in ways:
    direction, name, offset, size, number = CASES[case]
    handle = op.aio_handle(1 << 17, 8, False, overlap, threads)
    other = op.aio_handle(1 << 17, 8, False, overlap, threads)
    with tensor_in(kind, handle, size) as tensor, tensor_in(kind, other, 48 * 1024) as small:
        other.async_pwrite(small, path("other"))
        error = failure(move, handle, direction, asynchronous, tensor, path(name), offset)
        found = [error and error.errno, handle.wait(), failure(handle.wait) is None, other.wait()]
        # The handle stays usable.
        move(handle, "pread", asynchronous, tensor, path("whole"))
    if found != [number, 0, True, 1] or (error.operation, error.filename) != (direction[1:], path(name)):
        wrong.append([case, overlap, asynchronous, kind, threads, found, repr(error)])
if error := failure(op.aio_write, torch.zeros(12 * MIB), path("new"), 1 << 17, 8, False, True, False):
    wrong += [] if error.errno == errno.EFBIG else ["aio_write", repr(error)]
else:
    wrong.append("aio_write")
handle, column = op.aio_handle(1 << 17, 8, False, True, 1), torch.zeros(8192, 2, dtype=torch.uint8)[:, 0]
for call in (handle.read, handle.write):
    error = failure(call, column, path("whole"), False)
    wrong += [] if error and error.errno == errno.EINVAL else [["not contiguous", repr(error)]]
with tensor_in("locked", handle, 16384) as locked:
    # No tensor of a transfer is dropped before the next one: DeepSpeed before 0.19.4 can hang then.
    column[:], every_other = torch.arange(8192) % 251, locked[::2]
    for asynchronous in both:
        # What DeepSpeed copies works.
        every_other[:] = column
        move(handle, "pwrite", asynchronous, every_other, path("even"))
        read = torch.zeros(8192, 2, dtype=torch.uint8)[:, 0]
        move(handle, "pread", asynchronous, read, path("even"))
        wrong += [] if torch.equal(read, column) else [["not contiguous", "other bytes"]]
        error = failure(move, handle, "pread", asynchronous, every_other, path("even"))
        wrong += [] if error and error.errno == errno.EINVAL else [["locked, not contiguous", repr(error)]]
transposed = torch.zeros(3 * MIB, 4, dtype=torch.uint8).t()
wrong += [] if failure(handle.read, transposed, path("whole"), False) is None else ["transposed"]
print(json.dumps([len(ways) // len(KINDS), wrong]))
