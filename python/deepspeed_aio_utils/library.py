"""The shared libraries that come with this package."""

from __future__ import annotations

import ctypes
import platform
import sys
from pathlib import Path

from .elf import MACHINES
from .errors import LibraryUnavailable
from .symbols import UTILS, Library

REINSTALL = (
    "Install it again: a release's wheel, or 'pip install --force-reinstall .' in its repository's checkout."
)


def library_path(library: Library = UTILS) -> Path:
    """The library's file; LibraryUnavailable if it does not exist, or not for this platform."""
    if sys.platform != "linux" or platform.machine() not in MACHINES or sys.maxsize < 2**32:
        raise LibraryUnavailable(
            f"There is no library for {sys.platform} on {platform.machine()}; it exists for 64-bit "
            f"Linux on {' and '.join(MACHINES)}.",
            "DeepSpeed works with its own code: remove the line that switches the libraries on.",
        )
    if not library.path.is_file():
        raise LibraryUnavailable(
            f"{library.path} is missing: this is the package's source, or a broken installation.", REINSTALL
        )
    return library.path


def version_of(library: Library, loaded: ctypes.CDLL) -> str:
    """The version that the library itself reports."""
    function = loaded[library.version_function]
    function.restype = ctypes.c_char_p
    version: bytes = function()
    return version.decode()
