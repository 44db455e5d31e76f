"""`dsaio bench`: tensors moved by DeepSpeed, with the first library and with both, in three processes that
take turns, so that other load on the machine affects all of them.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .activation import activate
from .bench_worker import fill
from .errors import ActivationError
from .figures import BOTH, FIRST, ORIGINAL, VARIANTS, Samples, table
from .fio import Fio, fio
from .report import stderr
from .sizes import in_words
from .streams import report_stream
from .symbols import LIBRARIES, LIBRARY_OF, UTILS
from .transfer import scratch_file

# The libraries of each process, and the arguments of activate(), None without it.
_LIBRARIES = {ORIGINAL: (), FIRST: (UTILS,), BOTH: LIBRARIES}
_ACTIVATE = {ORIGINAL: None, FIRST: {"transfers": False}, BOTH: {}}

_EXPLANATION = """\
Tensors in {settings.directory}, through aio_handle: blocks of {block}, queue depth {settings.queue_depth},
{settings.threads} thread(s), overlap.
  pinned        a locked tensor, moved again and again
  pinned anew   a locked tensor, allocated before each transfer and released after it
  unpinned      an ordinary tensor, which DeepSpeed copies through a locked buffer
The first library is libdeepspeed_aio_utils.so: activate(transfers=False).
Medians [least - most] of {settings.rounds} turns each. CPU is the process's time in ms/GiB; what the
kernel's own threads do is not in it."""


@dataclass(frozen=True)
class Settings:
    """What is moved, and how."""

    directory: str
    sizes: list[int]
    rounds: int
    block_size: int
    queue_depth: int
    threads: int


class _Worker:
    """A process that keeps DeepSpeed loaded and takes turns."""

    def __init__(self, settings: Settings, file: str, name: str) -> None:
        self.name = name
        command = [
            sys.executable,
            "-m",
            f"{__package__}.bench_worker",
            json.dumps({**asdict(settings), "file": file, "activate": _ACTIVATE[name]}),
        ]
        # The worker itself decides, also where DSAIO=1 would switch the libraries on in all.
        environment, pipe = {**os.environ, "DSAIO": "0"}, subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        # The functions that its ops call, and whether the calls go to this package's libraries.
        self._calls: list[tuple[str, bool]] = self._read()

    def check_libraries(self) -> None:
        """_Failed if its calls go to other libraries than they should."""
        for library in LIBRARIES:
            expected = library in _LIBRARIES[self.name]
            found = [ours for function, ours in self._calls if LIBRARY_OF[function] == library]
            if not found or (all if expected else any)(found) != expected:
                raise _Failed(
                    f"some calls of the process with {self.name} do not go there; the installed ops are "
                    f"linked against a library for good."
                )

    def turn(self, size: int) -> list[tuple[str, str, float]]:
        """What was measured with tensors of this size: its name, its unit and the value."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{size}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, which _read() reports
        figures: list[tuple[str, str, float]] = self._read()
        return figures

    def end(self) -> None:
        """Ends it."""
        self._process.communicate()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise _Failed(
                f"the process with {self.name} ended with status "
                f"{self._process.returncode}; its messages are above. "
                f"'dsaio check' shows what is missing."
            )
        return json.loads(line)


class _Failed(RuntimeError):
    """A worker ended early, or runs on the wrong library."""


def bench(settings: Settings, as_json: bool) -> int:
    """Prints the table; 0 if everything could be measured, else 1."""
    try:
        # In this process only to report an error early.
        activate()
        with scratch_file(Path(settings.directory)) as file:
            samples, device = _measure(settings, file)
    except (ActivationError, RuntimeError, OSError) as error:
        stderr(f"bench: {error}")
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            # fio has a file of its own.
            need = in_words(max(settings.sizes) * (1 if shutil.which("fio") is None else 2))
            stderr(f"bench: {settings.directory} needs {need}; give smaller --sizes, or another --dir.")
        return 1
    with report_stream() as out:
        if as_json:
            speeds = device and {"buffers": device.buffers, **device.speeds}
            json.dump({"settings": asdict(settings), "device": speeds, "rows": samples.rows()}, out, indent=2)
            print(file=out)
        else:
            print(_EXPLANATION.format(settings=settings, block=in_words(settings.block_size)), file=out)
            print(f"\n{table(samples.rows(), detailed=True)}\n", file=out)
            print(device or "With fio installed, the device's limit would be here.", file=out)
    return 0


def _measure(settings: Settings, file: str) -> tuple[Samples, Fio | None]:
    stderr("loading DeepSpeed three times (it compiles its ops first, if they do not exist yet)")
    workers: list[_Worker] = []
    samples = Samples()
    try:
        for name in VARIANTS:
            workers.append(_Worker(settings, file, name))
            workers[-1].check_libraries()
        fill(file, max(settings.sizes))
        with _device(settings) as device:
            for number in range(settings.rounds):
                stderr(f"round {number + 1} of {settings.rounds}")
                # What went first goes last, in case that makes a difference.
                workers.reverse()
                if device:
                    device.measure()
                for size in settings.sizes:
                    for worker in workers:
                        for what, unit, value in worker.turn(size):
                            samples.add(worker.name, what, unit, value)
    finally:
        for worker in workers:
            worker.end()
    return samples, device


@contextmanager
def _device(settings: Settings) -> Iterator[Fio | None]:
    if shutil.which("fio") is None:
        yield None
        return
    size = max(settings.sizes)
    # A file of its own, because fio writes other bytes than the workers expect.
    with scratch_file(Path(settings.directory)) as file:
        fill(file, size)
        with fio(file, size, settings.block_size, settings.queue_depth) as device:
            yield device
