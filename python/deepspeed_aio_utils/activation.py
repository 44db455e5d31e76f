"""Switching the library on: all is decided first, then one dlopen does it."""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from . import linker
from .binding import bound_to_library, loaded_ops, why_not_switchable
from .deepspeed_install import OpFile, kind_of, ops_on_disk, require_served_release
from .elf import NotElf, open_file
from .errors import LibraryUnavailable, NamesTaken, OpAlreadyLoaded, OpNotSwitchable
from .functions import READABLE
from .library import library_path, version_of


@dataclass(frozen=True)
class Activation:
    """What activate() did."""

    library: Path
    """The library that ops loaded from now on are bound to."""
    version: str
    """The library's own version."""
    deepspeed: Optional[str]
    """The installed release of DeepSpeed, None where there is none."""
    ops: "tuple[Path, ...]"
    """The ops on disk that were found fit; none where DeepSpeed is to compile them first."""
    already: bool = False
    """Whether an earlier call had switched the library on."""

    def __str__(self) -> str:
        when = "was on already" if self.already else "is on"
        whom = f"DeepSpeed {self.deepspeed}" if self.deepspeed else "DeepSpeed, which is not installed"
        return f"deepspeed_aio_utils {self.version} {when} for {whom}: {self.library}"


_lock = threading.Lock()
_done: Optional[Activation] = None


def activate() -> Activation:
    """Loads the library, so that the ops that DeepSpeed loads afterwards run on it.

    Call it before DeepSpeed loads its async_io and pin_memory ops: best at the top of the script. A
    second call changes nothing. Raises an ActivationError that says why and what to do where it
    cannot be done; the process is then as it was.
    """
    global _done
    with _lock:
        if _done is not None:
            return replace(_done, already=True)
        path = library_path()
        release = require_served_release()
        _refuse_taken_names(path)
        _refuse_loaded_ops()
        ops = ops_on_disk()
        for op in ops:
            _refuse_unswitchable(op)
        library = _load(path)
        _done = Activation(path, version_of(library), release, tuple(op.path for op in ops))
        return _done


def active() -> Optional[Activation]:
    """What activate() did in this process; None where it has not been called or was refused."""
    return replace(_done, already=True) if _done is not None else None


def _refuse_loaded_ops() -> None:
    for op in loaded_ops():
        # One that was linked against the library is welcome.
        if not bound_to_library(op):
            raise OpAlreadyLoaded(
                f"{op.path} is loaded, and its calls are bound.",
                "Switch the library on earlier: put 'import deepspeed_aio_utils.auto' at the top of "
                "the script, before anything that uses DeepSpeed's I/O, or start it with "
                "'python -m deepspeed_aio_utils run'.",
            )


def _refuse_unswitchable(op: OpFile) -> None:
    # Another process is compiling it, and what lies there is half written.
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
            f"Remove {op.path.parent}; DeepSpeed compiles the op anew on first use. CXXFLAGS, CFLAGS "
            f"and LDFLAGS should not ask for that again."
        )
    raise OpNotSwitchable(f"{op.path} cannot be switched: {reason}.", remedy)


def _refuse_taken_names(library: Path) -> None:
    for name, function in READABLE.items():
        address = linker.global_address(name)
        owner = None if address is None else linker.file_of(address)
        # DeepSpeed loads its pin_memory for all; that is an op, and has its own refusal.
        is_op = owner is not None and kind_of(owner) is not None
        if address is not None and not is_op and not linker.same_file(owner, library):
            raise NamesTaken(
                f"{owner} offers {function} to the whole process and comes before this library.",
                "Remove it from LD_PRELOAD, or do not load it with RTLD_GLOBAL.",
            )


def _load(path: Path) -> ctypes.CDLL:
    try:
        library = linker.load_for_all(path)
    except OSError as error:
        raise LibraryUnavailable(
            f"{path} cannot be loaded: {error}.",
            "It may be built for another machine: build it on this one, with "
            "'pip install --force-reinstall .' at the repository's root.",
        ) from error
    for name, function in READABLE.items():
        address = linker.global_address(name)
        owner = None if address is None else linker.file_of(address)
        if not linker.same_file(owner, path):
            linker.unload(library)
            raise NamesTaken(
                f"After loading {path}, {function} is still that of {owner}.",
                "Something interposes on the dynamic linker (LD_PRELOAD, LD_AUDIT, a C library other "
                "than glibc): start the script without it.",
            )
    return library
