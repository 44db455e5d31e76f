"""The file that is written and read."""

from __future__ import annotations

import mmap
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepspeed_aio_utils.sizes import in_words

RESERVE = 128 << 20  # bytes of memory for everything else


class BenchError(RuntimeError):
    """A sentence for the user: what does not work here, and what to do."""


@contextmanager
def scratch_file(directory: str, size: int) -> Iterator[str]:
    """The path of a file of `size` bytes that takes O_DIRECT.

    It has no name in the directory, so it is gone however this process ends.
    """
    try:
        file = tempfile.TemporaryFile(dir=directory, prefix=".dsaio-", buffering=0)  # noqa: SIM115
    except OSError as error:
        raise BenchError(f"no file can be made in {directory}: {error.strerror}.") from error
    with file:
        _require_memory(size)
        space = os.statvfs(directory)
        # Some file systems do not tell.
        if space.f_blocks > 0 and size > space.f_bavail * space.f_frsize:
            raise BenchError(
                f"{directory} has {in_words(space.f_bavail * space.f_frsize)} left, less "
                f"than {in_words(size)}; choose a smaller SIZE, or another DIR."
            )
        path = f"/proc/{os.getpid()}/fd/{file.fileno()}"
        _require_direct_io(directory, path)
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise BenchError(
                f"{in_words(size)} cannot be reserved in {directory}: {error.strerror}; "
                f"choose a smaller SIZE, or another DIR."
            ) from error
        # Again, because in a memory file system (tmpfs) the file takes memory too.
        _require_memory(size)
        yield path


def fill(path: str, size: int) -> None:
    """Writes the file once: the first write to a place is slower, because the file system notes that it
    holds data.
    """
    chunk = os.urandom(1 << 20)
    with open(path, "r+b", buffering=0) as file:
        for at in range(0, size, len(chunk)):
            file.write(chunk[: size - at])
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _require_memory(size: int) -> None:
    found = re.search(r"^MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    available = int(found[1]) * 1024 if found else 2 * size + RESERVE
    if 2 * size + RESERVE > available:
        raise BenchError(
            f"a tensor of {in_words(size)} and a buffer for it do not fit in the {in_words(available)} of "
            f"memory that are available; choose a smaller SIZE."
        )


def _require_direct_io(directory: str, path: str) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_DIRECT)
        # Some file systems take the flag, and then refuse the requests.
        with os.fdopen(fd, "wb", buffering=0) as file, mmap.mmap(-1, 4096) as page:
            file.write(page)
    except OSError as error:
        raise BenchError(
            f"files in {directory} cannot be written with O_DIRECT ({error.strerror}); "
            f"name a directory on a local disk with DIR=."
        ) from error
