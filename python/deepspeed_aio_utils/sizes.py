"""Sizes in bytes, as people write and read them."""

from __future__ import annotations

import re

_UNITS = {"G": 1 << 30, "M": 1 << 20, "K": 1 << 10}


def parse(text: str) -> int:
    """Bytes from '4096', '512M' or '1GiB'; ValueError with a sentence for anything else."""
    found = re.fullmatch(r"([0-9]{1,15})(?:([KMG])(?:iB)?)?", text)
    if not found:
        raise ValueError(f"{text} is not a size: give bytes, or a number with K, M or G, as in 512M or 1GiB")
    return int(found[1]) * _UNITS.get(found[2], 1)


def in_words(size: int) -> str:
    """'48 MiB': in the largest unit that is not larger than the size, to four digits."""
    for unit, factor in _UNITS.items():
        if size >= factor:
            return f"{size / factor:.4g} {unit}iB"
    return f"{size} bytes"
