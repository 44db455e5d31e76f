"""One of the processes of `bench`. It loads DeepSpeed once. Then it measures tensors of one size for each
line on standard input, which has the size in bytes, and answers with a line of JSON.

usage: python -m deepspeed_aio_utils.bench_worker SETTINGS_AS_JSON
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .activation import activate
from .binding import bindings
from .sizes import in_words
from .streams import quiet, report_stream
from .transfer import load_op, pinned_tensor

SECONDS = 0.1  # of each measurement; at least one call

# A locked tensor is moved again and again; one is allocated for each transfer and released after it; or it
# is an ordinary one, which DeepSpeed copies through a locked buffer for each transfer.
KINDS = ("pinned", "pinned anew", "unpinned")

_BYTE = 0x5A

# What was measured, its unit, and the value.
Figure = tuple[str, str, float]


class _Stopwatch:
    """Adds up wall-clock seconds, and processor seconds of the process's threads."""

    seconds = cpu = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        began, cpu_began = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.perf_counter() - began
        self.cpu += time.process_time() - cpu_began


def _repeat(size: int, call: Callable[[], None], watch: _Stopwatch, *others: _Stopwatch) -> int:
    """The number of calls that were counted. The first are not: memory that a virtual machine's host has
    taken back is slow to touch, and which process meets it is chance. malloc takes new memory for each
    buffer in its heap until its cache is full of what is left over beside them (7 chunks).
    """
    for _ in range(10 if size < 32 << 20 else 1):
        call()
    for each in (watch, *others):
        each.seconds = each.cpu = 0.0
    count = 0
    while count == 0 or watch.seconds < SECONDS:
        call()
        count += 1
    return count


class _Tensors:
    """Tensors of one size, and a file that is full of _BYTE."""

    # DeepSpeed's thread may still hold the tensor that was moved. If it were the last one to, it would wait
    # for the GIL, which the next transfer holds while it waits for the thread.
    _previous: Any = None

    def __init__(self, handle: Any, file: str, file_size: int, size: int) -> None:
        self._handle, self._file, self._file_size, self._size = handle, file, file_size, size
        self._offset = 0

    def measure(self) -> Iterator[Figure]:
        """Allocates, releases, and moves tensors of each kind."""
        allocation, release = _Stopwatch(), _Stopwatch()

        def allocate() -> None:
            with self._pinned(allocation, release):
                pass

        count = _repeat(self._size, allocate, allocation, release)
        yield self._named("allocate+lock"), "ms", allocation.seconds * 1e3 / count
        yield self._named("unlock+free"), "ms", release.seconds * 1e3 / count
        for kind in KINDS:
            for operation in ("write", "read"):
                watch = _Stopwatch()
                moved = self._transfers(kind, operation, watch) * self._size
                what = self._named(f"{operation} {kind}")
                yield what, "GB/s", moved / 1e9 / watch.seconds
                yield f"CPU {what}", "ms/GiB", watch.cpu * 1e3 * (1 << 30) / moved

    def _transfers(self, kind: str, operation: str, watch: _Stopwatch) -> int:
        import torch

        def anew() -> None:
            with self._pinned(watch, watch) as tensor:
                self._move(operation, tensor, watch)

        if kind == "pinned anew":
            return _repeat(self._size, anew, watch)
        if kind == "unpinned":
            ordinary = torch.empty(self._size, dtype=torch.uint8)
            return _repeat(self._size, lambda: self._move(operation, ordinary, watch), watch)
        with pinned_tensor(self._handle, self._size) as pinned:
            return _repeat(self._size, lambda: self._move(operation, pinned, watch), watch)

    @contextmanager
    def _pinned(self, allocation: _Stopwatch, release: _Stopwatch) -> Iterator[Any]:
        pinned = pinned_tensor(self._handle, self._size)
        with allocation.running():
            tensor = pinned.__enter__()
        yield tensor
        with release.running():
            pinned.__exit__(None, None, None)

    def _move(self, operation: str, tensor: Any, watch: _Stopwatch) -> None:
        # Not by torch, whose threads would go on to occupy the processors for some milliseconds.
        ctypes.memset(tensor.data_ptr(), _BYTE if operation == "write" else 0, self._size)
        # Each goes to the next place in the file, so that what the device has in a cache is no matter of
        # the tensor's size.
        self._offset += self._size
        if self._offset + self._size > self._file_size:
            self._offset = 0
        move = self._handle.sync_pwrite if operation == "write" else self._handle.sync_pread
        with watch.running():
            moved = move(tensor, self._file, self._offset)
        _Tensors._previous = tensor
        if moved != 1 or tensor[0] != _BYTE or tensor[-1] != _BYTE:
            raise RuntimeError(f"{operation} of {self._size} bytes: not every byte was moved")

    def _named(self, what: str) -> str:
        return f"{what} {in_words(self._size)}"


def fill(file: str, size: int) -> None:
    """Makes the file that the workers move: the first write to a place takes longer than later ones, because
    the file system notes that it holds data.
    """
    chunk = bytes([_BYTE]) * (1 << 20)
    with open(file, "r+b", buffering=0) as out:
        for at in range(0, size, len(chunk)):
            out.write(chunk[: size - at])
        os.fsync(out.fileno())
        os.posix_fadvise(out.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    """Loads the op, says whether its calls go to our libraries, and measures until standard input ends."""
    settings: dict[str, Any] = json.loads(sys.argv[1])
    with report_stream() as out:

        def send(message: object) -> None:
            print(json.dumps(message), file=out, flush=True)

        if settings["activate"] is not None:
            activate(**settings["activate"])
        with quiet():
            op = load_op()
        send([(binding.function, binding.ours) for binding in bindings()])
        # As DeepSpeed's configuration has it by default: requests overlap, and are submitted together.
        handle = op.aio_handle(
            settings["block_size"], settings["queue_depth"], False, True, settings["threads"]
        )
        for line in sys.stdin:
            send(list(_Tensors(handle, settings["file"], max(settings["sizes"]), int(line)).measure()))


if __name__ == "__main__":
    main()
