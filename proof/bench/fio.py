"""What the device gives: fio makes the same requests, with buffers in huge pages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_PAGES = 8  # twice as many of 2 MiB as its buffers need
_RESERVED = Path("/proc/sys/vm/nr_hugepages")


@dataclass(frozen=True)
class Fio:
    """fio on one file."""

    run: Callable[..., str]
    command: list[str]
    buffers: str
    """What its buffers are, in words."""
    environment: dict[str, str]

    def measure(self, operation: str) -> float:
        """GB/s of "read" or "write"."""
        output = self.run("fio", [*self.command, f"--rw={operation}"], self.environment)
        # Warnings may come before the JSON.
        job = json.loads(output[output.index("{") :])["jobs"][0][operation]
        return float(job["bw_bytes"]) / 1e9


@contextmanager
def fio(run: Callable[..., str], path: str, size: int, block: int, depth: int) -> Iterator[Fio]:
    """As root it reserves huge pages for fio, and gives them back at the end. Otherwise fio has transparent
    ones, for which glibc asks (2.35 and later).
    """
    command = (
        f"fio --name=fio --output-format=json --ioengine=libaio --direct=1 --filename={path} "
        f"--size={size} --bs={block} --iodepth={depth} --time_based --ramp_time=500ms --runtime=750ms"
    ).split()
    with _reserved_pages() as reserved:
        if reserved:
            yield Fio(run, [*command, "--iomem=mmaphuge"], "reserved huge pages", {})
        else:
            yield Fio(run, command, "transparent huge pages", {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"})


@contextmanager
def _reserved_pages() -> Iterator[bool]:
    """Whether there are enough of 2 MiB."""
    before = _RESERVED.read_text() if _RESERVED.exists() else "0"
    missing = max(0, _PAGES - _free_pages())
    with suppress(OSError):
        if missing:
            _RESERVED.write_text(str(int(before) + missing))
    try:
        yield _free_pages() >= _PAGES
    finally:
        with suppress(OSError):
            if missing:
                _RESERVED.write_text(before)


def _free_pages() -> int:
    meminfo = Path("/proc/meminfo").read_text()
    found = re.findall(r"^(?:HugePages_Free|Hugepagesize): *(\d+)", meminfo, re.MULTILINE)
    return int(found[0]) if found[1:] == ["2048"] else 0
