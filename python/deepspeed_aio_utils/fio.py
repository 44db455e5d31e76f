"""What the device gives: fio makes the same requests, with buffers in huge pages."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from .figures import in_words, spread

_PAGES = 8  # twice as many of 2 MiB as the buffers of DeepSpeed's default settings need
_RESERVED = Path("/proc/sys/vm/nr_hugepages")


@dataclass
class Fio:
    """fio on one file, and what it has measured so far."""

    command: list[str]
    environment: dict[str, str]
    buffers: str
    """What its buffers are, in words."""
    speeds: dict[str, list[float]] = field(default_factory=lambda: {"write": [], "read": []})
    """GB/s."""

    def measure(self) -> None:
        """Writes and reads the file; RuntimeError if fio fails, or prints something else than its results."""
        for operation, speeds in self.speeds.items():
            command, environment = [*self.command, f"--rw={operation}"], {**os.environ, **self.environment}
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode != 0:
                last_line = " ".join(done.stderr.strip().splitlines()[-1:])
                raise RuntimeError(f"fio ended with status {done.returncode}: {last_line}")
            try:
                # Warnings may come before the JSON.
                job = json.loads(done.stdout[done.stdout.index("{") :])["jobs"][0][operation]
                speeds.append(job["bw_bytes"] / 1e9)
            except (ValueError, LookupError, TypeError):
                raise RuntimeError(
                    f"{shutil.which(command[0])} printed no results of fio 3 as JSON, but "
                    f"{done.stdout[:100]!r}; install fio 3 in its place, or take it off PATH"
                ) from None

    def __str__(self) -> str:
        write, read = (in_words(spread(speeds), True) for speeds in self.speeds.values())
        return f"The device's limit, by fio with {self.buffers}: writes {write} GB/s, reads {read} GB/s"


@contextmanager
def fio(path: str, size: int, block: int, depth: int) -> Iterator[Fio]:
    """As root it reserves huge pages for fio, and gives them back at the end. Otherwise fio has transparent
    ones, for which glibc asks (2.35 and later).
    """
    command = (
        f"fio --name=fio --output-format=json --ioengine=libaio --direct=1 --size={size} --bs={block} "
        f"--iodepth={depth} --time_based --ramp_time=500ms --runtime=750ms"
    ).split()
    # fio takes a colon for the end of a name.
    command.append("--filename=" + path.replace(":", "\\:"))
    with _reserved_pages() as reserved:
        if reserved:
            yield Fio([*command, "--iomem=mmaphuge"], {}, "reserved huge pages")
        else:
            yield Fio(command, {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}, "transparent huge pages")


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
