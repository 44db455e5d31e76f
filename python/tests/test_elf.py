"""The ELF reader compared with readelf and nm, on disk and in memory."""

import ctypes
import re
from pathlib import Path

import pytest
from conftest import run, succeed

from deepspeed_aio_utils import elf, linker
from deepspeed_aio_utils.releases import NEWEST
from deepspeed_aio_utils.symbols import LIBRARIES, UTILS


def defined(path):
    """{symbol: address}, as nm reports it."""
    lines = succeed("nm", "-D", "--defined-only", path).splitlines()
    return {line.split()[-1]: int(line.split()[0], 16) for line in lines}


def relocations(path):
    """(symbol, offset) of every relocation of an address, as readelf reports it."""
    kinds = "JUMP_SLO|JUMP_SLOT|GLOB_DAT|R_X86_64_64|ABS64"
    line = rf"^(\w+)\s+\w+\s+\S*(?:{kinds})\S*\s+\w+\s+([\w.]+)(?:@\S+)? \+ 0$"
    found = re.findall(line, succeed("readelf", "-rW", path), re.MULTILINE)
    return {(symbol, int(offset, 16)) for offset, symbol in found}


@pytest.mark.parametrize("library", LIBRARIES, ids=["utils", "common"])
def test_the_table_of_symbols_is_what_the_library_exports(installed, library):
    exported = defined(installed.package / library.soname)
    assert set(library.readable) == {name for name in exported if not name.startswith("dsaio_")}
    demangled = run("c++filt", *library.readable).stdout.splitlines()
    assert [name.split("(")[0] for name in demangled] == list(library.readable.values())


@pytest.mark.parametrize("flags", ["", "-Wl,--hash-style=sysv", "-Wl,--hash-style=gnu -s"])
def test_symbols_and_relocations_are_those_of_readelf(ops, flags):
    op = ops.link(NEWEST, *flags.split())
    read = elf.open_file(op)
    names = frozenset(re.findall(r"\b_Z\w+|\bop_\w+", succeed("readelf", "--dyn-syms", "-W", op)))
    assert len(names) > 30
    addresses = defined(op)
    assert {n: read.address_of(n) for n in names} == {n: addresses.get(n) for n in names}
    wanted = {(symbol, offset) for symbol, offset in relocations(op) if symbol in names}
    assert wanted
    assert {tuple(slot) for slot in read.slots(names)} == wanted
    assert not read.symbolic
    # Debian 13 and Ubuntu 24.04 have libaio.so.1t64.
    assert any(name.startswith("libaio.so.1") for name in read.needed)


def test_memory_and_file_are_read_alike(ops):
    op = ops.link(NEWEST)
    ctypes.CDLL(str(op))
    (loaded,) = [o for o in linker.loaded() if o.path == op]
    in_memory, in_file = loaded.shared_object, elf.open_file(op)
    names = frozenset(UTILS.readable)
    assert in_memory.needed == in_file.needed
    assert in_memory.slots(names) == in_file.slots(names)
    assert all(in_memory.address_of(name) == in_file.address_of(name) for name in names)


@pytest.mark.parametrize(
    "content", [b"", b"not ELF" * 20, b"\x7fELF\x01\x01" + bytes(100), b"\x7fELF\x02\x01" + bytes(100)]
)
def test_a_file_that_is_no_shared_object(tmp_path, content):
    file = tmp_path / "async_io.so"
    file.write_bytes(content)
    with pytest.raises(elf.NotElf):
        elf.open_file(file)


def test_the_constants_are_those_of_the_platform():
    header = Path("/usr/include/elf.h")
    if not header.exists():
        pytest.skip("this machine has no /usr/include/elf.h")
    text = header.read_text()

    def number(name):
        return int(re.search(rf"^#define\s+{name}\s+(\w+)", text, re.MULTILINE)[1], 0)

    assert {
        number("EM_X86_64"): {number(f"R_X86_64_{k}") for k in ("JUMP_SLOT", "GLOB_DAT", "64")},
        number("EM_AARCH64"): {number(f"R_AARCH64_{k}") for k in ("JUMP_SLOT", "GLOB_DAT", "ABS64")},
    } == elf._ADDRESS_RELOCATIONS
    for name in dir(elf):
        if name.startswith(("_DT_", "_DF_", "_PT_", "_STV_")):
            assert getattr(elf, name) == number(name[1:]), name
