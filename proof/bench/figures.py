"""Medians with their spread: as a table, and as results.json."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

ORIGINAL, FIRST, BOTH = "original", "first library", "both libraries"

# "what", "unit", and [median, least, most] of each variant that was measured; under "CPU" the same of the
# processor time.
Row = dict[str, Any]


def spread(values: list[float]) -> list[float]:
    """Median, least and most, to four digits."""
    return [float(f"{value:.4g}") for value in (median(values), min(values), max(values))]


def row(unit: str, samples: dict[str, list[float]]) -> Row:
    return {"unit": unit, **{variant: spread(values) for variant, values in samples.items()}}


def gain(row: Row) -> str:
    """How many times as good as the original both libraries are; where it was not measured, as the first."""
    ours, other = row[BOTH][0], row[ORIGINAL if ORIGINAL in row else FIRST][0]
    times = ours / other if row["unit"] == "GB/s" else other / ours
    return f"{times:.1f}x" if times < 10 else f"{times:.0f}x"


def table(rows: list[Row], detailed: bool) -> str:
    """The medians; detailed: with their spread, and the medians of processor time."""
    variants = [v for v in (ORIGINAL, FIRST, BOTH) if any(v in row for row in rows)]
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
    middle, least, most = map(_short, spread)
    return f"{middle} [{least} - {most}]" if with_spread else middle


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def write(path: Path, about: dict[str, Any], rows: list[Row]) -> None:
    """JSON with one row a line."""
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    text = json.dumps({**about, "rows": []}, indent=1).replace('"rows": []', f'"rows": [\n{lines}\n ]')
    path.write_text(text + "\n", encoding="utf-8")
