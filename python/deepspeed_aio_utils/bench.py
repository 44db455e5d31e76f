"""`python -m deepspeed_aio_utils bench`: DeepSpeed with and without the library, in two processes that
take turns, so that other load on the machine affects both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from .activation import activate
from .bench_worker import MODES
from .errors import ActivationError
from .report import stderr
from .sizes import in_words
from .streams import report_stream

_NAMES = {False: "DeepSpeed's own", True: "this library"}


@dataclass(frozen=True)
class Settings:
    """What is moved, and how."""

    directory: str
    size: int
    rounds: int
    block_size: int
    queue_depth: int
    threads: int


class _Worker:
    """A process that keeps DeepSpeed loaded and takes turns."""

    def __init__(self, settings: Settings, with_library: bool) -> None:
        self.name = _NAMES[with_library]
        command = [
            sys.executable,
            "-m",
            f"{__package__}.bench_worker",
            json.dumps({**asdict(settings), "activate": with_library}),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # Whether the calls of its ops go to this package's libraries.
        self.ours: list[bool] = self._read()

    def turn(self) -> dict[str, float]:
        """Seconds for each step."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, which _read() reports
        figures: dict[str, float] = self._read()
        return figures

    def end(self) -> None:
        """Ends it; it deletes its file."""
        self._process.communicate()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise _Failed(
                f"the process with {self.name} ended with status "
                f"{self._process.returncode}; its messages are above. "
                f"'python -m deepspeed_aio_utils check' shows what is missing."
            )
        return json.loads(line)


class _Failed(RuntimeError):
    """A worker ended early, or runs on the wrong library."""


def bench(settings: Settings, as_json: bool) -> int:
    """Prints the table; 0 if both could be measured, else 1."""
    try:
        # In this process only to report an error early.
        activate()
        turns = _measure(settings)
    except (ActivationError, _Failed) as error:
        stderr(f"bench: {error}")
        return 1
    with report_stream() as out:
        if as_json:
            json.dump({"settings": asdict(settings), "turns": turns}, out, indent=2)
            print(file=out)
        else:
            print(_table(settings, turns), file=out)
    return 0


def _measure(settings: Settings) -> dict[str, list[dict[str, float]]]:
    stderr("loading DeepSpeed twice (it compiles its ops first, if they do not exist yet)")
    workers: list[_Worker] = []
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in _NAMES.values()}
    try:
        for with_library in (False, True):
            worker = _Worker(settings, with_library)
            workers.append(worker)
            if worker.ours != [with_library]:
                raise _Failed(
                    f"some calls of the process with {worker.name} do not go there; the installed ops "
                    f"are linked against a library for good."
                )
        for number in range(settings.rounds + 1):
            for worker in workers:
                figures = worker.turn()
                # The first creates the file, and its memory is cold.
                if number > 0:
                    turns[worker.name].append(figures)
    finally:
        for worker in workers:
            worker.end()
    return turns


def _table(settings: Settings, turns: dict[str, list[dict[str, float]]]) -> str:
    without, with_library = (turns[name] for name in _NAMES.values())
    gigabytes, gib = settings.size / 1e9, settings.size / (1 << 30)
    rows = [["", *_NAMES.values(), ""]]

    def row(label: str, key: str, unit: str, scale: float, rate: bool) -> None:
        values = [
            [scale / t[key] if rate else scale * t[key] for t in some] for some in (without, with_library)
        ]
        low, high = (median(values[i]) for i in ((0, 1) if rate else (1, 0)))
        gain = f"{high / low:.1f}x" if low > 0 else "-"
        cells = [f"{median(v):.3g} [{min(v):.3g} - {max(v):.3g}] {unit}" for v in values]
        rows.append([label, *cells, gain])

    row("allocate and lock, memory cold", "pin first", "ms", 1e3, rate=False)
    row("allocate and lock, memory warm", "pin", "ms", 1e3, rate=False)
    row("unlock and free", "release", "ms", 1e3, rate=False)
    for mode in MODES:
        for what in ("write", "read"):
            row(f"{what}, {mode}", f"{what} {mode}", "GB/s", gigabytes, rate=True)
    for mode in MODES:
        for what in ("write", "read"):
            row(f"CPU per GiB, {what}, {mode}", f"{what} {mode} cpu", "ms", 1e3 / gib, rate=False)

    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "  ".join([r[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(r[1:], widths[1:]))]) for r in rows
    ]
    title = (
        f"{in_words(settings.size)} in {settings.directory}, blocks of "
        f"{in_words(settings.block_size)}, queue depth {settings.queue_depth}, "
        f"{settings.threads} thread(s), through aio_handle; medians [least - most] of "
        f"{settings.rounds} turns each, interleaved"
    )
    return "\n".join([title, "", *(line.rstrip() for line in lines)])
