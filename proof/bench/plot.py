#!/usr/bin/env python3
"""Draws results.json as one SVG. The same results give the same file, byte for byte."""

from __future__ import annotations

import json
import sys
from typing import Any, Callable, Optional

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt  # noqa: E402  (after the choice of backend)
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure as Drawing  # noqa: E402

from measured import Figure, Row, in_words, ratio, select  # noqa: E402

COLOURS = {
    "original": "#8c959f",
    "original_o3": "#c4cad0",
    "ours_1_thread": "#8fc1ea",
    "ours": "#1f6fbf",
    "limit": "#c2410c",
}
LABELS = {
    "original": "original (-O0, as shipped)",
    "original_o3": "original (-O3 -march=native)",
    "ours_1_thread": "this library, 1 thread",
    "ours": "this library",
    "limit": "least possible (clearing, storing), or fio",
}
# The mode that is drawn; the table has both. DeepSpeed's default configuration overlaps.
MODE = "overlap"

STYLE = {
    "svg.hashsalt": "bench",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "xtick.labelsize": 7.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#57606a",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#e4e8ec",
    "figure.facecolor": "white",
}

# (variant, group) to the figure that is drawn there, if any.
Lookup = Callable[[str, Any], Optional[Figure]]


def bars(axes: Axes, groups: list[Any], names: list[str], variants: list[str], value: Lookup,
         limit: Lookup, better: Callable[[Figure, Figure], Optional[float]]) -> None:
    """A bar for each variant in each group, its spread, the limit as a line across the group, and
    above our bar how many times better than the original's it is."""
    width = 0.8 / len(variants)
    for index, variant in enumerate(variants):
        for place, group in enumerate(groups):
            figure = value(variant, group)
            if figure is None:
                continue
            x = place - 0.4 + width * (index + 0.5)
            median = figure["median"]
            spread = [[median - figure["min"]], [figure["max"] - median]]
            axes.bar(x, median, width * 0.92, color=COLOURS[variant], yerr=spread,
                     error_kw={"ecolor": "#424a53", "elinewidth": 0.8, "capsize": 1.5})
            original = value("original", group)
            times = better(original, figure) if variant == "ours" and original else None
            if times is not None:
                axes.annotate(f"{times:.1f}x" if times < 10 else f"{times:.0f}x",
                              (x, figure["max"]), textcoords="offset points", xytext=(0, 2),
                              ha="center", va="bottom", fontsize=7.5, fontweight="bold",
                              color=COLOURS["ours"])
    for place, group in enumerate(groups):
        figure = limit("limit", group)
        if figure is not None:
            axes.hlines(figure["median"], place - 0.43, place + 0.43, color=COLOURS["limit"],
                        linewidth=1.4, zorder=3)
    axes.set_xticks(range(len(groups)), names)
    axes.tick_params(length=0, axis="x")
    axes.margins(y=0.12)


def faster(original: Figure, ours: Figure) -> Optional[float]:
    return ratio(original, ours)


def higher(original: Figure, ours: Figure) -> Optional[float]:
    return ratio(ours, original)


def figure_of(rows: list[Row], key: str, **wanted: Any) -> Optional[Figure]:
    found = select(rows, **wanted)
    return found[0].get(key) if found else None


def nothing(_: str, __: Any) -> None:
    return None


def draw_preparation(axes: Axes, rows: list[Row]) -> None:
    groups = [(mode, depth) for mode in ("batch", "generator")
              for depth in sorted({row["queue_depth"] for row in rows})]
    bars(axes, groups, [f"{mode}\n{depth}" for mode, depth in groups],
         ["original", "original_o3", "ours"],
         lambda variant, group: figure_of(rows, "ns_per_iocb", variant=variant, mode=group[0],
                                          queue_depth=group[1]),
         lambda _, group: figure_of(rows, "ns_per_iocb", variant="floor", queue_depth=group[1]),
         faster)
    axes.set_yscale("log")
    axes.set_title("Preparing a request, by queue depth")
    axes.set_ylabel("ns per iocb (log)")


def draw_allocator(axes: Axes, rows: list[Row], key: str, limit: Optional[str], title: str) -> None:
    sizes = sorted({row["size"] for row in rows})
    bars(axes, sizes, [in_words(size).replace(" ", "\n") for size in sizes],
         ["original", "ours_1_thread", "ours"],
         lambda variant, size: figure_of(rows, key, variant=variant, size=size),
         nothing if limit is None
         else lambda _, size: figure_of(rows, key, variant=limit, size=size),
         faster)
    axes.set_yscale("log")
    axes.set_title(title)
    axes.set_ylabel("ms (log)")


def draw_transfers(axes: Axes, rows: list[Row], operation: str) -> None:
    groups = sorted({(row["block_size"], row["queue_depth"]) for row in rows})

    def value(variant: str, group: Any) -> Optional[Figure]:
        return figure_of(rows, "gb_per_s", variant="fio" if variant == "limit" else variant,
                         mode=None if variant == "limit" else MODE, operation=operation,
                         block_size=group[0], queue_depth=group[1])

    bars(axes, groups, [f"{in_words(block)}\n{depth} deep" for block, depth in groups],
         ["original", "ours"], value, value, higher)
    axes.set_title(f"{operation.capitalize()}, by block size and queue depth")
    axes.set_ylabel("GB/s")


def draw_cpu(axes: Axes, rows: list[Row]) -> None:
    depth = min(row["queue_depth"] for row in rows)
    groups = [(operation, block) for operation in ("read", "write")
              for block in sorted({row["block_size"] for row in rows})]
    bars(axes, groups, [f"{operation}\n{in_words(block)}" for operation, block in groups],
         ["original", "ours"],
         lambda variant, group: figure_of(rows, "cpu_ms_per_gib", variant=variant, mode=MODE,
                                          operation=group[0], block_size=group[1],
                                          queue_depth=depth),
         nothing, faster)
    axes.set_title(f"CPU time of transfers, {depth} deep")
    axes.set_ylabel("ms per GiB")


def subtitle(results: dict[str, Any]) -> str:
    about, versions = results["machine"], results["versions"]
    kind = " (virtual)" if about["virtual"] else ""
    return (
        f"{about['cpu']}{kind}, {about['processors']} processors, {about['memory_gib']} GiB, Linux "
        f"{about['kernel']}, {about['file_system']}, THP {about['transparent_huge_pages']}; "
        f"DeepSpeed {versions['deepspeed']}; transfers of {in_words(results['transfer_size'])}, "
        f"{MODE} mode; {results['date']}"
    )


def draw(results: dict[str, Any]) -> Drawing:
    drawing, axes = plt.subplots(2, 3, figsize=(14, 7.4))
    draw_preparation(axes[0][0], results["preparation"])
    if results["allocator"]:
        draw_allocator(axes[0][1], results["allocator"], "lock_ms", "floor_1_thread",
                       "Allocate and lock, warm")
        draw_allocator(axes[0][2], results["allocator"], "release_ms", None, "Unlock and free")
    else:
        axes[0][1].set_axis_off()
        axes[0][2].set_axis_off()
    draw_transfers(axes[1][0], results["transfers"], "read")
    draw_transfers(axes[1][1], results["transfers"], "write")
    draw_cpu(axes[1][2], results["transfers"])

    patches = [plt.Rectangle((0, 0), 1, 1, color=COLOURS[key]) for key in list(LABELS)[:-1]]
    patches.append(plt.Line2D([], [], color=COLOURS["limit"], linewidth=1.4))
    drawing.legend(patches, LABELS.values(), loc="upper left", ncol=len(LABELS), frameon=False,
                   bbox_to_anchor=(0.012, 0.945))
    drawing.text(0.018, 0.965, "DeepSpeed's deepspeed_aio_utils.cpp and this library",
                 fontsize=14, fontweight="bold")
    drawing.text(0.018, 0.012, f"Medians, least and most. {subtitle(results)}", fontsize=7.5,
                 color="#57606a")
    drawing.tight_layout(rect=(0.005, 0.03, 1, 0.905), h_pad=2.5, w_pad=2)
    return drawing


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit("usage: plot.py RESULTS.json RESULTS.svg")
    with open(sys.argv[1], encoding="utf-8") as file:
        results = json.load(file)
    plt.rcParams.update(STYLE)
    drawing = draw(results)
    # Neither a date nor a version: they would differ where the results do not.
    drawing.savefig(sys.argv[2], metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
