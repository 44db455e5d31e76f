"""The DeepSpeed that this process would import: its release, and the ops that it would load.

It does so without importing DeepSpeed, which may load an op: too early.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import re
import runpy
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from .releases import require_supported

_OP_NAME = re.compile(r"(async_io|pin_memory|gds)(?:_v\d+|_dsaio|_op)*(?:\.[\w-]+)*\.so$")


class OpFile(NamedTuple):
    """An op on disk: `prebuilt` with DeepSpeed, or compiled on first use."""

    kind: str
    path: Path
    prebuilt: bool


def kind_of(path: Path) -> str | None:
    """Which of DeepSpeed's ops a file is, by its name."""
    found = _OP_NAME.match(path.name)
    return found[1] if found else None


def release() -> str | None:
    """The installed release; None without DeepSpeed, "unknown" if it does not say."""
    imported = getattr(sys.modules.get("deepspeed"), "__version__", None)
    if isinstance(imported, str):
        return imported
    directory = package_directory("deepspeed")
    if directory is None:
        return None
    # Imported only now: it takes half of what a process without DeepSpeed spends on this package.
    from importlib import metadata

    with suppress(metadata.PackageNotFoundError):
        return metadata.version("deepspeed")
    try:
        # A source checkout on the path has no metadata.
        return (directory.parent / "version.txt").read_text(encoding="utf-8").strip()
    except OSError:
        return "unknown"


def require_supported_release() -> str | None:
    """release(), or UnsupportedDeepSpeed."""
    found = release()
    if found is not None:
        directory = package_directory("deepspeed")
        require_supported(found, directory, directory and directory / "ops" / "csrc")
    return found


def package_directory(name: str) -> Path | None:
    """The directory of an installed package; None if there is none."""
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:
        return None
    # A directory without __init__.py is found, too, as a namespace package: it has no origin.
    if spec is None or spec.origin is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def ops_on_disk() -> list[OpFile]:
    """The ops that were built already, from where DeepSpeed or torch would load them."""
    found = []
    directory = package_directory("deepspeed")
    if directory is not None:
        for path in sorted(directory.glob("ops/*/*_op*.so")):
            kind = kind_of(path)
            for_this_python = any(
                path.name.endswith("_op" + s) for s in importlib.machinery.EXTENSION_SUFFIXES
            )
            if kind is not None and for_this_python:
                found.append(OpFile(kind, path, prebuilt=True))
    cache = _extensions_directory()
    for path in sorted(cache.glob("*/*.so")) if cache is not None else ():
        kind = kind_of(path)
        # Earlier versions of an op stay in its directory under other names; torch loads only this one.
        if kind is not None and path.parent.name == path.stem:
            found.append(OpFile(kind, path, prebuilt=False))
    return found


def locks_of_compilations() -> list[Path]:
    """The files for which torch waits before it compiles or loads an op."""
    cache = _extensions_directory()
    return [] if cache is None else [*cache.glob("async_io/lock"), *cache.glob("pin_memory/lock")]


def _extensions_directory() -> Path | None:
    """Where this process's torch keeps the extensions that it compiles; None without torch."""
    chosen = os.environ.get("TORCH_EXTENSIONS_DIR")
    if chosen is not None:
        return Path(chosen)
    torch = package_directory("torch")
    if torch is None:
        return None
    try:
        # Its constants alone: importing torch takes seconds.
        versions = runpy.run_path(str(torch / "version.py"))
    except Exception:  # not a torch that has been released
        versions = {}
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "torch_extensions")
    python = f"py{sys.version_info.major}{sys.version_info.minor}{getattr(sys, 'abiflags', '')}"
    cuda, hip = (str(versions.get(name) or "").replace(".", "") for name in ("cuda", "hip"))
    # Older releases of torch for ROCm call their directory _cpu.
    if hip and (cache / f"{python}_rocm{hip}").is_dir():
        return cache / f"{python}_rocm{hip}"
    return cache / f"{python}_{f'cu{cuda}' if cuda else 'cpu'}"
