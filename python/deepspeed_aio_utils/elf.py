"""Reads what the dynamic linker reads of a shared object: its symbols and its relocations.

From a file, or from the memory of a loaded one, whose file may have been replaced since. 64-bit
little-endian ELF for x86-64 and AArch64, the platforms of the library.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NEEDED, _DT_PLTRELSZ, _DT_HASH, _DT_STRTAB, _DT_SYMTAB = 1, 2, 4, 5, 6
_DT_RELA, _DT_RELASZ, _DT_STRSZ, _DT_SYMBOLIC = 7, 8, 10, 16
_DT_JMPREL, _DT_FLAGS, _DT_GNU_HASH = 23, 30, 0x6FFFFEF5
_DF_SYMBOLIC = 2
_STV_DEFAULT, _STV_PROTECTED = 0, 3

# Relocations that put the address of a function into a word: JUMP_SLOT, GLOB_DAT, and the absolute
# one of 64 bits.
_ADDRESS_RELOCATIONS = {62: {7, 6, 1}, 183: {1026, 1025, 257}}
MACHINES = {"x86_64": 62, "aarch64": 183}

_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELA = struct.Struct("<QQq")


class NotElf(ValueError):
    """Not a shared object for x86-64 or AArch64."""


class Segment(NamedTuple):
    """An entry of the program header table."""

    kind: int
    offset: int
    vaddr: int
    file_size: int
    memory_size: int


class Slot(NamedTuple):
    """A word that the dynamic linker fills with the address of a function."""

    symbol: str
    offset: int


class Image(Protocol):
    """The bytes of a shared object, by the addresses in the object."""

    machine: int
    segments: list[Segment]
    bias: int

    def read(self, vaddr: int, size: int) -> bytes:
        """`size` bytes at `vaddr`; NotElf if the object has none."""


class FileImage:
    """A shared object on disk."""

    bias = 0

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            try:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError as error:
                raise NotElf(f"{path} is empty") from error
        header = self._bytes[:64]
        if len(header) < 64 or header[:6] != b"\x7fELF\x02\x01":
            raise NotElf(f"{path} is not a 64-bit little-endian ELF file")
        self.machine = struct.unpack_from("<H", header, 18)[0]
        (table,) = struct.unpack_from("<Q", header, 32)
        entry_size, count = struct.unpack_from("<HH", header, 54)
        if count == 0 or entry_size != _PROGRAM_HEADER.size:
            raise NotElf(f"{path} has no program headers")
        self.segments = [
            _segment(self._bytes[at : at + entry_size])
            for at in range(table, table + count * entry_size, entry_size)
        ]

    def read(self, vaddr: int, size: int) -> bytes:
        for segment in self.segments:
            start = vaddr - segment.vaddr
            if segment.kind == _PT_LOAD and start >= 0 and start + size <= segment.file_size:
                at = segment.offset + start
                return self._bytes[at : at + size]
        raise NotElf(f"it has no bytes at {vaddr:#x}")


def _segment(entry: bytes) -> Segment:
    kind, _, offset, vaddr, _, file_size, memory_size, _ = _PROGRAM_HEADER.unpack(entry)
    return Segment(kind, offset, vaddr, file_size, memory_size)


class SharedObject:
    """The dynamic section of an image, and the tables that it points to."""

    def __init__(self, image: Image) -> None:
        self._image = image
        if image.machine not in _ADDRESS_RELOCATIONS:
            raise NotElf(f"machine {image.machine} is neither x86-64 nor AArch64")
        dynamic = next((s for s in image.segments if s.kind == _PT_DYNAMIC), None)
        if dynamic is None:
            raise NotElf("it is not dynamically linked")
        self._entries: list[tuple[int, int]] = []
        for tag, value in struct.iter_unpack("<qQ", image.read(dynamic.vaddr, dynamic.memory_size)):
            if tag == 0:
                break
            self._entries.append((tag, value))
        self._values = dict(self._entries)

    @property
    def needed(self) -> list[str]:
        """DT_NEEDED: the libraries that it was linked against."""
        return [self._string(value) for tag, value in self._entries if tag == _DT_NEEDED]

    @property
    def symbolic(self) -> bool:
        """Whether it was linked with -Bsymbolic; -Bsymbolic-functions leaves no mark."""
        flags = self._values.get(_DT_FLAGS, 0)
        return _DT_SYMBOLIC in self._values or bool(flags & _DF_SYMBOLIC)

    def address_of(self, name: str) -> int | None:
        """The address of a symbol that it defines for others; None if it does not."""
        for index in self._candidates(name):
            symbol_name, info, other, section, value = self._symbol(index)
            visible = other & 3 in (_STV_DEFAULT, _STV_PROTECTED)
            if symbol_name == name and section != 0 and info >> 4 != 0 and visible:
                return value
        return None

    def defines_any(self, names: Iterable[str]) -> bool:
        """Whether it defines one of these."""
        return any(self.address_of(name) is not None for name in names)

    def slots(self, names: frozenset[str]) -> list[Slot]:
        """The words that are filled with the address of one of `names`."""
        kinds = _ADDRESS_RELOCATIONS[self._image.machine]
        found = []
        wanted: dict[int, str | None] = {}
        for offset, info in self._relocations():
            index = info >> 32
            if index == 0 or info & 0xFFFFFFFF not in kinds:
                continue
            if index not in wanted:
                name = self._symbol(index)[0]
                wanted[index] = name if name in names else None
            name_of_index = wanted[index]
            if name_of_index is not None:
                found.append(Slot(name_of_index, offset))
        return found

    def _relocations(self) -> Iterator[tuple[int, int]]:
        for table, size in ((_DT_RELA, _DT_RELASZ), (_DT_JMPREL, _DT_PLTRELSZ)):
            length = self._values.get(size, 0)
            if table in self._values and length:
                entries = self._image.read(self._pointer(table), length)
                for offset, info, _ in _RELA.iter_unpack(entries):
                    yield offset, info

    def _pointer(self, tag: int) -> int:
        """An address of the dynamic section, which glibc rewrites when it loads the object."""
        value = self._values[tag]
        bias = self._image.bias
        return value - bias if bias and value >= bias else value

    def _symbol(self, index: int) -> tuple[str, int, int, int, int]:
        at = self._pointer(_DT_SYMTAB) + index * _SYMBOL.size
        name, info, other, section, value, _ = _SYMBOL.unpack(self._image.read(at, _SYMBOL.size))
        return self._string(name), info, other, section, value

    @cached_property
    def _strings(self) -> bytes:
        return self._image.read(self._pointer(_DT_STRTAB), self._values[_DT_STRSZ])

    def _string(self, at: int) -> str:
        return self._strings[at : self._strings.index(b"\0", at)].decode()

    def _candidates(self, name: str) -> Iterable[int]:
        """Indices of the symbols that may have this name."""
        if _DT_GNU_HASH in self._values:
            return self._gnu_candidates(_gnu_hash(name.encode()))
        if _DT_HASH in self._values:
            _, count = self._words(self._pointer(_DT_HASH), 2)
            return range(1, count)
        return ()

    def _gnu_candidates(self, wanted: int) -> Iterator[int]:
        table = self._pointer(_DT_GNU_HASH)
        buckets, first, bloom_size, bloom_shift = self._words(table, 4)
        if not buckets or not bloom_size:
            return
        at_word = table + 16 + 8 * (wanted // 64 % bloom_size)
        word = int.from_bytes(self._image.read(at_word, 8), "little")
        if not (word >> wanted % 64) & (word >> (wanted >> bloom_shift) % 64) & 1:
            return
        at_buckets = table + 16 + 8 * bloom_size
        at_chains = at_buckets + 4 * buckets
        (index,) = self._words(at_buckets + 4 * (wanted % buckets), 1)
        while index >= first:
            (value,) = self._words(at_chains + 4 * (index - first), 1)
            if value | 1 == wanted | 1:
                yield index
            if value & 1:
                return
            index += 1

    def _words(self, vaddr: int, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}I", self._image.read(vaddr, 4 * count))


def _gnu_hash(name: bytes) -> int:
    value = 5381
    for byte in name:
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


def open_file(path: Path) -> SharedObject:
    """The shared object in a file; NotElf if it is none, OSError if it cannot be read."""
    return SharedObject(FileImage(path))
