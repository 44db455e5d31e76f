#!/usr/bin/env python3
"""Measures the original and this library side by side, prints a table, and writes results.json and
results.svg. Builds nothing: `make bench` does that first, and then calls this.

Nothing is judged by a time limit: a figure short of its target is reported, not an error.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import machine
import microbench
import table
import targets
import transfers
from bench_file import BenchFile
from measured import GIB, KIB, MIB, Refused, in_words, write

BLOCK_OF_DEVICE = 4096  # O_DIRECT moves whole ones
UNITS = {"K": KIB, "M": MIB, "G": GIB}


@dataclass
class Extent:
    """How much is measured."""

    transfer_size: int
    block_sizes: list[int]
    queue_depths: list[int]
    transfer_rounds: int
    allocator_sizes: list[int]
    allocator_repetitions: int
    preparation_repetitions: int


FULL = Extent(GIB, [128 * KIB, MIB, 8 * MIB], [32, 128], 5, microbench.ALLOCATOR_SIZES, 5, 25)
QUICK = Extent(256 * MIB, [MIB], [32, 128], 3, [64 * MIB, GIB], 3, 7)


def main() -> None:
    arguments = _arguments()
    extent = QUICK if arguments.quick else FULL
    if arguments.size:
        extent.transfer_size = _size(arguments.size)
    json_file, svg_file = arguments.out / "results.json", arguments.out / "results.svg"
    try:
        _make_directory(arguments.out)
        results = _measure(arguments.build, arguments.dir, extent, arguments.quick)
        write(json_file, results)
        print("\n" + table.text(results) + "\n")
        _draw(json_file, svg_file)
    except Refused as refused:
        sys.exit(f"bench: {refused}")


def _make_directory(path: Path) -> None:
    """Before minutes are spent on results that have no place to go to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"{path} cannot be made: {error.strerror}.") from error


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help="CMake's build directory")
    parser.add_argument("--dir", type=Path, required=True, help="where the transferred file goes")
    parser.add_argument("--size", help="of that file, as in 512M or 2GiB (1GiB; quick 256MiB)")
    parser.add_argument("--quick", action="store_true", help="fewer sizes and rounds")
    parser.add_argument("--out", type=Path, required=True, help="where the results go")
    return parser.parse_args()


def _size(text: str) -> int:
    parts = re.fullmatch(r"([0-9]{1,15})(?:([KMG])(?:iB)?)?", text)
    if not parts:
        sys.exit(f"bench: SIZE={text} is not a size; give bytes, or a number with K, M or G, as in "
                 f"SIZE=512M or SIZE=2GiB.")
    size = int(parts[1]) * UNITS.get(parts[2], 1)
    if size == 0:
        sys.exit(f"bench: SIZE={text} is nothing to move; give at least SIZE=4K.")
    return -(-size // BLOCK_OF_DEVICE) * BLOCK_OF_DEVICE


def _progress(text: str) -> None:
    print(f"Measuring {text}", flush=True)


def _measure(build: Path, directory: Path, extent: Extent, quick: bool) -> dict[str, Any]:
    programs = _manifest(build)
    # Where files live in memory, there are two of them.
    needed = extent.transfer_size * (2 if machine.file_system(directory) == "tmpfs" else 1)
    if needed + microbench.MEMORY_MARGIN > machine.available_memory():
        raise Refused(
            f"{in_words(needed)} do not fit in the {machine.available_memory() // MIB} MiB of "
            f"memory that are available; choose a smaller SIZE."
        )
    # First, because it is what can be refused.
    with BenchFile(directory, extent.transfer_size) as file:
        about_machine = machine.describe(directory)
        swap = transfers.Swap(build / "bench" / "stage", Path(programs["transfer_bench"]),
                              Path(programs["original"]), Path(programs["ours"]))
        transfer_rows = transfers.measure(swap, file, extent.block_sizes, extent.queue_depths,
                                          extent.transfer_rounds, _progress)
    _progress("preparation")
    preparation_rows = microbench.preparation(programs["prep_bench"],
                                              extent.preparation_repetitions)
    sizes, notes = microbench.sizes_that_fit(extent.allocator_sizes)
    allocator_rows = []
    if sizes:
        _progress(f"the allocator, up to {in_words(sizes[-1])}")
        allocator_rows = microbench.allocator(programs["alloc_bench"], sizes,
                                              extent.allocator_repetitions)
    results = {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "quick": quick,
        "machine": about_machine,
        "versions": {
            "deepspeed": programs["deepspeed"],
            "library": swap.version,
            "compiler": programs["compiler"],
            "rustc": machine.first_line("rustc", "--version"),
            "google_benchmark": programs["google_benchmark"],
            "fio": machine.first_line("fio", "--version"),
        },
        "transfer_size": extent.transfer_size,
        "preparation": preparation_rows,
        "allocator": allocator_rows,
        "allocator_growth": microbench.growth(allocator_rows),
        "transfers": transfer_rows,
        "notes": notes + _notes(about_machine, swap, bool(allocator_rows), transfer_rows),
    }
    results["targets"] = targets.judge(results)
    return results


def _manifest(build: Path) -> dict[str, str]:
    manifest = build / "bench" / "manifest.json"
    try:
        return json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(f"{manifest} cannot be read; `make bench` makes it.") from error


def _notes(about: dict[str, Any], swap: transfers.Swap, allocator: bool,
           rows: list[dict[str, Any]]) -> list[str]:
    notes = []
    if allocator:
        notes.append(
            "Warm: each repetition of the allocator begins with an allocation that is not counted, "
            "and then takes the median of three of the same library. In a virtual machine memory "
            "that another run freed comes back from the host slowly, for either library."
        )
    if about["virtual"]:
        notes.append("This is a virtual machine: memory and disk of the host are shared.")
    if about["load_average_before"] > about["processors"] / 2:
        notes.append(
            f"Other programs kept this machine busy (load average {about['load_average_before']}): "
            f"take the figures as provisional."
        )
    if not swap.locked:
        notes.append("The kernel did not lock the buffers of the transfers (RLIMIT_MEMLOCK).")
    if any(row["variant"] == "fio" for row in rows):
        notes.append(
            "fio is the yardstick of the device: libaio, O_DIRECT, the same file, block sizes and "
            "depths, and huge pages under its buffers (glibc.malloc.hugetlb=1)."
        )
    else:
        notes.append("fio is not installed, so the device's own limit is not shown.")
    return notes


def _draw(json_file: Path, svg_file: Path) -> None:
    """With the first Python that has matplotlib: the one of the system may, where another one
    comes first in PATH."""
    for python in (sys.executable, "/usr/bin/python3"):
        if _imports_matplotlib(python):
            script = Path(__file__).with_name("plot.py")
            subprocess.run([python, str(script), str(json_file), str(svg_file)], check=True)
            print(f"Written: {_shown(json_file)}, {_shown(svg_file)}")
            return
    print(f"Written: {_shown(json_file)}. matplotlib is not installed, so nothing was drawn.")


def _imports_matplotlib(python: str) -> bool:
    try:
        return subprocess.run([python, "-c", "import matplotlib"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def _shown(path: Path) -> Path:
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path


def _end(number: int, _: Optional[object]) -> None:
    # As an exception, so that the program that runs at the moment is ended too.
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    try:
        main()
    except KeyboardInterrupt:
        print("\nbench: interrupted; nothing was written.", file=sys.stderr)
        sys.exit(130)
