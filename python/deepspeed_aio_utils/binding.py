"""What an op's calls can be bound to, read from its file, and what they are bound to in this process."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from . import linker
from .deepspeed_install import kind_of
from .elf import SharedObject
from .library import LIBRARY
from .symbols import CALLED, NEEDED, READABLE, SONAME

_NAMES = frozenset(READABLE)


class Binding(NamedTuple):
    """One function, and the library that an op's calls of it go to.

    `library` is None if the dynamic linker is not asked (the op calls its own code), or has not been
    asked yet (`lazy`).
    """

    op: Path
    function: str
    library: Path | None
    lazy: bool = False


def _defined(symbols: SharedObject) -> frozenset[str]:
    return frozenset(READABLE[name] for name in _NAMES if symbols.address_of(name) is not None)


def _should_be_bound(symbols: SharedObject, kind: str | None) -> frozenset[str]:
    """The functions whose calls an op leaves to the dynamic linker if it can be switched."""
    return (_defined(symbols) & CALLED) | NEEDED.get(kind or "", frozenset())


def why_not_switchable(op: SharedObject, kind: str | None) -> str | None:
    """Why calls of this op cannot be bound to another library; None if they can."""
    slots = {READABLE[slot.symbol] for slot in op.slots(_NAMES)}
    inside = sorted(_should_be_bound(op, kind) - slots)
    if not inside:
        return None
    if not _defined(op) and not slots:
        return "it was compiled with hidden visibility, so the dynamic linker sees none of them"
    if op.symbolic:
        return "it was linked with -Bsymbolic, so it calls its own " + ", ".join(inside)
    if not slots:
        return (
            "it was linked with -Bsymbolic-functions, which leaves no mark but the missing "
            "relocations, so it calls its own " + ", ".join(inside)
        )
    return "the dynamic linker is not asked for its " + ", ".join(inside)


def bindings_of(op: linker.Loaded) -> list[Binding]:
    """What the dynamic linker bound each call of a loaded op to, read from the op's memory."""
    symbols = op.shared_object
    found: dict[str, Binding] = {}
    for slot in symbols.slots(_NAMES):
        function = READABLE[slot.symbol]
        address = op.word(slot.offset)
        library = linker.file_of(address)
        own = symbols.address_of(slot.symbol)
        # Before the first call of a lazily bound function its slot leads back into the op.
        lazy = linker.same_file(library, op.path) and address != op.image.bias + (own or 0)
        binding = Binding(op.path, function, None if lazy else library, lazy)
        # Of several slots of one function, one that does not lead to the library decides.
        earlier = found.setdefault(function, binding)
        if earlier != binding and not linker.same_file(binding.library, LIBRARY):
            found[function] = binding
    for function in _should_be_bound(symbols, kind_of(op.path)):
        found.setdefault(function, Binding(op.path, function, None))
    return sorted(found.values())


def loaded_ops() -> Iterator[linker.Loaded]:
    """The objects of this process that contain, use or by their name should use the functions."""
    for candidate in linker.loaded():
        if linker.same_file(candidate.path, LIBRARY):
            continue
        try:
            symbols = candidate.shared_object
            if kind_of(candidate.path) in NEEDED or SONAME in symbols.needed or symbols.defines_any(_NAMES):
                yield candidate
        except (ValueError, struct.error):  # such as NotElf: nothing that a call could be bound in
            continue


def bindings() -> list[Binding]:
    """For each loaded op and each of its functions, the library that calls go to in this process.

    Read from the words that the dynamic linker filled: what happens, not what should happen. Empty as
    long as no op is loaded.
    """
    return [binding for op in loaded_ops() for binding in bindings_of(op)]


def bound_to_library(op: linker.Loaded) -> bool:
    """Whether all calls of a loaded op go to this package's library."""
    found = bindings_of(op)
    return bool(found) and all(linker.same_file(b.library, LIBRARY) for b in found)
