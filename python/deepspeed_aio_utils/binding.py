"""What an op's calls can be bound to, read from its file, and what they are bound to in this process."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from . import linker
from .deepspeed_install import kind_of
from .elf import SharedObject
from .symbols import LIBRARIES, LIBRARY_OF, Library

_READABLE = {name: function for library in LIBRARIES for name, function in library.readable.items()}
_NAMES = frozenset(_READABLE)


class Binding(NamedTuple):
    """One function, and the library that an op's calls of it go to.

    `library` is None if the dynamic linker is not asked (the op calls its own code), or has not been
    asked yet (`lazy`).
    """

    op: Path
    function: str
    library: Path | None
    lazy: bool = False

    @property
    def ours(self) -> bool:
        """Whether the calls go to this package's library for this function."""
        return linker.same_file(self.library, LIBRARY_OF[self.function].path)


def _defined(symbols: SharedObject, library: Library) -> frozenset[str]:
    names = library.readable.items()
    return frozenset(function for name, function in names if symbols.address_of(name) is not None)


def _should_be_bound(symbols: SharedObject, kind: str | None, library: Library) -> frozenset[str]:
    """The functions whose calls an op leaves to the dynamic linker if it can be switched."""
    return (_defined(symbols, library) & library.called) | library.needed.get(kind or "", frozenset())


def why_not_switchable(op: SharedObject, kind: str | None, library: Library) -> str | None:
    """Why calls of this op cannot be bound to another library than itself; None if they can."""
    slots = {library.readable[slot.symbol] for slot in op.slots(frozenset(library.readable))}
    inside = sorted(_should_be_bound(op, kind, library) - slots)
    if not inside:
        return None
    if not _defined(op, library) and not slots:
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
        function = _READABLE[slot.symbol]
        address = op.word(slot.offset)
        library = linker.file_of(address)
        own = symbols.address_of(slot.symbol)
        # Before the first call of a lazily bound function its slot leads back into the op.
        lazy = linker.same_file(library, op.path) and address != op.image.bias + (own or 0)
        binding = Binding(op.path, function, None if lazy else library, lazy)
        # Of several slots of one function, one that does not lead to the library decides.
        earlier = found.setdefault(function, binding)
        if earlier != binding and not binding.ours:
            found[function] = binding
    for library_of_ours in LIBRARIES:
        for function in _should_be_bound(symbols, kind_of(op.path), library_of_ours):
            found.setdefault(function, Binding(op.path, function, None))
    return sorted(found.values())


def loaded_ops() -> Iterator[linker.Loaded]:
    """The objects of this process that contain, use or by their name should use the functions."""
    for candidate in linker.loaded():
        if any(linker.same_file(candidate.path, library.path) for library in LIBRARIES):
            continue
        try:
            symbols = candidate.shared_object
            needed = symbols.needed
            if (
                any(kind_of(candidate.path) in library.needed for library in LIBRARIES)
                or any(library.soname in needed for library in LIBRARIES)
                or symbols.defines_any(_NAMES)
            ):
                yield candidate
        except (ValueError, struct.error):  # such as NotElf: nothing that a call could be bound in
            continue


def bindings() -> list[Binding]:
    """For each loaded op and each of its functions, the library that calls go to in this process.

    Read from the words that the dynamic linker filled: what happens, not what should happen. Empty as
    long as no op is loaded.
    """
    return [binding for op in loaded_ops() for binding in bindings_of(op)]


def bound_to_libraries(op: linker.Loaded, libraries: Iterable[Library] = LIBRARIES) -> bool:
    """Whether all calls of a loaded op to the functions of these libraries go to the libraries."""
    found = [b for b in bindings_of(op) if LIBRARY_OF[b.function] in libraries]
    return bool(found) and all(b.ours for b in found)
