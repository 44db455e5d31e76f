"""The shared library that this package carries."""

from __future__ import annotations

import ctypes
import platform
import sys
from pathlib import Path

from .elf import MACHINES
from .errors import LibraryUnavailable
from .functions import SONAME


def library_path() -> Path:
    """Where the shared library lies; LibraryUnavailable where this platform has none."""
    if sys.platform != "linux" or platform.machine() not in MACHINES or sys.maxsize < 2**32:
        raise LibraryUnavailable(
            f"There is no library for {sys.platform} on {platform.machine()}; it exists for 64-bit "
            f"Linux on {' and '.join(MACHINES)}.",
            "DeepSpeed works with its own code: leave out the line that switches the library on.",
        )
    path = Path(__file__).with_name(SONAME)
    if not path.is_file():
        raise LibraryUnavailable(
            f"{path} is missing: this is the package's source, or a broken installation.",
            "Install it with 'pip install --force-reinstall .' at the repository's root.",
        )
    return path


def version_of(library: ctypes.CDLL) -> str:
    """What the library says of itself."""
    library.dsaio_version.restype = ctypes.c_char_p
    answer: bytes = library.dsaio_version()
    return answer.decode()
