"""Medians with their spread: as a table, and as results.json."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

ORIGINAL, ORIGINAL_O3, OURS, FIO = "original", "original -O3", "this library", "fio"

# "what", "unit", and [median, least, most] of each variant that was measured.
Row = dict[str, Any]


def row(what: str, unit: str, samples: dict[str, list[float]]) -> Row:
    figures = {
        variant: [float(f"{value:.4g}") for value in (median(values), min(values), max(values))]
        for variant, values in samples.items()
    }
    return {"what": what, "unit": unit, **figures}


def gain(row: Row) -> str:
    """How many times as good as the original this library is."""
    ours, original = row[OURS][0], row[ORIGINAL][0]
    times = ours / original if row["unit"] == "GB/s" else original / ours
    return f"{times:.1f}x" if times < 10 else f"{times:.0f}x"


def table(rows: list[Row], with_spread: bool) -> str:
    variants = [v for v in (ORIGINAL, ORIGINAL_O3, OURS, FIO) if any(v in row for row in rows)]
    cells = [["", *variants, "gain"]]
    for row in rows:
        cells.append([row["what"], *(_cell(row, v, with_spread) for v in variants), gain(row)])
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join(
        "   ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]
        )
        for line in cells
    )


def _cell(row: Row, variant: str, with_spread: bool) -> str:
    if variant not in row:
        return ""
    middle, least, most = map(short, row[variant])
    return f"{middle} [{least} - {most}] {row['unit']}" if with_spread else f"{middle} {row['unit']}"


def short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def write(path: Path, about: dict[str, Any], rows: list[Row]) -> None:
    """JSON with one row a line."""
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    text = json.dumps({**about, "rows": []}, indent=1).replace('"rows": []', f'"rows": [\n{lines}\n ]')
    path.write_text(text + "\n", encoding="utf-8")
