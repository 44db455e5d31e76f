"""Draws results.json as an SVG beside it. The same figures give the same bytes.

usage: plot.py RESULTS.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib
from figures import FIO, ORIGINAL, ORIGINAL_O3, OURS, Row, short
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = {ORIGINAL: "#8c959f", ORIGINAL_O3: "#c4cad0", OURS: "#1f6fbf", FIO: "#e0925a"}
STYLE = {
    "svg.fonttype": "none",  # text, not outlines of glyphs
    "svg.hashsalt": "bench",
    "font.size": 9,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
}


def draw(axes: Axes, title: str, rows: list[Row], labels: list[str]) -> None:
    """A group of bars for each row, with the medians above them."""
    variants = [variant for variant in COLOURS if any(variant in row for row in rows)]
    width = 0.8 / len(variants)
    for index, variant in enumerate(variants):
        places = [place - 0.4 + width * (index + 0.5) for place in range(len(rows))]
        heights = [row[variant][0] for row in rows]
        bars = axes.bar(places, heights, width, color=COLOURS[variant], label=variant)
        axes.bar_label(bars, [short(height) for height in heights], fontsize=7.5)
    axes.set_xticks(range(len(rows)), labels)
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.set_title(title)


def main() -> None:
    path = Path(sys.argv[1])
    results = json.loads(path.read_text(encoding="utf-8"))
    rows = {row["what"]: row for row in results["rows"]}
    # DeepSpeed's default mode overlaps; the table has both.
    transfers = [what for what in rows if what.startswith(("write overlap", "read overlap"))]
    labels = [what.replace(" overlap ", "\n") for what in transfers]
    prepare = [what for what in rows if what.startswith("prepare")]

    matplotlib.rcParams.update(STYLE)
    drawing = Figure(figsize=(10, 6.4))
    axes = drawing.subplots(2, 2)
    draw(axes[0][0], "Transfers, GB/s (more is better)", [rows[what] for what in transfers], labels)
    draw(
        axes[0][1],
        "CPU time of transfers, ms per GiB (less is better)",
        [rows[f"CPU {what}"] for what in transfers],
        labels,
    )
    memory = [what for what in rows if what.endswith(("+lock", "+free"))]
    draw(
        axes[1][0],
        "Buffer of the same size, ms (less is better)",
        [rows[what] for what in memory],
        [what.replace("+", " and ") for what in memory],
    )
    draw(
        axes[1][1],
        "Prepare one iocb, ns (less is better)",
        [rows[what] for what in prepare],
        [what.split()[1] for what in prepare],
    )
    handles = {}
    for some in axes.flat:
        handles.update({label: handle for handle, label in zip(*some.get_legend_handles_labels())})
    drawing.legend(handles.values(), handles, loc="upper left", ncol=len(handles), frameon=False)
    about = results["machine"]
    drawing.text(
        0.015,
        0.012,
        f"Medians, {results['date']}; {results['transfers']}, overlap; "
        f"{about['cpu']}, {about['processors']} processors, Linux {about['kernel']}, "
        f"{about['file system']}",
        fontsize=7.5,
        color="#57606a",
    )
    drawing.tight_layout(rect=(0, 0.03, 1, 0.94), h_pad=2, w_pad=3)
    drawing.savefig(path.with_suffix(".svg"), metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
