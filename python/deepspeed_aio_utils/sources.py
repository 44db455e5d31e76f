"""The C++ sources that the libraries replace, recognised by their checksums, from sources.txt."""

from __future__ import annotations

import hashlib
from pathlib import Path


def _read() -> dict[int, dict[str, str]]:
    eras: dict[int, dict[str, str]] = {}
    text = Path(__file__).with_name("sources.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            era, checksum, file = line.split()
            eras.setdefault(int(era), {})[file] = checksum
    return eras


# The checksum of each file below csrc, for each era.
_ERAS = _read()


def checksums(csrc: Path) -> dict[str, str]:
    """Those of the files that are there; files that no era has do not count, because they stay in the op."""
    found = {}
    for file in sorted(set().union(*_ERAS.values())):
        try:
            found[file] = hashlib.sha256((csrc / file).read_bytes()).hexdigest()
        except OSError:
            continue
    return found


def closest_era(found: dict[str, str]) -> tuple[int, list[str]]:
    """The era whose files these are, and an empty list; else the closest, and the files that differ."""
    # Pairs of a file and its checksum, so that another checksum and a missing file both differ.
    differing = {era: {file for file, _ in found.items() ^ files.items()} for era, files in _ERAS.items()}
    closest = min(differing, key=lambda era: (len(differing[era]), -era))
    return closest, sorted(differing[closest])
