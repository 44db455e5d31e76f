"""Medians with their spread, of DeepSpeed and of this package's libraries beside it."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import Any

ORIGINAL, FIRST, BOTH = VARIANTS = ("DeepSpeed", "first library", "both libraries")

# "what", "unit", and [median, least, most] of each variant that was measured; under "CPU" the same of the
# processor time.
Row = dict[str, Any]


class Samples:
    """What was measured so far."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def add(self, variant: str, what: str, unit: str, value: float) -> None:
        """One measurement; "CPU " before `what` for the processor time of what was added under that name."""
        self._values[what, unit][variant].append(value)

    def rows(self) -> list[Row]:
        """In the order of the first measurements, but all sizes of a thing beside each other."""
        rows: dict[str, Row] = {}
        for (what, unit), values in self._values.items():
            row = {"unit": unit, **{variant: spread(some) for variant, some in values.items()}}
            if what.startswith("CPU "):
                rows[what[4:]]["CPU"] = row
            else:
                rows[what] = {"what": what, **row}
        groups = list(dict.fromkeys(map(_without_size, rows)))
        return sorted(rows.values(), key=lambda row: groups.index(_without_size(row["what"])))


def _without_size(what: str) -> str:
    return what.rsplit(maxsplit=2)[0]


def spread(values: list[float]) -> list[float]:
    """Median, least and most, to four digits."""
    return [float(f"{value:.4g}") for value in (median(values), min(values), max(values))]


def gain(row: Row) -> str:
    """How many times as good as DeepSpeed both libraries are; where that was not measured, as the first."""
    ours, other = row[BOTH][0], row[ORIGINAL if ORIGINAL in row else FIRST][0]
    low, high = (other, ours) if row["unit"] == "GB/s" else (ours, other)
    times = high / low if low > 0 else float("nan")
    return f"{times:.1f}x" if times < 10 else f"{times:.0f}x"


def table(rows: list[Row], detailed: bool) -> str:
    """The medians; detailed: with their spread, and the medians of processor time."""
    variants = [v for v in VARIANTS if any(v in row for row in rows)]
    cells = [["", *variants, "gain", *(f"CPU {v.split()[0]}" for v in variants if detailed)]]
    for row in rows:
        what, end = (f"{row['what']}, {row['unit']}", "") if detailed else (row["what"], f" {row['unit']}")
        medians = [in_words(row[v], detailed) + end if v in row else "" for v in variants]
        cpu = row.get("CPU", {})
        times = [in_words(cpu[v], False) if v in cpu else "" for v in variants if detailed]
        cells.append([what, *medians, gain(row), *times])
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join(
        "   ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]
        ).rstrip()
        for line in cells
    )


def in_words(spread: list[float], with_spread: bool) -> str:
    """Such as '3.33' or '3.33 [3.1 - 3.45]'."""
    middle, least, most = (f"{value:.0f}" if value >= 100 else f"{value:.3g}" for value in spread)
    return f"{middle} [{least} - {most}]" if with_spread else middle
