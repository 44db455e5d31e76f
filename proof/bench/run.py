"""Measures the original library, this one and fio in turn, on the same file.

usage: run.py demo|bench BUILD_DIRECTORY [check]

With `check` it only finds out whether it can work here. SIZE, DIR and QUICK come from the
environment; scripts/bench.sh, which calls this, describes them.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from scratch_file import BenchError, fill, scratch_file

from deepspeed_aio_utils import figures, sizes, system_checks
from deepspeed_aio_utils.figures import BOTH, FIRST, ORIGINAL, Row, Samples
from deepspeed_aio_utils.fio import fio
from deepspeed_aio_utils.sizes import in_words

MIB = 1 << 20
BLOCK, DEPTH = MIB, 8  # DeepSpeed's defaults; also in tensor_measurements.cpp
TENSORS = [1 * MIB, 2 * MIB, 4 * MIB, 8 * MIB, 16 * MIB, 32 * MIB, 64 * MIB]  # and SIZE
KINDS = ["pinned", "pinned anew", "unpinned"]
LOOPS_FILE = 16 * MIB  # also in loop_measurements.cpp

EXPLANATION = """\
Tensors, moved as DeepSpeed's aio_handle moves them, with its default settings ({moved}):
  pinned        a locked buffer, moved again and again
  pinned anew   a locked buffer, allocated before each transfer and released after it
  unpinned      ordinary memory, copied through a buffer that is allocated for each transfer
disk, tmpfs: one transfer by DeepSpeed's loops and by ours, with the same buffers.
Medians [least - most]. CPU is the process's time, in ms/GiB, of disk and tmpfs in us. What the kernel's own
threads do is not in it: that is a third of what DeepSpeed's write of a single 4 KiB block takes, and
none of ours."""


class Bench:
    """The programs that are run, and what they have measured so far."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self._tool = manifest["tool"]
        (utils, common), ours = manifest["original"], manifest["ours"]
        self._libraries = {ORIGINAL: (utils, common), FIRST: (ours[0], common), BOTH: ours}
        self._order = list(self._libraries)
        self.samples = Samples()

    def turn(self) -> None:
        """Begins a round: what went first in the last one goes last, in case that makes a difference."""
        self._order.reverse()

    def tensors(self, path: str, size: int, tensor: int, kinds: list[str], variants: list[str]) -> None:
        """Moves a tensor through a file of `size` bytes."""
        self._measure(variants, "tensors", path, str(size), str(tensor), *kinds)

    def loops(self, place: str, path: str) -> None:
        """Moves many small transfers with DeepSpeed's loops and with ours, with the same buffers."""
        self._measure([FIRST, BOTH], "loops", place, path)

    def _measure(self, variants: list[str], *arguments: str) -> None:
        for variant in self._order:
            if variant in variants:
                for line in _run(variant, [self._tool, *self._libraries[variant], *arguments]).splitlines():
                    *words, unit, value = line.split()
                    what = " ".join(in_words(int(word)) if word.isdigit() else word for word in words)
                    self.samples.add(variant, what, unit, float(value))


def _run(name: str, command: list[str]) -> str:
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode == -signal.SIGKILL:
        raise BenchError(
            f"{name} was killed, as the kernel does when memory runs out; choose a smaller SIZE."
        )
    if run.returncode != 0:
        last_line = run.stderr.strip().splitlines()[-1:]
        raise BenchError(f"{name} ended with status {run.returncode}: {' '.join(last_line)}")
    return run.stdout


def _demo(manifest: dict[str, Any], path: str, size: int) -> None:
    bench = Bench(manifest)
    rounds = 3
    for number in range(rounds):
        _progress(f"round {number + 1} of {rounds}")
        bench.turn()
        bench.tensors(path, size, size, ["pinned"], [ORIGINAL, BOTH])
    rows = {row["what"].split()[0]: row for row in bench.samples.rows()}
    print(
        f"\n{in_words(size)} with O_DIRECT, moved by DeepSpeed {manifest['versions']['DeepSpeed']} and by "
        f"both libraries; medians of {rounds} rounds\n"
    )
    print(figures.table([{**row, "what": name} for name, row in rows.items()], detailed=False))
    if not _lockable(size):
        print(
            f"\nThe kernel does not lock buffers of this size for you; only locked ones are faster. "
            f"{system_checks.RAISE_MEMLOCK}."
        )
    write, read = (figures.gain(rows[name]).replace("x", " times") for name in ("write", "read"))
    print(f"\nBoth moved the same bytes; ours wrote {write} and read {read} as fast as DeepSpeed's own.")


def _bench(manifest: dict[str, Any], path: str, size: int, build: Path, quick: bool) -> None:
    bench = Bench(manifest)
    rounds = 3 if quick else 5
    tensors = [tensor for tensor in TENSORS if tensor < size] + [size]
    with fio(path, size, BLOCK, DEPTH) as device:
        for number in range(rounds):
            _progress(f"round {number + 1} of {rounds}")
            bench.turn()
            device.measure()
            for tensor in tensors[1::2] if quick else tensors:
                bench.tensors(path, size, tensor, KINDS, [ORIGINAL, FIRST, BOTH])
            for place, directory in {"disk": _directory(), "tmpfs": "/dev/shm"}.items():
                with scratch_file(directory, LOOPS_FILE) as loops_path:
                    bench.loops(place, loops_path)
    rows = bench.samples.rows()
    moved = f"blocks of {in_words(BLOCK)}, queue depth {DEPTH}, overlap"
    print(f"\n{EXPLANATION.format(moved=moved)}\n")
    print(figures.table(rows, detailed=True))
    print(f"\n{device}")
    speeds = {operation: figures.spread(values) for operation, values in device.speeds.items()}
    about = {**_about(manifest), "tensors": moved, "fio with": device.buffers, "device": speeds}
    results = (build if quick else Path(__file__).parent) / "results.json"
    _write(results, about, rows)
    _run("plot.py", [sys.executable, str(Path(__file__).with_name("plot.py")), str(results)])
    print(f"\nWritten: {results} and .svg")


def _write(path: Path, about: dict[str, Any], rows: list[Row]) -> None:
    """JSON with one row a line."""
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    text = json.dumps({**about, "rows": []}, indent=1).replace('"rows": []', f'"rows": [\n{lines}\n ]')
    path.write_text(text + "\n", encoding="utf-8")


def _progress(text: str) -> None:
    print(f"Measuring: {text}", flush=True)


def _lockable(size: int) -> bool:
    lockable = system_checks.lockable_bytes()
    return lockable is None or size <= lockable


def _about(manifest: dict[str, Any]) -> dict[str, Any]:
    cpu = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "date": datetime.date.today().isoformat(),
        "machine": {
            "cpu": cpu[0] if cpu else platform.machine(),
            "processors": len(os.sched_getaffinity(0)),
            "memory": in_words(memory),
            "kernel": platform.release().split("-")[0],
            "huge pages": system_checks.huge_pages().value,
            "file system": _run("df", ["df", "--output=fstype", _directory()]).split()[-1],
        },
        "versions": {**manifest["versions"], "fio": _run("fio", ["fio", "--version"]).strip()},
    }


def _directory() -> str:
    return os.environ.get("DIR") or sys.argv[2]


def main() -> None:
    purpose, build, only_check = sys.argv[1], Path(sys.argv[2]), sys.argv[3:] == ["check"]
    quick = os.environ.get("QUICK", "0") not in ("", "0")
    text = os.environ.get("SIZE") or ("256MiB" if quick else "1GiB")
    try:
        size = sizes.parse(text)
    except ValueError as error:
        raise BenchError(f"SIZE: {error}.") from error
    if size == 0 or size % 4096:
        raise BenchError(f"SIZE={text} is not a multiple of 4096 bytes, which O_DIRECT requires.")
    if purpose == "bench" and not _lockable(size):
        raise BenchError(f"the kernel does not lock {in_words(size)} for you. {system_checks.RAISE_MEMLOCK}.")
    with scratch_file(_directory(), size) as path:
        if only_check:
            return
        fill(path, size)
        manifest = json.loads((build / "proof/bench/manifest.json").read_text(encoding="utf-8"))
        if purpose == "demo":
            _demo(manifest, path, size)
        else:
            _bench(manifest, path, size, build, quick)


if __name__ == "__main__":
    # As an exception, so that the program that is being run ends too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except RuntimeError as error:
        sys.exit(f"{sys.argv[1]}: {error}")
