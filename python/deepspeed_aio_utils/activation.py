"""Switches the libraries on: everything is checked first, then one dlopen of each does it."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from . import import_hook, linker
from .binding import bound_to_libraries, loaded_ops, why_not_switchable
from .deepspeed_install import OpFile, kind_of, ops_on_disk, require_supported_release
from .elf import NotElf, open_file
from .errors import AlreadyActive, LibraryUnavailable, NamesTaken, OpAlreadyLoaded, OpNotSwitchable
from .library import REINSTALL, library_path, version_of
from .symbols import LIBRARIES, UTILS, Library


@dataclass(frozen=True)
class Activation:
    """What activate() did."""

    libraries: tuple[Path, ...]
    """The libraries that ops loaded from now on are bound to: that of requests and buffers, and with
    `transfers` that of transfers."""
    version: str
    """The libraries' own version."""
    errors: str
    """What a failed transfer does: "raise" or "abort"."""
    transfers: bool
    """Whether the library of transfers is on."""
    deepspeed: str | None
    """The installed release of DeepSpeed, None without one."""
    ops: tuple[Path, ...]
    """The ops on disk that were checked; none if DeepSpeed has not compiled them yet."""
    already: bool = False
    """Whether an earlier call had switched the libraries on."""

    @property
    def library(self) -> Path:
        """The library of requests and buffers."""
        return self.libraries[0]

    def __str__(self) -> str:
        when = "was already on" if self.already else "is on"
        deepspeed = f"DeepSpeed {self.deepspeed}" if self.deepspeed else "DeepSpeed, which is not installed"
        if not self.transfers:
            failures = "DeepSpeed's own transfers"
        elif self.errors == "raise":
            failures = "failed transfers raise TransferError"
        else:
            failures = "failed transfers abort"
        files = ", ".join(map(str, self.libraries))
        return f"deepspeed_aio_utils {self.version} {when} for {deepspeed}: {files} ({failures})"


_lock = threading.Lock()
_done: Activation | None = None


def activate(errors: str = "raise", transfers: bool = True) -> Activation:
    """Loads the libraries, so that the ops that DeepSpeed loads afterwards run on them.

    With errors="raise" a failed transfer raises a TransferError from the call of `aio_handle`,
    `aio_read` or `aio_write` that learns of it; with errors="abort" it prints one line and aborts.
    With transfers=False only the library of requests and buffers is loaded, and DeepSpeed's own code
    moves the bytes.

    Call it before DeepSpeed loads its async_io and pin_memory ops: best at the top of the script. A
    second call changes nothing. Raises an ActivationError that says why it is not possible and what to
    do; the process is then as it was.
    """
    global _done
    if errors not in ("raise", "abort"):
        raise ValueError(f"errors is {errors!r}; it has to be 'raise' or 'abort'")
    with _lock:
        if _done is not None:
            _check_same_settings(_done, errors, transfers)
            return replace(_done, already=True)
        libraries = LIBRARIES if transfers else (UTILS,)
        paths = tuple(library_path(library) for library in libraries)
        release = require_supported_release()
        for library in libraries:
            _check_names_are_free(library)
        _check_no_op_is_loaded(libraries)
        ops = ops_on_disk()
        for op in ops:
            _check_op_is_switchable(op, libraries)
        version = _load_all(libraries)
        if transfers and errors == "raise":
            import_hook.install()
        _done = Activation(paths, version, errors, transfers, release, tuple(op.path for op in ops))
        return _done


def active() -> Activation | None:
    """What activate() did in this process; None if it was not called or failed."""
    return _done


def _check_same_settings(done: Activation, errors: str, transfers: bool) -> None:
    if (done.transfers, done.errors) != (transfers, errors):
        raise AlreadyActive(
            f"activate(errors={errors!r}, transfers={transfers}) was called, and the libraries are on with "
            f"errors={done.errors!r} and transfers={done.transfers}.",
            "They can be switched on once in a process: call activate() with these settings before anything "
            "else does, such as deepspeed_aio_utils.auto, 'dsaio run' or DSAIO=1.",
        )


def _check_no_op_is_loaded(libraries: tuple[Library, ...]) -> None:
    for op in loaded_ops():
        # An op that was linked against the libraries is fine.
        if not bound_to_libraries(op, libraries):
            raise OpAlreadyLoaded(
                f"{op.path} is loaded already, and keeps the code that it found.",
                "Switch the libraries on earlier: set DSAIO=1, or put 'import deepspeed_aio_utils.auto' at "
                "the top of the script, before anything that uses DeepSpeed's I/O.",
            )


def _check_op_is_switchable(op: OpFile, libraries: tuple[Library, ...]) -> None:
    # Another process is compiling it, and the file is half written.
    if not op.prebuilt and (op.path.parent / "lock").exists():
        return
    try:
        symbols = open_file(op.path)
        reasons = (why_not_switchable(symbols, op.kind, library) for library in libraries)
        reason = next(filter(None, reasons), None)
    except (OSError, NotElf) as error:
        reason = f"it cannot be read ({error})"
    if reason is None:
        return
    if op.prebuilt:
        remedy = (
            "Reinstall DeepSpeed without DS_BUILD_OPS and DS_BUILD_AIO (it then compiles the op on "
            "first use, in a way that can be switched), or build it with "
            "'python -m deepspeed_aio_utils.op_builder' (docs/building-ops.md in the repository)."
        )
    else:
        remedy = (
            f"Remove {op.path.parent}; DeepSpeed compiles the op again on first use. CXXFLAGS, CFLAGS "
            f"and LDFLAGS should not ask for that again."
        )
    raise OpNotSwitchable(f"{op.path} cannot be switched: {reason}.", remedy)


def _providers(library: Library) -> Iterator[tuple[str, Path | None]]:
    """Each function, and the file that an object loaded next would bind it to."""
    for symbol, function in library.readable.items():
        address = linker.global_address(symbol)
        yield function, None if address is None else linker.file_of(address)


def _check_names_are_free(library: Library) -> None:
    for function, provider in _providers(library):
        # DeepSpeed loads its pin_memory with RTLD_GLOBAL; _check_no_op_is_loaded() reports that.
        if provider and not kind_of(provider) and not linker.same_file(provider, library.path):
            raise NamesTaken(
                f"{provider} provides {function} to the whole process and comes before this library.",
                "Remove it from LD_PRELOAD, or do not load it with RTLD_GLOBAL.",
            )


def _load_all(libraries: tuple[Library, ...]) -> str:
    """Loads the libraries, or none of them; the version."""
    loaded: list[ctypes.CDLL] = []
    try:
        for library in libraries:
            loaded.append(_load(library))
            _check_names_are_ours(library)
    except BaseException:
        for handle in reversed(loaded):
            linker.unload(handle)
        raise
    return version_of(UTILS, loaded[0])


def _load(library: Library) -> ctypes.CDLL:
    try:
        return linker.load_global(library.path)
    except OSError as error:
        raise LibraryUnavailable(
            f"{library.path} cannot be loaded: {error}.",
            f"It may be built for another machine. {REINSTALL}",
        ) from error


def _check_names_are_ours(library: Library) -> None:
    for function, provider in _providers(library):
        if not linker.same_file(provider, library.path):
            raise NamesTaken(
                f"After loading {library.path}, {function} is still that of {provider}.",
                "Something changes what the dynamic linker does (LD_PRELOAD, LD_AUDIT, a C library "
                "other than glibc): start the script without it.",
            )
