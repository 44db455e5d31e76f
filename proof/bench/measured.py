"""What was measured: medians with their spread, and how they are written down."""

from __future__ import annotations

import json
import os
import statistics
from pathlib import Path
from typing import Any, Iterable, Optional

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

# A figure: {"median": ..., "min": ..., "max": ..., "runs": ...}
Figure = dict[str, Any]
# A row of results: what was measured, and its figures.
Row = dict[str, Any]


class Refused(Exception):
    """Something that the user can change; the text is the sentence to print."""


def figure(values: Iterable[float]) -> Figure:
    values = list(values)
    return {
        "median": _rounded(statistics.median(values)),
        "min": _rounded(min(values)),
        "max": _rounded(max(values)),
        "runs": len(values),
    }


def ratio(numerator: Optional[Figure], denominator: Optional[Figure]) -> Optional[float]:
    """Of the medians."""
    if not numerator or not denominator or denominator["median"] == 0:
        return None
    return _rounded(numerator["median"] / denominator["median"])


def _rounded(value: float) -> float:
    """Four digits say all that a measurement knows."""
    return float(f"{value:.4g}")


def select(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    """The rows that have these values."""
    return [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]


def in_words(size: int) -> str:
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} bytes"


def write(path: Path, results: dict[str, Any]) -> None:
    """In one step: an interruption leaves the old file."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise Refused(f"{path} cannot be written: {error.strerror}.") from error
