"""What the library set out to reach, and how far it got."""

from __future__ import annotations

from typing import Any, Optional

from measured import GIB, MIB, Row, in_words, ratio, select
from transfers import MODES

TARGET_BLOCK = MIB
TARGET_DEPTHS = (32, 128)

# {"what", "target", "reached", "met"}: two sentences' worth of text, and whether one holds.
Verdict = dict[str, Any]


def judge(results: dict[str, Any]) -> list[Verdict]:
    return [
        *_preparation(results["preparation"]),
        *_allocator(results["allocator"]),
        *_transfers(results["transfers"]),
    ]


def _verdict(what: str, target: str, values: list[float], met: bool, unit: str = "x") -> Verdict:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    reached = f"{low}{unit}" if low == high else f"{low} to {high}{unit}"
    return {"what": what, "target": target, "reached": reached, "met": met}


def _preparation(rows: list[Row]) -> list[Verdict]:
    compared: dict[str, list[float]] = {"original": [], "original_o3": [], "floor": []}
    for ours in select(rows, variant="ours"):
        depth, mode = ours["queue_depth"], ours["mode"]
        for variant, values in compared.items():
            other = select(rows, variant=variant, queue_depth=depth,
                           mode="store" if variant == "floor" else mode)
            pair = (ours["ns_per_iocb"], other[0]["ns_per_iocb"]) if other else (None, None)
            # For the floor: how many times its cost. Else: how many times as fast.
            value = ratio(*pair) if variant == "floor" else ratio(*reversed(pair))
            if value is not None:
                values.append(value)
    verdicts = []
    if compared["original"]:
        values = compared["original"]
        verdicts.append(_verdict("preparation, speed to the original as shipped (-O0)",
                                 "at least 20x", values, min(values) >= 20))
    if compared["original_o3"]:
        values = compared["original_o3"]
        verdicts.append(_verdict("preparation, speed to the original at -O3 -march=native",
                                 "at least 1.3x", values, min(values) >= 1.3))
    if compared["floor"]:
        values = compared["floor"]
        verdicts.append(_verdict("preparation, cost to storing 64 bytes an iocb",
                                 "at most 2.5x", values, max(values) <= 2.5))
    return verdicts


def _allocator(rows: list[Row]) -> list[Verdict]:
    original = select(rows, variant="original", size=GIB)
    ours = select(rows, variant="ours", size=GIB)
    verdicts = []
    if original and ours:
        for key, what, least in (("lock_ms", "allocate and lock", 2),
                                 ("release_ms", "unlock and free", 10)):
            value = ratio(original[0][key], ours[0][key])
            if value is not None:
                verdicts.append(_verdict(f"{what} 1 GiB, warm, speed to the original",
                                         f"at least {least}x", [value], value >= least))
    return verdicts


def _transfers(rows: list[Row]) -> list[Verdict]:
    verdicts = []
    for operation in ("read", "write"):
        speeds, of_device, cpu, met = [], [], [], True
        for depth in TARGET_DEPTHS:
            for mode in MODES:
                where = {"operation": operation, "block_size": TARGET_BLOCK, "queue_depth": depth}
                original = _one(rows, variant="original", mode=mode, **where)
                ours = _one(rows, variant="ours", mode=mode, **where)
                if not original or not ours:
                    continue
                speed = ratio(ours["gb_per_s"], original["gb_per_s"])
                less_cpu = ratio(original["cpu_ms_per_gib"], ours["cpu_ms_per_gib"])
                if speed is not None and less_cpu is not None:
                    speeds.append(speed)
                    cpu.append(less_cpu)
                fio = _one(rows, variant="fio", **where)
                limit = ratio(ours["gb_per_s"], fio["gb_per_s"]) if fio else None
                if limit is not None:
                    of_device.append(limit)
                met = met and (
                    (speed or 0) >= 1.3 or (limit is not None and limit >= 1)
                )
        blocks = f"{in_words(TARGET_BLOCK)} blocks"
        if speeds:
            verdict = _verdict(f"{operation}, {blocks}, GB/s to the original's",
                               "at least 1.3x, or fio's GB/s", speeds, met)
            if of_device:
                verdict["reached"] += f" ({min(of_device):.2f} to {max(of_device):.2f}x fio's)"
            verdicts.append(verdict)
        if cpu:
            verdicts.append(_verdict(f"{operation}, {blocks}, CPU per GiB less than the original's",
                                     "at least 3x", cpu, min(cpu) >= 3))
    return verdicts


def _one(rows: list[Row], **wanted: Any) -> Optional[Row]:
    found = select(rows, **wanted)
    return found[0] if found else None
