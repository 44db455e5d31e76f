"""The symbols that the two libraries and DeepSpeed's ops share, and the functions that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Library:
    """One of the package's two libraries, and the functions of DeepSpeed that it replaces."""

    soname: str
    readable: dict[str, str]
    """The C++ function of each mangled name."""
    called: frozenset[str]
    """The functions that every supported release calls from another source file than the one that defines
    them, so that a switchable op has a relocation for each."""
    needed: dict[str, frozenset[str]]
    """The functions that an op of this kind cannot do without."""
    version_function: str
    """The C function that returns its version."""

    @property
    def path(self) -> Path:
        """The file, beside this package's modules."""
        return Path(__file__).with_name(self.soname)


def _read(name: str) -> dict[str, str]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return {line[0]: line[1] for line in lines if len(line) == 2}


def _utils() -> Library:
    readable = _read("symbols.txt")
    # No release calls get_fd_file_size from another file.
    called = frozenset(readable.values()) - {"get_fd_file_size"}
    needed = {
        # The other functions are called by the loops, which are not in an op that was linked against the
        # libraries. Up to era 3 (releases.txt) the allocator is in async_io, then in pin_memory.
        "async_io": frozenset({"get_file_size", "io_xfer_ctxt::io_xfer_ctxt"}),
        "pin_memory": frozenset({"ds_page_aligned_alloc"}),
    }
    return Library("libdeepspeed_aio_utils.so", readable, called, needed, "dsaio_version")


def _common() -> Library:
    called = frozenset(
        {
            "aio_context::aio_context",
            "aio_context::~aio_context",
            "deepspeed_aio_config_t::deepspeed_aio_config_t",
            "do_aio_operation_overlap",
            "do_aio_operation_sequential",
            "open_file",
            "report_file_error",
            "validate_aio_operation",
        }
    )
    needed = {"async_io": called}
    readable = _read("symbols_common.txt")
    return Library("libdeepspeed_aio_common.so", readable, called, needed, "dsaio_transfer_version")


UTILS = _utils()
"""Requests and page-locked buffers."""
COMMON = _common()
"""The transfers."""
LIBRARIES = (UTILS, COMMON)

# The library that has each function.
LIBRARY_OF = {function: library for library in LIBRARIES for function in library.readable.values()}
