"""What the dynamic linker knows about this process: which objects are loaded, and which symbols they have."""

from __future__ import annotations

import ctypes
import os
import platform
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from . import elf

_process = ctypes.CDLL(None)


class _ProgramHeader(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("offset", ctypes.c_uint64),
        ("vaddr", ctypes.c_uint64),
        ("paddr", ctypes.c_uint64),
        ("file_size", ctypes.c_uint64),
        ("memory_size", ctypes.c_uint64),
        ("align", ctypes.c_uint64),
    ]


class _LoadedInfo(ctypes.Structure):
    """The part of struct dl_phdr_info that is needed."""

    _fields_ = [
        ("base", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
        ("headers", ctypes.POINTER(_ProgramHeader)),
        ("count", ctypes.c_uint16),
    ]


class _SymbolInfo(ctypes.Structure):
    """Dl_info."""

    _fields_ = [
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    ]


_Visitor = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_LoadedInfo), ctypes.c_size_t, ctypes.c_void_p)

_process.dladdr.argtypes = [ctypes.c_void_p, ctypes.POINTER(_SymbolInfo)]
_process.dlclose.argtypes = [ctypes.c_void_p]
_process.dlsym.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
_process.dlsym.restype = ctypes.c_void_p


class MemoryImage:
    """A shared object in the memory of this process."""

    def __init__(self, bias: int, segments: list[elf.Segment]) -> None:
        self.bias = bias
        self.segments = segments
        self.machine = elf.MACHINES.get(platform.machine(), 0)

    def read(self, vaddr: int, size: int) -> bytes:
        """`size` bytes at `vaddr`, which has to be in a loaded segment."""
        for segment in self.segments:
            start = vaddr - segment.vaddr
            if segment.kind == 1 and start >= 0 and start + size <= segment.memory_size:
                return ctypes.string_at(self.bias + vaddr, size)
        raise elf.NotElf(f"nothing is loaded at {vaddr:#x}")


@dataclass(frozen=True)
class Loaded:
    """A shared object of this process."""

    path: Path
    image: MemoryImage

    @cached_property
    def shared_object(self) -> elf.SharedObject:
        """Its symbols and relocations, read from memory."""
        return elf.SharedObject(self.image)

    def word(self, offset: int) -> int:
        """The 64-bit word at an address of the object."""
        return int.from_bytes(self.image.read(offset, 8), "little")


def loaded() -> list[Loaded]:
    """Every shared object of this process, without the program itself, in the dynamic linker's order."""
    found = []

    def visit(info: ctypes._Pointer[_LoadedInfo], _size: int, _data: int | None) -> int:
        entry = info.contents
        if entry.name:
            segments = [
                elf.Segment(h.kind, h.offset, h.vaddr, h.file_size, h.memory_size)
                for h in entry.headers[: entry.count]
            ]
            path = Path(os.fsdecode(entry.name))
            found.append(Loaded(path, MemoryImage(entry.base, segments)))
        return 0

    _process.dl_iterate_phdr(_Visitor(visit), None)
    return found


def file_of(address: int) -> Path | None:
    """The shared object that contains an address of this process."""
    info = _SymbolInfo()
    if not _process.dladdr(address, ctypes.byref(info)) or not info.file:
        return None
    return Path(os.fsdecode(info.file))


def global_address(name: str) -> int | None:
    """The address that an object loaded next would bind this symbol to; None if there is none."""
    # Not getattr(_process, name), which caches: after dlclose() it would return an old address.
    address: int | None = _process.dlsym(_process._handle, name.encode())
    return address


def load_global(path: Path) -> ctypes.CDLL:
    """Loads a library so that objects loaded later bind to it; OSError if that fails."""
    return ctypes.CDLL(str(path), mode=os.RTLD_NOW | os.RTLD_GLOBAL)


def unload(library: ctypes.CDLL) -> None:
    """Undoes load_global()."""
    _process.dlclose(library._handle)


def same_file(one: Path | None, other: Path) -> bool:
    """Whether two paths name one file, even if it has been removed."""
    if one is None:
        return False
    try:
        return os.path.samefile(one, other)
    except OSError:
        # The kernel's linux-vdso.so.1 has no directory, and this process may have none that exists.
        return one.is_absolute() and os.path.realpath(one) == os.path.realpath(other)
