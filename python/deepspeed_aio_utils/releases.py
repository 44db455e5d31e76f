"""The releases of DeepSpeed that share one ABI, from releases.txt."""

from __future__ import annotations

import re
from pathlib import Path

from . import sources
from .errors import UnsupportedDeepSpeed


def _read() -> dict[str, int]:
    text = Path(__file__).with_name("releases.txt").read_text(encoding="utf-8")
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return {line[0]: int(line[1]) for line in lines if line}


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(number or 0) for number in found.groups()) if found else ()


# Each release with its era.
ERAS = _read()
OLDEST, *_, NEWEST = sorted(ERAS, key=_numbers)
REQUIREMENT = f"deepspeed>={OLDEST},<={NEWEST}"


def of_era(era: int) -> str:
    """Its first and last release, in words."""
    releases = [release for release, its_era in ERAS.items() if its_era == era]
    return f"{releases[0]} to {releases[-1]}"


def require_supported(version: str, where: Path | None, csrc: Path | None) -> None:
    """Raises UnsupportedDeepSpeed unless it shares the libraries' ABI: by its sources, or where it was
    installed without them, by its release number.
    """
    found = sources.checksums(csrc) if csrc else {}
    if found:
        era, differing = sources.closest_era(found)
        if differing:
            raise UnsupportedDeepSpeed(
                f"DeepSpeed {version} is not supported: its sources in {csrc} are those of no supported "
                f"release. Compared with {of_era(era)}, which come closest, these differ: "
                f"{', '.join(differing)}.",
                f"Install DeepSpeed {OLDEST} to {NEWEST}, or a newer deepspeed-aio-utils. If these files "
                f"were edited on this machine, the libraries would replace the edits: reinstall DeepSpeed "
                f"without them, or leave the libraries off.",
            )
        return
    numbers = _numbers(version)
    if not numbers:
        raise UnsupportedDeepSpeed(
            f"The DeepSpeed in {where} does not say which release it is (it says '{version}'), and only "
            f"{OLDEST} to {NEWEST} are supported.",
            f"Install one of them: pip install '{REQUIREMENT}'.",
        )
    if not _numbers(OLDEST) <= numbers <= _numbers(NEWEST):
        raise UnsupportedDeepSpeed(
            f"DeepSpeed {version} is not supported: its objects may be laid out differently.",
            f"Install DeepSpeed {OLDEST} to {NEWEST}, or leave the libraries off.",
        )
