"""The calls of async_io that move bytes: their arguments, and what can be seen to be wrong before DeepSpeed
asserts it, which ends the process, or returns -1 without a reason."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import TransferError


@dataclass(frozen=True)
class TransferCall:
    """A method of `aio_handle`, or a function of the module."""

    operation: str
    """"read" or "write"."""
    offset_at: int | None
    """Which argument `file_offset` is, the buffer being the first; None without one."""
    parallel: bool
    """Whether the handle's threads share the bytes."""

    asynchronous: bool | None = False
    """Whether it returns while the bytes move; None where its argument `async` says that."""

    def submits(self, args: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
        """Whether the call returns while the bytes move."""
        return bool(_argument(args, named, 3, "async")) if self.asynchronous is None else self.asynchronous

    def problem(
        self,
        args: tuple[Any, ...],
        named: Mapping[str, Any],
        threads: int = 1,
        is_locked: Callable[[Any], bool] = lambda buffer: False,
    ) -> TransferError | None:
        """Why DeepSpeed would assert, return -1 or move other bytes; None where it has to be tried.
        `is_locked` is whether DeepSpeed moves a tensor without a bounce buffer."""
        name, offset, num_bytes = self._where(args, named)
        if num_bytes is None:
            return None
        buffer = _argument(args, named, 0, "buffer")
        if not self.parallel and not _is_dense(buffer):
            # DeepSpeed would move the bytes that follow the tensor's first one.
            reason = "the tensor has gaps in memory; move a copy that has none (contiguous())"
            return self.error(args, named, errno.EINVAL, reason)
        if self.parallel and self.operation == "read" and not _is_contiguous(buffer) and is_locked(buffer):
            # DeepSpeed would read into a copy, and drop it.
            reason = "the tensor is locked and not contiguous; read into one that is, and copy from it"
            return self.error(args, named, errno.EINVAL, reason)
        if offset < 0:
            return self.error(args, named, errno.EINVAL, "the offset must not be negative")
        if self.parallel and num_bytes % threads:
            return self.error(
                args,
                named,
                errno.EINVAL,
                f"the handle's {threads} threads (intra_op_parallelism) cannot share {num_bytes} bytes "
                f"equally; use a buffer whose size is a multiple of {threads}, or one thread",
            )
        if self.operation != "read" or not name:
            return None
        number, size = _size_of_file(name)
        if number:
            return self.error(args, named, number, f"{os.strerror(number)} (errno {number})")
        if size is None:
            return None
        if offset + num_bytes > size:
            return self.error(
                args,
                named,
                errno.ENODATA,
                f"the file has {size} bytes (errno {errno.ENODATA}); it is not the one that was written for "
                f"this buffer, or writing it did not finish",
            )
        if not self.parallel and num_bytes != size:
            return self.error(
                args,
                named,
                errno.EINVAL,
                f"the file has {size} bytes, and this call reads whole files; use pread(), or a buffer of "
                f"the file's size",
            )
        return None

    def error(
        self, args: tuple[Any, ...], named: Mapping[str, Any], number: int, reason: str
    ) -> TransferError:
        """That this call moved nothing, for a reason."""
        name, offset, size = self._where(args, named)
        num_bytes = size or 0
        of_file = f" of {name}" if name else ""
        text = f"{self.operation} of {num_bytes} bytes at offset {offset}{of_file} moved 0 bytes: {reason}"
        return TransferError(number, text, name, self.operation, offset, num_bytes, 0)

    def _where(self, args: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[str, int, int | None]:
        """File, offset and number of bytes; what is not given correctly is empty, 0 or None, and
        DeepSpeed's function raises a TypeError."""
        file = _argument(args, named, 1, "filename")
        offset = None if self.offset_at is None else _argument(args, named, self.offset_at, "file_offset")
        return (
            os.fsdecode(file) if isinstance(file, (str, bytes)) else "",
            offset if isinstance(offset, int) else 0,
            _num_bytes(_argument(args, named, 0, "buffer")),
        )


def _argument(args: tuple[Any, ...], named: Mapping[str, Any], position: int, name: str) -> Any:
    return args[position] if len(args) > position else named.get(name)


def _size_of_file(name: str) -> tuple[int, int | None]:
    """An errno, or 0 and the size; None for a block device, whose size DeepSpeed does not see either."""
    try:
        found = os.stat(name)
    except OSError as failed:
        return failed.errno or errno.EIO, None
    if stat.S_ISREG(found.st_mode):
        return 0, found.st_size
    if stat.S_ISDIR(found.st_mode):
        return errno.EISDIR, None
    return (0 if stat.S_ISBLK(found.st_mode) else errno.ESPIPE), None


def _num_bytes(buffer: Any) -> int | None:
    """The size of a tensor, or of another buffer; None if it is neither."""
    if hasattr(buffer, "element_size"):  # older torch has no nbytes
        return int(buffer.numel() * buffer.element_size())
    size = getattr(buffer, "nbytes", None)
    return size if isinstance(size, int) else None


def _is_contiguous(buffer: Any) -> bool:
    return not hasattr(buffer, "is_contiguous") or bool(buffer.is_contiguous())


def _is_dense(buffer: Any) -> bool:
    """Whether a tensor's elements lie side by side, in whatever order."""
    if _is_contiguous(buffer):
        return True
    dense = 1
    for stride, size in sorted(zip(buffer.stride(), buffer.shape)):
        if size != 1 and stride != dense:
            return False
        dense *= size
    return True


METHODS = {
    "read": TransferCall("read", 3, parallel=False),
    "write": TransferCall("write", 3, parallel=False),
    "pread": TransferCall("read", 4, parallel=True, asynchronous=None),
    "pwrite": TransferCall("write", 4, parallel=True, asynchronous=None),
    "sync_pread": TransferCall("read", 2, parallel=True),
    "sync_pwrite": TransferCall("write", 2, parallel=True),
    "async_pread": TransferCall("read", 2, parallel=True, asynchronous=True),
    "async_pwrite": TransferCall("write", 2, parallel=True, asynchronous=True),
}
FUNCTIONS = {
    "aio_read": TransferCall("read", None, parallel=False),
    "aio_write": TransferCall("write", None, parallel=False),
}
