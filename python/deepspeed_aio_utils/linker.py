"""What the dynamic linker knows of this process: what is loaded, where, and what is bound to what."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path
from typing import NamedTuple, Optional

from . import elf

_process = ctypes.CDLL(None)


class _ProgramHeader(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("offset", ctypes.c_uint64),
        ("vaddr", ctypes.c_uint64), ("paddr", ctypes.c_uint64), ("file_size", ctypes.c_uint64),
        ("memory_size", ctypes.c_uint64), ("align", ctypes.c_uint64),
    ]


class _LoadedInfo(ctypes.Structure):
    """The part of struct dl_phdr_info that is needed."""

    _fields_ = [
        ("base", ctypes.c_uint64), ("name", ctypes.c_char_p),
        ("headers", ctypes.POINTER(_ProgramHeader)), ("count", ctypes.c_uint16),
    ]


class _SymbolInfo(ctypes.Structure):
    """Dl_info."""

    _fields_ = [
        ("file", ctypes.c_char_p), ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p), ("address", ctypes.c_void_p),
    ]


_Visitor = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(_LoadedInfo), ctypes.c_size_t, ctypes.c_void_p)

_process.dladdr.argtypes = [ctypes.c_void_p, ctypes.POINTER(_SymbolInfo)]
_process.dlclose.argtypes = [ctypes.c_void_p]


class MemoryImage:
    """A shared object as it lies in the memory of this process."""

    def __init__(self, bias: int, segments: "list[elf.Segment]") -> None:
        self.bias = bias
        self.segments = segments
        self.machine = elf.MACHINES.get(platform.machine(), 0)

    def read(self, vaddr: int, size: int) -> bytes:
        """`size` bytes at `vaddr`, which has to lie in a loaded segment."""
        for segment in self.segments:
            start = vaddr - segment.vaddr
            if segment.kind == 1 and 0 <= start and start + size <= segment.memory_size:
                return ctypes.string_at(self.bias + vaddr, size)
        raise elf.NotElf(f"nothing is loaded at {vaddr:#x}")


class Loaded(NamedTuple):
    """A shared object of this process."""

    path: Path
    image: MemoryImage

    def shared_object(self) -> elf.SharedObject:
        """Its symbols and relocations, read from memory."""
        return elf.SharedObject(self.image)

    def word(self, offset: int) -> int:
        """The 64-bit word at an address of the object."""
        return int.from_bytes(self.image.read(offset, 8), "little")


def loaded() -> "list[Loaded]":
    """Every shared object of this process, in the order of the dynamic linker; the program is not."""
    found = []

    def visit(info: "ctypes._Pointer[_LoadedInfo]", _size: int, _data: Optional[int]) -> int:
        entry = info.contents
        if entry.name:
            segments = [
                elf.Segment(h.kind, h.offset, h.vaddr, h.file_size, h.memory_size)
                for h in entry.headers[:entry.count]
            ]
            path = Path(os.fsdecode(entry.name))
            found.append(Loaded(path, MemoryImage(entry.base, segments)))
        return 0

    _process.dl_iterate_phdr(_Visitor(visit), None)
    return found


def file_of(address: int) -> Optional[Path]:
    """The shared object that an address of this process lies in."""
    info = _SymbolInfo()
    if not _process.dladdr(address, ctypes.byref(info)) or not info.file:
        return None
    return Path(os.fsdecode(info.file))


def global_address(name: str) -> Optional[int]:
    """What the process as a whole has under this name: what an object loaded next is bound to."""
    try:
        return ctypes.cast(getattr(_process, name), ctypes.c_void_p).value
    except AttributeError:
        return None


def load_for_all(path: Path) -> ctypes.CDLL:
    """Loads a library so that objects loaded later bind to it; OSError where that fails."""
    return ctypes.CDLL(str(path), mode=os.RTLD_NOW | os.RTLD_GLOBAL)


def unload(library: ctypes.CDLL) -> None:
    """Takes back load_for_all()."""
    _process.dlclose(library._handle)


def same_file(one: Optional[Path], other: Path) -> bool:
    """Whether two paths lead to one file, though it may have been removed."""
    if one is None:
        return False
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)
