"""The results as text: medians, in brackets the least and the most, and ratios of medians."""

from __future__ import annotations

from typing import Any, Optional

from measured import Figure, Row, in_words, ratio, select

NAMES = {
    "original": "original",
    "original_o3": "original -O3",
    "ours": "ours",
    "ours_1_thread": "ours, 1 thread",
    "floor": "floor",
    "floor_1_thread": "floor, 1 thread",
}


def text(results: dict[str, Any]) -> str:
    sections = [
        _machine(results),
        _preparation(results["preparation"]),
        _allocator(results["allocator"], results["allocator_growth"]),
        _transfers(results["transfers"], results["transfer_size"]),
        _targets(results["targets"]),
        "\n".join(f"Note: {note}" for note in results["notes"]),
    ]
    return "\n\n".join(section for section in sections if section)


def _machine(results: dict[str, Any]) -> str:
    machine, versions = results["machine"], results["versions"]
    kind = "virtual machine" if machine["virtual"] else "machine"
    return (
        f"{machine['cpu']}, {machine['processors']} processors, {machine['memory_gib']} GiB, "
        f"{kind}; Linux {machine['kernel']}, {machine['file_system']} on {machine['device']}, "
        f"THP {machine['transparent_huge_pages']}\n"
        f"DeepSpeed {versions['deepspeed']}, {versions['compiler']}, {versions['rustc']}, "
        f"this library {versions['library']}\n"
        f"Medians [least - most], and ratios of medians."
    )


def _preparation(rows: list[Row]) -> str:
    if not rows:
        return ""
    table = [["mode", "depth", "original", "original -O3", "ours", "floor",
              "speed-up", "to -O3", "ours/floor"]]
    for row in select(rows, variant="ours"):
        depth, mode = row["queue_depth"], row["mode"]

        def cost(variant: str, mode: str = mode, depth: int = depth) -> Optional[Figure]:
            return _figure(rows, "ns_per_iocb", variant=variant, mode=mode, queue_depth=depth)

        original, best, floor = cost("original"), cost("original_o3"), cost("floor", "store")
        ours = row["ns_per_iocb"]
        table.append([mode, str(depth), *map(_spread, (original, best, ours, floor)),
                      _times(ratio(original, ours)), _times(ratio(best, ours)),
                      _times(ratio(ours, floor))])
    runs = rows[0]["ns_per_iocb"]["runs"]
    return _aligned(
        f"Preparation: ns per iocb, {runs} repetitions in random order\n"
        f"(original: -O0, as DeepSpeed ships it; original -O3: -O3 -march=native; floor: storing "
        f"64 bytes an iocb)", table)


def _allocator(rows: list[Row], growth: dict[str, Optional[float]]) -> str:
    if not rows:
        return ""
    sizes = sorted({row["size"] for row in rows})
    runs = rows[0]["lock_ms"]["runs"]
    lock = [["size", *NAMES_OF_ALLOCATORS, "speed-up"]]
    per_gib = [["size", *NAMES_OF_ALLOCATORS]]
    release = [["size", *NAMES_OF_ALLOCATORS[:3], "speed-up"]]
    for size in sizes:
        figures = [_figure(rows, "lock_ms", variant=v, size=size) for v in ALLOCATORS]
        relative = [_figure(rows, "lock_ms_per_gib", variant=v, size=size) for v in ALLOCATORS]
        freed = [_figure(rows, "release_ms", variant=v, size=size) for v in ALLOCATORS[:3]]
        lock.append([in_words(size), *map(_spread, figures), _times(ratio(figures[0], figures[2]))])
        per_gib.append([in_words(size), *(f"{f['median']:.1f}" if f else "-" for f in relative)])
        release.append([in_words(size), *map(_spread, freed), _times(ratio(freed[0], freed[2]))])
    per_gib.append(["growth", *(_times(growth.get(variant)) for variant in ALLOCATORS)])
    return "\n\n".join([
        _aligned(
            f"Allocate and lock: ms, warm, {runs} interleaved repetitions\n"
            f"(floor: clearing the same memory when it is mapped already, with 1 and with all "
            f"processors)", lock),
        _aligned("The same in ms per GiB, and what a GiB costs in the largest buffer, to the "
                 "smallest", per_gib),
        _aligned("Unlock and free: ms", release),
    ])


ALLOCATORS = ["original", "ours_1_thread", "ours", "floor_1_thread", "floor"]
NAMES_OF_ALLOCATORS = [NAMES[variant] for variant in ALLOCATORS]


def _transfers(rows: list[Row], size: int) -> str:
    if not rows:
        return ""
    table = [["what", "mode", "block", "depth", "original GB/s", "ours GB/s", "speed-up",
              "fio GB/s", "original CPU", "ours CPU", "less"]]
    for row in select(rows, variant="ours"):
        where = {key: row[key] for key in ("operation", "block_size", "queue_depth")}

        def pair(key: str, row: Row = row, where: Row = where) -> tuple[Optional[Figure], Figure]:
            return _figure(rows, key, variant="original", mode=row["mode"], **where), row[key]

        original, ours = pair("gb_per_s")
        original_cpu, ours_cpu = pair("cpu_ms_per_gib")
        fio = _figure(rows, "gb_per_s", variant="fio", **where)
        table.append([
            row["operation"], row["mode"], in_words(row["block_size"]), str(row["queue_depth"]),
            _spread(original), _spread(ours), _times(ratio(ours, original)), _spread(fio),
            _spread(original_cpu), _spread(ours_cpu), _times(ratio(original_cpu, ours_cpu)),
        ])
    runs = rows[0]["gb_per_s"]["runs"]
    return _aligned(
        f"Transfers: {in_words(size)}, O_DIRECT, DeepSpeed's unmodified callers, {runs} "
        f"interleaved rounds\n(CPU: ms per GiB, user and system)", table, words=2)


def _targets(targets: list[Row]) -> str:
    if not targets:
        return ""
    table = [["what", "target", "reached", ""]]
    for target in targets:
        table.append([target["what"], target["target"], target["reached"],
                      "met" if target["met"] else "NOT MET"])
    return _aligned("Targets", table, words=4)


def _figure(rows: list[Row], key: str, **wanted: Any) -> Optional[Figure]:
    found = select(rows, **wanted)
    return found[0].get(key) if found else None


def _spread(figure: Optional[Figure]) -> str:
    if figure is None:
        return "-"
    return f"{_short(figure['median'])} [{_short(figure['min'])} - {_short(figure['max'])}]"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _times(value: Optional[float]) -> str:
    return "-" if value is None else f"{_short(value)}x"


def _aligned(title: str, table: list[list[str]], words: int = 1) -> str:
    """The first `words` columns to the left, the others, which hold numbers, to the right."""
    widths = [max(map(len, column)) for column in zip(*table)]

    def line(row: list[str]) -> str:
        cells = zip(row, widths)
        return "  ".join(
            cell.ljust(width) if index < words else cell.rjust(width)
            for index, (cell, width) in enumerate(cells)
        ).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([title, "", line(table[0]), rule, *map(line, table[1:])])
