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
from collections import defaultdict
from pathlib import Path
from typing import Any

import figures
from figures import FIO, ORIGINAL, ORIGINAL_O3, OURS, Row
from scratch_file import BenchError, scratch_file

from deepspeed_aio_utils import sizes, system_checks
from deepspeed_aio_utils.sizes import in_words

KIB, MIB = 1 << 10, 1 << 20
DEPTH = 32  # also in measurements.cpp
LOOPS_FILE = 64 * MIB  # also in loop_measurements.cpp

# (what was measured, its unit): the values by variant
Samples = dict[tuple[str, str], dict[str, list[float]]]


class Bench:
    """The programs that are run, and what they have measured so far."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self._tool = manifest["tool"]
        self._libraries = manifest["libraries"]
        self._loops = manifest["loops"]
        self._samples: Samples = defaultdict(lambda: defaultdict(list))
        self._order = [ORIGINAL, ORIGINAL_O3, OURS]

    def rows(self) -> list[Row]:
        return [figures.row(what, unit, samples) for (what, unit), samples in self._samples.items()]

    def turn(self) -> None:
        """Begins a round: what went first in the last one goes last, in case that makes a difference."""
        self._order.reverse()

    def transfers(self, path: str, size: int, configurations: list[tuple[str, int]]) -> None:
        """Writes and reads the file with both libraries."""
        arguments = [str(word) for configuration in configurations for word in configuration]
        for variant in self._in_order(ORIGINAL, OURS):
            libraries = self._libraries[variant], self._loops[ORIGINAL]
            self._measure(variant, *libraries, path, str(size), *arguments)

    def loops(self, place: str, path: str) -> None:
        """Moves many small transfers with DeepSpeed's loops and with ours, with the same buffers."""
        for variant in self._in_order(ORIGINAL, OURS):
            self._measure(variant, self._libraries[OURS], self._loops[variant], "loops", place, path)

    def preparation(self) -> None:
        """Prepares iocbs that are not submitted."""
        for variant in self._order:
            self._measure(variant, self._libraries[variant], self._loops[ORIGINAL], "prepare")

    def fio(self, path: str, size: int, configurations: list[tuple[str, int]]) -> None:
        """What the device gives, by fio's libaio engine."""
        # Huge pages for its buffers as well (glibc 2.35 and later).
        environment = {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
        for block in sorted({block for _, block in configurations}):
            for operation in ("write", "read"):
                command = (
                    f"fio --name=fio --output-format=json --ioengine=libaio --direct=1 --filename={path} "
                    f"--size={size} --rw={operation} --bs={block} --iodepth={DEPTH} --time_based "
                    f"--ramp_time=500ms --runtime=750ms"
                )
                output = _run(FIO, command.split(), environment)
                # Warnings may come before the JSON.
                job = json.loads(output[output.index("{") :])["jobs"][0][operation]
                # fio does not have DeepSpeed's two modes.
                for mode in {mode for mode, of_mode in configurations if of_mode == block}:
                    what = f"{operation} {mode} {in_words(block)}"
                    self._samples[what, "GB/s"][FIO].append(job["bw_bytes"] / 1e9)

    def _in_order(self, *variants: str) -> list[str]:
        return [variant for variant in self._order if variant in variants]

    def _measure(self, variant: str, *arguments: str) -> None:
        for line in _run(variant, [self._tool, *arguments]).splitlines():
            *words, unit, value = line.split()
            what = " ".join(in_words(int(word)) if word.isdigit() else word for word in words)
            self._samples[what, unit][variant].append(float(value))


def _run(name: str, command: list[str], environment: dict[str, str] | None = None) -> str:
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
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
        bench.transfers(path, size, [("overlap", MIB)])
    rows = {row["what"].split()[0]: row for row in bench.rows()}
    rows.pop("CPU")
    print(
        f"\n{in_words(size)} with O_DIRECT, through the loops of DeepSpeed "
        f"{manifest['versions']['DeepSpeed']}; medians of {rounds} rounds\n"
    )
    print(figures.table([{**row, "what": name} for name, row in rows.items()], with_spread=False))
    if not _lockable(size):
        print(
            f"\nThe kernel does not lock buffers of this size for you; only locked ones are faster. "
            f"{system_checks.RAISE_MEMLOCK}."
        )
    write, read = (figures.gain(rows[name]).replace("x", " times") for name in ("write", "read"))
    print(f"\nBoth moved the same bytes; this library wrote {write} and read {read} as fast as the original.")


def _bench(manifest: dict[str, Any], path: str, size: int, build: Path, quick: bool) -> None:
    bench = Bench(manifest)
    blocks = [MIB] if quick else [MIB, 128 * KIB]
    configurations = [(mode, block) for block in blocks for mode in ("overlap", "sequential")]
    about = _about(manifest, size)
    rounds = 3 if quick else 5
    for number in range(rounds):
        _progress(f"round {number + 1} of {rounds}")
        bench.turn()
        bench.transfers(path, size, configurations)
        bench.fio(path, size, configurations)
    places = {"disk": _directory(), "tmpfs": "/dev/shm"}
    for number in range(rounds):
        _progress(f"the loops alone, round {number + 1} of {rounds}")
        bench.turn()
        for place, directory in places.items():
            with scratch_file(directory, LOOPS_FILE) as loops_path:
                bench.loops(place, loops_path)
    _progress("the preparation of iocbs")
    for _ in range(5 * rounds):
        bench.turn()
        bench.preparation()
    rows = bench.rows()
    print(
        f"\n{in_words(size)}, queue depth {DEPTH}; medians [least - most]; "
        f"disk, tmpfs: one transfer by DeepSpeed's loops and by ours, with the same buffers; "
        f"prepare: for one iocb, 128 at a time\n"
    )
    print(figures.table(rows, with_spread=True))
    results = (build if quick else Path(__file__).parent) / "results.json"
    figures.write(results, about, rows)
    _run("plot.py", [sys.executable, str(Path(__file__).with_name("plot.py")), str(results)])
    print(f"\nWritten: {results} and .svg")


def _progress(text: str) -> None:
    print(f"Measuring: {text}", flush=True)


def _lockable(size: int) -> bool:
    lockable = system_checks.lockable_bytes()
    return lockable is None or size <= lockable


def _about(manifest: dict[str, Any], size: int) -> dict[str, Any]:
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
        "versions": {**manifest["versions"], "fio": _run(FIO, ["fio", "--version"]).strip()},
        "transfers": f"{in_words(size)}, queue depth {DEPTH}",
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
    except BenchError as error:
        sys.exit(f"{sys.argv[1]}: {error}")
