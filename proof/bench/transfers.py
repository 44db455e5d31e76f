"""Transfers: one program on the original's library and on ours, and fio as a yardstick."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any, Callable, Optional

from bench_file import BenchFile
from measured import GIB, Refused, Row, figure

MODES = ("sequential", "overlap")

# Times of one run of fio for each configuration. It is no part of a ratio, so it may be short; the
# ramp leaves its first touch of its own buffers out.
FIO_RAMP = "500ms"
FIO_RUNTIME = "750ms"

# Gives fio's own buffers huge pages, with glibc 2.35 and later: a yardstick should show what the
# device can do, not what small pages cost.
FIO_ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}

# (variant, mode, operation, block size, queue depth), and its costs: (GB/s, CPU ms per GiB)
Key = tuple[str, str, str, int, int]
Costs = dict[Key, list[tuple[float, float]]]


class Swap:
    """The same program in two directories, each with the library that it runs on."""

    def __init__(self, stage: Path, program: Path, original: Path, ours: Path):
        self.version = "unknown"
        self.locked = True
        self._programs: dict[str, Path] = {}
        for variant, library in (("original", original), ("ours", ours)):
            directory = stage / variant
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            shutil.copy2(library, directory / "libdeepspeed_aio_utils.so")
            self._programs[variant] = Path(shutil.copy2(program, directory))

    def run(self, variant: str, file: BenchFile, seed: int, blocks: list[int],
            depths: list[int], costs: Costs) -> None:
        command = [
            str(self._programs[variant]), file.path, str(file.size), str(seed),
            ",".join(map(str, blocks)), ",".join(map(str, depths)),
        ]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lines = [json.loads(line) for line in run.stdout.splitlines()]
        if lines and lines[-1].get("verified") is False:
            raise Refused(f"{variant}: what was read is not what was written.")
        if run.returncode != 0:
            reason = run.stderr.strip().splitlines()
            raise Refused(
                f"the transfers on {variant} ended with status {run.returncode}"
                f"{': ' + reason[-1] if reason else ''}"
            )
        self._note_library(variant, lines[0])
        for line in lines[1:-1]:
            key = (variant, line["mode"], line["operation"], line["block_size"],
                   line["queue_depth"])
            costs[key].append((
                file.size / line["seconds"] / 1e9,
                line["cpu_seconds"] * 1e3 * GIB / file.size,
            ))

    def _note_library(self, variant: str, line: dict[str, Any]) -> None:
        if (line["library"] == "original") != (variant == "original"):
            raise Refused("transfer_bench did not run on the library that was put next to it.")
        if variant == "ours":
            self.version = line["library"]
        self.locked = self.locked and line["locked"]


def measure(swap: Swap, file: BenchFile, blocks: list[int], depths: list[int], rounds: int,
            progress: Callable[[str], None]) -> list[Row]:
    """Rows of variant, mode, operation, block_size, queue_depth and the figures gb_per_s and
    cpu_ms_per_gib. fio has no modes; its rows have None."""
    costs: Costs = defaultdict(list)
    participants = ["original", "ours"] + (["fio"] if shutil.which("fio") else [])
    for number in range(rounds):
        progress(f"transfers, round {number + 1} of {rounds}")
        # Everyone is first, and everyone comes after everyone else.
        shift = number % len(participants)
        for participant in participants[shift:] + participants[:shift]:
            if participant == "fio":
                _fio(file, blocks, depths, costs)
            else:
                swap.run(participant, file, number + 1, blocks, depths, costs)
    rows = [_row(key, runs) for key, runs in costs.items()]
    order = ("operation", "block_size", "queue_depth", "mode", "variant")
    return sorted(rows, key=lambda row: [row[key] or "" for key in order])


def _row(key: Key, runs: list[tuple[float, float]]) -> Row:
    variant, mode, operation, block_size, queue_depth = key
    return {
        "variant": variant,
        "mode": mode or None,
        "operation": operation,
        "block_size": block_size,
        "queue_depth": queue_depth,
        "gb_per_s": figure(run[0] for run in runs),
        "cpu_ms_per_gib": figure(run[1] for run in runs),
    }


def _fio(file: BenchFile, blocks: list[int], depths: list[int], costs: Costs) -> None:
    command = [
        "fio", "--output-format=json", "--ioengine=libaio", "--direct=1",
        f"--filename={file.path}", f"--size={file.size}", "--time_based",
        f"--ramp_time={FIO_RAMP}", f"--runtime={FIO_RUNTIME}",
    ]
    configurations = [
        (operation, block, depth)
        for operation in ("write", "read") for block in blocks for depth in depths
    ]
    for operation, block, depth in configurations:
        command += [
            f"--name={operation}/{block}/{depth}", "--stonewall", f"--rw={operation}",
            f"--bs={block}", f"--iodepth={depth}",
        ]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         env={**os.environ, **FIO_ENVIRONMENT})
    if run.returncode != 0:
        raise Refused(f"fio ended with status {run.returncode}: {run.stderr.strip()}")
    # Warnings may stand before the JSON.
    jobs = json.loads(run.stdout[run.stdout.index("{"):])["jobs"]
    for (operation, block, depth), job in zip(configurations, jobs):
        cost = _fio_cost(job, operation)
        if cost:
            costs["fio", "", operation, block, depth].append(cost)


def _fio_cost(job: dict[str, Any], operation: str) -> Optional[tuple[float, float]]:
    done = job[operation]
    if not done["io_bytes"]:
        return None
    cpu_ms = (job["usr_cpu"] + job["sys_cpu"]) / 100 * done["runtime"]
    return done["bw_bytes"] / 1e9, cpu_ms * GIB / done["io_bytes"]
