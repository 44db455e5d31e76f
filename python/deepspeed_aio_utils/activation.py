"""Switches the library on: everything is checked first, then one dlopen does it."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from . import linker
from .binding import bound_to_library, loaded_ops, why_not_switchable
from .deepspeed_install import OpFile, kind_of, ops_on_disk, require_supported_release
from .elf import NotElf, open_file
from .errors import LibraryUnavailable, NamesTaken, OpAlreadyLoaded, OpNotSwitchable
from .library import library_path, version_of
from .symbols import READABLE


@dataclass(frozen=True)
class Activation:
    """What activate() did."""

    library: Path
    """The library that ops loaded from now on are bound to."""
    version: str
    """The library's own version."""
    deepspeed: str | None
    """The installed release of DeepSpeed, None without one."""
    ops: tuple[Path, ...]
    """The ops on disk that were checked; none if DeepSpeed has not compiled them yet."""
    already: bool = False
    """Whether an earlier call had switched the library on."""

    def __str__(self) -> str:
        when = "was already on" if self.already else "is on"
        deepspeed = f"DeepSpeed {self.deepspeed}" if self.deepspeed else "DeepSpeed, which is not installed"
        return f"deepspeed_aio_utils {self.version} {when} for {deepspeed}: {self.library}"


_lock = threading.Lock()
_done: Activation | None = None


def activate() -> Activation:
    """Loads the library, so that the ops that DeepSpeed loads afterwards run on it.

    Call it before DeepSpeed loads its async_io and pin_memory ops: best at the top of the script. A
    second call changes nothing. Raises an ActivationError that says why it is not possible and what to
    do; the process is then as it was.
    """
    global _done
    with _lock:
        if _done is not None:
            return replace(_done, already=True)
        path = library_path()
        release = require_supported_release()
        _check_names_are_free(path)
        _check_no_op_is_loaded()
        ops = ops_on_disk()
        for op in ops:
            _check_op_is_switchable(op)
        library = _load(path)
        _done = Activation(path, version_of(library), release, tuple(op.path for op in ops))
        return _done


def active() -> Activation | None:
    """What activate() did in this process; None if it was not called or failed."""
    return _done


def _check_no_op_is_loaded() -> None:
    for op in loaded_ops():
        # An op that was linked against the library is fine.
        if not bound_to_library(op):
            raise OpAlreadyLoaded(
                f"{op.path} is loaded, and its calls are bound.",
                "Switch the library on earlier: put 'import deepspeed_aio_utils.auto' at the top of "
                "the script, before anything that uses DeepSpeed's I/O, or start it with "
                "'python -m deepspeed_aio_utils run'.",
            )


def _check_op_is_switchable(op: OpFile) -> None:
    # Another process is compiling it, and the file is half written.
    if not op.prebuilt and (op.path.parent / "lock").exists():
        return
    try:
        reason = why_not_switchable(open_file(op.path), op.kind)
    except (OSError, NotElf) as error:
        reason = f"it cannot be read ({error})"
    if reason is None:
        return
    if op.prebuilt:
        remedy = (
            "Reinstall DeepSpeed without DS_BUILD_OPS and DS_BUILD_AIO (it then compiles the op on "
            "first use, in a way that can be switched), or build it with "
            "'python -m deepspeed_aio_utils.op_builder' (docs/building-ops.md)."
        )
    else:
        remedy = (
            f"Remove {op.path.parent}; DeepSpeed compiles the op again on first use. CXXFLAGS, CFLAGS "
            f"and LDFLAGS should not ask for that again."
        )
    raise OpNotSwitchable(f"{op.path} cannot be switched: {reason}.", remedy)


def _providers() -> Iterator[tuple[str, Path | None]]:
    """Each function, and the file that an object loaded next would bind it to."""
    for symbol, function in READABLE.items():
        address = linker.global_address(symbol)
        yield function, None if address is None else linker.file_of(address)


def _check_names_are_free(library: Path) -> None:
    for function, provider in _providers():
        # DeepSpeed loads its pin_memory with RTLD_GLOBAL; _check_no_op_is_loaded() reports that.
        if provider and not kind_of(provider) and not linker.same_file(provider, library):
            raise NamesTaken(
                f"{provider} provides {function} to the whole process and comes before this library.",
                "Remove it from LD_PRELOAD, or do not load it with RTLD_GLOBAL.",
            )


def _load(path: Path) -> ctypes.CDLL:
    try:
        library = linker.load_global(path)
    except OSError as error:
        raise LibraryUnavailable(
            f"{path} cannot be loaded: {error}.",
            "It may be built for another machine: build it on this one, with "
            "'pip install --force-reinstall .' in a checkout of its repository.",
        ) from error
    for function, provider in _providers():
        if not linker.same_file(provider, path):
            linker.unload(library)
            raise NamesTaken(
                f"After loading {path}, {function} is still that of {provider}.",
                "Something changes what the dynamic linker does (LD_PRELOAD, LD_AUDIT, a C library "
                "other than glibc): start the script without it.",
            )
    return library
