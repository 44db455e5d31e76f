"""Preparation and allocator: runs the two Google Benchmark programs and reads what they report."""

from __future__ import annotations

import json
import subprocess
from typing import Any, Optional

import machine
from measured import GIB, MIB, Refused, Row, figure, in_words, ratio, select

ALLOCATOR_SIZES = [64 * MIB << step for step in range(7)]  # 64 MiB to 4 GiB
# Beside the buffer, for the program and for everyone else.
MEMORY_MARGIN = 256 * MIB


def preparation(program: str, repetitions: int) -> list[Row]:
    """Rows of variant, mode, queue_depth and the figure ns_per_iocb."""
    rows = []
    for name, runs in _repetitions([program], repetitions).items():
        variant, mode, depth = name.split("/")[:3]
        rows.append({
            "variant": variant,
            "mode": mode,
            "queue_depth": int(depth),
            "ns_per_iocb": figure(run["ns_per_iocb"] for run in runs),
        })
    return sorted(rows, key=lambda row: (row["mode"], row["queue_depth"], row["variant"]))


def allocator(program: str, sizes: list[int], repetitions: int) -> list[Row]:
    """Rows of variant, size and the figures lock_ms, lock_ms_per_gib, release_ms."""
    rows = []
    command = [program, *map(str, sizes)]
    for name, runs in _repetitions(command, repetitions).items():
        variant, size = name.split("/")[:2]
        row: Row = {"variant": variant, "size": int(size)}
        row["lock_ms"] = figure(run["lock_ms"] for run in runs)
        row["lock_ms_per_gib"] = figure(run["lock_ms"] * GIB / int(size) for run in runs)
        if "release_ms" in runs[0]:
            row["release_ms"] = figure(run["release_ms"] for run in runs)
        rows.append(row)
    return sorted(rows, key=lambda row: (row["size"], row["variant"]))


def growth(rows: list[Row]) -> dict[str, Optional[float]]:
    """How much more a GiB costs in the largest buffer than in the smallest, by variant."""
    sizes = sorted({row["size"] for row in rows})
    if not sizes:
        return {}
    growth = {}
    for variant in sorted({row["variant"] for row in rows}):
        first, last = (
            select(rows, variant=variant, size=size) for size in (sizes[0], sizes[-1])
        )
        if first and last:
            growth[variant] = ratio(last[0]["lock_ms_per_gib"], first[0]["lock_ms_per_gib"])
    return growth


def sizes_that_fit(sizes: list[int]) -> tuple[list[int], list[str]]:
    """The sizes that this process can lock, and sentences about those that it cannot."""
    notes = []
    memory = machine.available_memory() - MEMORY_MARGIN
    fitting = [size for size in sizes if size <= memory]
    if len(fitting) < len(sizes):
        notes.append(
            f"Buffers of {in_words(sizes[len(fitting)])} and more were left out: they do not fit "
            f"in the memory that is available."
        )
    lockable = machine.lockable_memory()
    if lockable is not None and any(size > lockable for size in fitting):
        fitting = [size for size in fitting if size <= lockable]
        notes.append(
            f"RLIMIT_MEMLOCK is {lockable // 1024} KiB, so larger buffers could not be locked and "
            f"were left out; run as root, or raise the limit with ulimit -l."
        )
    return fitting, notes


def _repetitions(command: list[str], repetitions: int) -> dict[str, list[dict[str, Any]]]:
    """Every benchmark's repetitions; those of different benchmarks ran in random order."""
    run = subprocess.run(
        [
            *command,
            "--benchmark_enable_random_interleaving=true",
            f"--benchmark_repetitions={repetitions}",
            "--benchmark_format=json",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if run.returncode != 0:
        raise Refused(f"{command[0]} ended with status {run.returncode}: {run.stderr.strip()}")
    found: dict[str, list[dict[str, Any]]] = {}
    for benchmark in json.loads(run.stdout)["benchmarks"]:
        if benchmark.get("error_occurred"):
            raise Refused(f"{benchmark['name']}: {benchmark['error_message']}.")
        if benchmark["run_type"] == "iteration":
            found.setdefault(benchmark["run_name"], []).append(benchmark)
    return found
