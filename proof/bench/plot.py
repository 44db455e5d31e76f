"""Draws results.json as an SVG beside it. The same figures give the same bytes.

usage: plot.py RESULTS.json
"""

from __future__ import annotations

import json
import re
import sys
from math import log2
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepspeed_aio_utils import sizes
from deepspeed_aio_utils.figures import BOTH, ORIGINAL

COLOURS = {BOTH: "#1f6fbf", ORIGINAL: "#8c959f"}
LINES = {"pinned": "-", "unpinned": "--"}
STYLE = {
    "svg.fonttype": "none",  # text, not outlines of glyphs
    "svg.hashsalt": "bench",
    "font.size": 9,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(axes: Axes, operation: str, results: dict[str, Any]) -> None:
    """Speed over the size of the tensor, below what the device gives."""
    limit = results["device"][operation][0]
    axes.axhline(limit, color="#e0925a", linewidth=5, alpha=0.5, label="the device's limit (fio)")
    for variant, colour in COLOURS.items():
        for kind, line in LINES.items():
            name = re.compile(f"{operation} {kind} ([0-9].*)")
            found = [(name.fullmatch(row["what"]), row) for row in results["rows"]]
            speeds = {match[1]: row[variant][0] for match, row in found if match}
            places = [log2(sizes.parse(size.replace(" ", ""))) for size in speeds]
            label = f"{variant}, {kind}"
            axes.plot(places, speeds.values(), line, color=colour, marker="o", markersize=3.5, label=label)
            axes.set_xticks(places, [size.replace(" MiB", "") for size in speeds])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("size of the tensor, MiB")
    axes.set_title(f"{operation.capitalize()}s, GB/s (more is better)")


def main() -> None:
    path = Path(sys.argv[1])
    results = json.loads(path.read_text(encoding="utf-8"))
    matplotlib.rcParams.update(STYLE)
    drawing = Figure(figsize=(10, 4.2))
    panels = drawing.subplots(1, 2)
    for axes, operation in zip(panels, ("write", "read")):
        draw(axes, operation, results)
    handles, labels = panels[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="upper left", ncol=len(labels), frameon=False)
    about = results["machine"]
    drawing.text(
        0.015,
        0.015,
        f"Medians, {results['date']}; {results['tensors']}; {about['cpu']}, {about['processors']} "
        f"processors, Linux {about['kernel']}, {about['file system']}; fio with {results['fio with']}",
        fontsize=7.5,
        color="#57606a",
    )
    drawing.tight_layout(rect=(0, 0.03, 1, 0.93), w_pad=3)
    drawing.savefig(path.with_suffix(".svg"), metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
