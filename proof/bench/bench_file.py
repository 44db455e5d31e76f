"""The file that all transfers overwrite and read."""

from __future__ import annotations

import errno
import mmap
import os
import signal
import tempfile
from pathlib import Path

from measured import MIB, Refused, in_words

CHUNK = 8 * MIB


class BenchFile:
    """A file without a name: it is gone as soon as this process is, however that ends.

    Programs open it through /proc. It is written once in full, so that whoever measures
    overwrites the same extents and nobody pays for their allocation.
    """

    def __init__(self, directory: Path, size: int):
        self.size = size
        _check(directory, size)
        self._fd = _nameless(directory)
        self.path = f"/proc/{os.getpid()}/fd/{self._fd}"
        try:
            self._write(directory)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "BenchFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._fd)

    def _write(self, directory: Path) -> None:
        # An anonymous mapping is page-aligned, as O_DIRECT wants it.
        with mmap.mmap(-1, CHUNK) as buffer:
            buffer.write(os.urandom(MIB) * (CHUNK // MIB))
            with memoryview(buffer) as view:
                try:
                    for offset in range(0, self.size, CHUNK):
                        with view[: min(CHUNK, self.size - offset)] as part:
                            _write_all(self._fd, part, offset)
                    os.fsync(self._fd)
                except OSError as error:
                    raise _refusal(directory, error) from error


def _write_all(fd: int, part: memoryview, offset: int) -> None:
    if os.pwrite(fd, part, offset) != len(part):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _check(directory: Path, size: int) -> None:
    if not directory.exists():
        raise Refused(f"DIR={directory} does not exist.")
    if not directory.is_dir():
        raise Refused(f"DIR={directory} is not a directory.")
    space = os.statvfs(directory)
    # Some file systems do not tell; writing the file does.
    if space.f_blocks > 0 and space.f_bavail * space.f_frsize < size:
        raise Refused(
            f"{directory} has only {space.f_bavail * space.f_frsize // MIB} MiB left, and "
            f"{in_words(size)} are needed; choose a smaller SIZE, or another DIR."
        )


def _nameless(directory: Path) -> int:
    """Makes a file, opens it with O_DIRECT, and takes its name away."""
    # No signal may end this process while the file has a name.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        try:
            created, path = tempfile.mkstemp(prefix=".bench-", dir=directory)
        except OSError as error:
            raise Refused(f"no file can be made in {directory}: {error.strerror}.") from error
        try:
            return os.open(path, os.O_RDWR | os.O_DIRECT | os.O_CLOEXEC)
        except OSError as error:
            raise _refusal(directory, error) from error
        finally:
            os.unlink(path)
            os.close(created)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _refusal(directory: Path, error: OSError) -> Refused:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refused(f"no space is left in {directory}; choose a smaller SIZE, or another DIR.")
    if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
        return Refused(
            f"the file system of {directory} does not take O_DIRECT; name a directory on a disk "
            f"with DIR=."
        )
    return Refused(f"the file cannot be written in {directory}: {error.strerror}.")
