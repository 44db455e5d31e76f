"""The symbols that the library and DeepSpeed's ops share, and the functions that they belong to."""

from __future__ import annotations

from pathlib import Path

SONAME = "libdeepspeed_aio_utils.so"


def _read() -> dict[str, str]:
    text = Path(__file__).with_name("symbols.txt").read_text(encoding="utf-8")
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return {line[0]: line[1] for line in lines if len(line) == 2}


# The C++ function of each mangled name.
READABLE = _read()

ALLOCATOR = "ds_page_aligned_alloc"

# What every supported release calls from another source file than the one that defines it, so that a
# switchable op has a relocation for it. No release calls get_fd_file_size like that.
CALLED = frozenset(READABLE.values()) - {"get_fd_file_size"}

# What an op cannot do without. Up to era 3 (releases.txt) the allocator is in async_io, then in pin_memory.
NEEDED = {
    "async_io": CALLED - {ALLOCATOR},
    "pin_memory": frozenset({ALLOCATOR}),
}
