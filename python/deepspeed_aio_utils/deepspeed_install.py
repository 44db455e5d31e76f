"""The DeepSpeed that this process would import: its release, and the ops that it would load.

DeepSpeed is not imported for that: importing it may load an op, which is too early.
"""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import importlib.util
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple, Optional

from .errors import UnsupportedDeepSpeed

# The releases that share one ABI. Before, io_xfer_ctxt was smaller and some mangled names the same.
OLDEST, NEWEST = (0, 16, 0), (0, 19, 8)
_OLDEST, _NEWEST = (".".join(map(str, numbers)) for numbers in (OLDEST, NEWEST))
SERVED = f"{_OLDEST} to {_NEWEST}"
REQUIREMENT = f"deepspeed>={_OLDEST},<={_NEWEST}"

_OP_NAME = re.compile(r"(async_io|pin_memory|gds)(?:_v\d+|_dsaio|_op)*(?:\.[\w-]+)*\.so$")


class OpFile(NamedTuple):
    """An op on disk. It is `prebuilt`, or was compiled when it was first used."""

    kind: str
    path: Path
    prebuilt: bool


def kind_of(path: Path) -> Optional[str]:
    """Which of DeepSpeed's ops a file is by its name."""
    found = _OP_NAME.match(path.name)
    return found[1] if found else None


def release() -> Optional[str]:
    """The installed release; None without DeepSpeed, "unknown" where it does not tell."""
    imported = getattr(sys.modules.get("deepspeed"), "__version__", None)
    if isinstance(imported, str):
        return imported
    try:
        return importlib.metadata.version("deepspeed")
    except importlib.metadata.PackageNotFoundError:
        pass
    directory = package_directory()
    if directory is None:
        return None
    try:
        # A source checkout on the path has no metadata.
        return (directory.parent / "version.txt").read_text(encoding="utf-8").strip()
    except OSError:
        return "unknown"


def require_served_release() -> Optional[str]:
    """release(), or UnsupportedDeepSpeed."""
    found = release()
    if found is not None:
        require_served(found, package_directory())
    return found


def require_served(found: str, where: Optional[Path]) -> None:
    """Raises UnsupportedDeepSpeed unless this release shares the library's ABI."""
    numbers = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", found)
    if numbers is None:
        raise UnsupportedDeepSpeed(
            f"The release of the DeepSpeed in {where} cannot be told (it says '{found}'), and only "
            f"{SERVED} can be switched.",
            "Install one of these with pip.",
        )
    if not OLDEST <= tuple(int(n or 0) for n in numbers.groups()) <= NEWEST:
        raise UnsupportedDeepSpeed(
            f"DeepSpeed {found} cannot be switched: its objects may be laid out differently.",
            f"Install DeepSpeed {SERVED}, or leave out the line that switches the library on.",
        )


def package_directory() -> Optional[Path]:
    """Where the package lies; None where there is none."""
    try:
        spec = importlib.util.find_spec("deepspeed")
    except ValueError:
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def ops_on_disk() -> "list[OpFile]":
    """The ops that were built already, each where DeepSpeed or torch looks for it."""
    found = []
    directory = package_directory()
    if directory is not None:
        for path in sorted(directory.glob("ops/*/*_op*.so")):
            kind = kind_of(path)
            ours = any(path.name.endswith("_op" + s) for s in importlib.machinery.EXTENSION_SUFFIXES)
            if kind is not None and ours:
                found.append(OpFile(kind, path, prebuilt=True))
    for root in _extension_roots():
        for path in sorted(root.glob("*/*.so")):
            kind = kind_of(path)
            # The versions of one op lie in its directory, and the newest is the one in use; an old
            # one is no harm.
            if kind is not None and path.parent.name == path.name[:-len(".so")]:
                found.append(OpFile(kind, path, prebuilt=False))
    return found


def _extension_roots() -> "list[Path]":
    """The directories that torch keeps the extensions in that it compiled for this Python."""
    chosen = os.environ.get("TORCH_EXTENSIONS_DIR")
    if chosen is not None:
        return [Path(chosen)]
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    python = f"py{sys.version_info.major}{sys.version_info.minor}{getattr(sys, 'abiflags', '')}"
    # After the underscore comes the CUDA release of torch, or cpu.
    return sorted(Path(cache, "torch_extensions").glob(f"{python}_*"))
