"""Moves tensors through DeepSpeed's aio_handle in every way, beside plain Python reads and writes.

usage: move_tensors.py original|activated|builder|prebuilt DIRECTORY

Prints, as its last line, {op: {function: library}} of the ops that it ran on.
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

import deepspeed_aio_utils  # noqa: E402

ALIGNED = 4096


def random_bytes(size):
    return torch.randint(0, 256, (size,), dtype=torch.uint8)


class Buffers:
    """A tensor that is pinned by DeepSpeed, or an ordinary one."""

    def __init__(self, handle, pinned):
        self.handle, self.pinned = handle, pinned

    def take(self, size):
        if self.pinned:
            return self.handle.new_cpu_locked_tensor(size, torch.empty(0, dtype=torch.uint8))
        return torch.empty(size, dtype=torch.uint8)

    def give_back(self, tensor):
        if self.pinned:
            assert self.handle.free_cpu_locked_tensor(tensor)


def move(op, overlap, single_submit, threads, pinned, asynchronous, size, offset):
    handle = op.aio_handle(1 << 17, 8, single_submit, overlap, threads)
    buffers = Buffers(handle, pinned)
    # Around the transfer lies what must not change.
    before = random_bytes(offset + size + 3 * ALIGNED)
    fd, name = tempfile.mkstemp(dir=directory)
    with os.fdopen(fd, "wb") as file:
        file.write(before.numpy().tobytes())
    try:
        content = random_bytes(size)
        tensor = buffers.take(size)
        tensor.copy_(content)
        if asynchronous:
            assert handle.async_pwrite(tensor, name, offset) == 0
            assert handle.wait() == 1
        else:
            assert handle.sync_pwrite(tensor, name, offset) == 1
        written = Path(name).read_bytes()
        expected = before.numpy().tobytes()
        expected = expected[:offset] + content.numpy().tobytes() + expected[offset + size :]
        assert written == expected, "the file is not what plain writes would have made of it"

        # What plain Python wrote.
        content = random_bytes(size)
        with open(name, "r+b") as file:
            file.seek(offset)
            file.write(content.numpy().tobytes())
            file.flush()
            os.fsync(file.fileno())
        # A read of a whole file has to end where the file ends.
        os.truncate(name, offset + size)
        tensor.zero_()
        if asynchronous:
            assert handle.async_pread(tensor, name, offset) == 0
            assert handle.wait() == 1
        else:
            assert handle.sync_pread(tensor, name, offset) == 1
        assert torch.equal(tensor, content), "the tensor is not what plain reads would have given"
        buffers.give_back(tensor)
    finally:
        os.unlink(name)


def main():
    op = AsyncIOBuilder().load(verbose=False)
    moved = 0
    for overlap, single, threads, pinned, asynchronous in itertools.product(
        (False, True), (False, True), (1, 2), (False, True), (False, True)
    ):
        # Less than a block, more than the queue holds, and blocks of which the last is short.
        for size in (2 * ALIGNED, 9 << 17, (17 << 17) + 2 * ALIGNED):
            for offset in (0, 5 << 17 | ALIGNED):
                move(op, overlap, single, threads, pinned, asynchronous, size, offset)
                moved += 1
    if how == "activated":
        # Large enough for huge pages.
        move(op, True, False, 1, True, False, 64 << 20, 0)
    found = {}
    for binding in deepspeed_aio_utils.bindings():
        found.setdefault(str(binding.op), {})[binding.function] = str(binding.library)
    print(
        json.dumps(
            {
                "moved": moved,
                "bindings": found,
                "module": op.__file__,
                "active": deepspeed_aio_utils.active() is not None,
            }
        )
    )


main()
