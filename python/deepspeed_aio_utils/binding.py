"""What an op's calls are bound to: on disk, what they can be; in this process, what they are."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Optional

from . import linker
from .deepspeed_install import kind_of
from .elf import SharedObject
from .functions import CALLED, NEEDED, READABLE, SONAME

_NAMES = frozenset(READABLE)


class Binding(NamedTuple):
    """One function, and the library that an op's calls of it go to.

    `library` is None where the dynamic linker was not asked (the op calls its own code), or has not
    been asked yet (`lazy`).
    """

    op: Path
    function: str
    library: Optional[Path]
    lazy: bool = False


def why_not_switchable(op: SharedObject, kind: Optional[str]) -> Optional[str]:
    """Why calls of this op cannot be bound to another library; None where they can be."""
    slots = {READABLE[slot.symbol] for slot in op.slots(_NAMES)}
    defined = {READABLE[name] for name in _NAMES if op.address_of(name) is not None}
    wanted = (defined & CALLED) | NEEDED.get(kind or "", frozenset())
    inside = sorted(wanted - slots)
    if not inside:
        return None
    if not defined and not slots:
        return "it was compiled with hidden visibility, so the dynamic linker sees none of them"
    if op.symbolic:
        return "it was linked with -Bsymbolic, so it calls its own " + ", ".join(inside)
    if not slots:
        return (
            "it was linked with -Bsymbolic-functions, which leaves no mark but the missing "
            "relocations, so it calls its own " + ", ".join(inside)
        )
    return "the dynamic linker is not asked for its " + ", ".join(inside)


def bindings_of(op: linker.Loaded) -> "list[Binding]":
    """What the dynamic linker bound each call of a loaded op to, read from the op's memory."""
    symbols = op.shared_object()
    kind = kind_of(op.path)
    found: "dict[str, Binding]" = {}
    for slot in symbols.slots(_NAMES):
        function = READABLE[slot.symbol]
        address = op.word(slot.offset)
        library = linker.file_of(address)
        own = symbols.address_of(slot.symbol)
        # Before the first call of a lazily bound function its slot leads back into the op.
        lazy = linker.same_file(library, op.path) and address != op.image.bias + (own or 0)
        binding = Binding(op.path, function, None if lazy else library, lazy)
        # Several slots of one function: the one that is not bound like the others is what matters.
        earlier = found.setdefault(function, binding)
        if earlier != binding and not linker.same_file(binding.library, _ours()):
            found[function] = binding
    defined = {READABLE[name] for name in _NAMES if symbols.address_of(name) is not None}
    for function in (defined & CALLED) | NEEDED.get(kind or "", frozenset()):
        found.setdefault(function, Binding(op.path, function, None))
    return sorted(found.values())


def loaded_ops() -> "Iterator[linker.Loaded]":
    """The objects of this process that contain, use or by their name should use the functions."""
    for candidate in linker.loaded():
        if linker.same_file(candidate.path, _ours()):
            continue
        try:
            symbols = candidate.shared_object()
            if (
                kind_of(candidate.path) in NEEDED
                or SONAME in symbols.needed
                or symbols.defines_any(_NAMES)
            ):
                yield candidate
        except (ValueError, struct.error):  # such as NotElf: nothing that a call could be bound in
            continue


def bindings() -> "list[Binding]":
    """For each loaded op and each of its functions, which library serves it in this process.

    It is read from the words that the dynamic linker filled, so it is what happens and not what should
    have happened. Empty as long as no op is loaded.
    """
    return [binding for op in loaded_ops() for binding in bindings_of(op)]


def bound_to_library(op: linker.Loaded) -> bool:
    """Whether all calls of a loaded op go to this package's library."""
    found = bindings_of(op)
    return bool(found) and all(linker.same_file(b.library, _ours()) for b in found)


def _ours() -> Path:
    return Path(__file__).with_name(SONAME)
