"""Tensors through DeepSpeed's real aio_handle. Needs torch and DeepSpeed."""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import TransferError


def load_op() -> Any:
    """DeepSpeed's async_io module, compiled first if necessary, as is pin_memory in newer releases."""
    from deepspeed.accelerator import get_accelerator

    return get_accelerator().create_op_builder("AsyncIOBuilder").load(verbose=False)


@contextmanager
def pinned_tensor(handle: Any, size: int) -> Iterator[Any]:
    """A page-locked tensor of `size` bytes, from DeepSpeed's own allocator."""
    import torch

    tensor = handle.new_cpu_locked_tensor(size, torch.empty(0, dtype=torch.uint8))
    try:
        yield tensor
    finally:
        handle.free_cpu_locked_tensor(tensor)


@contextmanager
def scratch_file(directory: Path) -> Iterator[str]:
    """The name of a temporary file."""
    fd, name = tempfile.mkstemp(dir=directory, prefix=".deepspeed_aio_utils-")
    os.close(fd)
    try:
        yield name
    finally:
        os.unlink(name)


def round_trip(op: Any, directory: Path, size: int, overlap: bool, offset: int = 0) -> None:
    """Writes a tensor of random bytes, reads it back, and compares both with the file's bytes.

    Raises AssertionError with a sentence if they differ.
    """
    import torch

    handle = op.aio_handle(1 << 20, 32, False, overlap, 1)
    with scratch_file(directory) as name, pinned_tensor(handle, size) as tensor:
        content = torch.randint(0, 256, (size,), dtype=torch.uint8)
        tensor.copy_(content)
        if handle.sync_pwrite(tensor, name, offset) != 1:
            raise AssertionError("aio_handle.sync_pwrite() did not complete")
        with open(name, "rb") as file:
            if file.read() != bytes(offset) + content.numpy().tobytes():
                raise AssertionError("what was written is not what the file holds")
        tensor.zero_()
        if handle.sync_pread(tensor, name, offset) != 1:
            raise AssertionError("aio_handle.sync_pread() did not complete")
        if not torch.equal(tensor, content):
            raise AssertionError("what was read is not what the file holds")


def write_beyond_limit(op: Any, directory: Path) -> TransferError:
    """The error of a write that goes beyond the file size limit, as one to a full disk goes beyond its end.

    Raises AssertionError with a sentence if there is none.
    """
    handle = op.aio_handle(1 << 20, 32, False, False, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with scratch_file(directory) as name, pinned_tensor(handle, 2 << 20) as tensor:
        # Python ignores the signal.
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
        try:
            handle.sync_pwrite(tensor, name, 0)
        except TransferError as error:
            return error
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    raise AssertionError("2 MiB were written to a file that may have 1 MiB, and no error was raised")
