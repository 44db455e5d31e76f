"""The ELF reader beside readelf and nm, on disk and in memory."""

import ctypes
import re
from pathlib import Path

import pytest
from conftest import succeed


@pytest.fixture
def reader(installed, monkeypatch):
    """The installed modules, in this process, which loads nothing through them."""
    monkeypatch.syspath_prepend(installed.package.parent)
    from deepspeed_aio_utils import elf, functions, linker

    return elf, functions, linker


def relocations(path):
    """(symbol, offset) of every relocation of an address, as readelf has it."""
    kinds = "JUMP_SLO|JUMP_SLOT|GLOB_DAT|R_X86_64_64|ABS64"
    found = re.findall(
        rf"^(\w+)\s+\w+\s+\S*(?:{kinds})\S*\s+\w+\s+([\w.]+)(?:@\S+)? \+ 0$",
        succeed("readelf", "-rW", path),
        re.MULTILINE,
    )
    return {(symbol, int(offset, 16)) for offset, symbol in found}


def test_the_table_of_functions_is_what_the_library_exports(installed, reader):
    exported = {
        line.split()[-1] for line in succeed("nm", "-D", "--defined-only", installed.library).splitlines()
    }
    assert set(reader[1].READABLE) == {name for name in exported if not name.startswith("dsaio_")}


def test_the_readable_names_are_the_demangled_ones(reader):
    for mangled, readable in reader[1].READABLE.items():
        assert succeed("c++filt", mangled).split("(")[0] == readable


@pytest.mark.parametrize(
    "flags",
    [(), ("-Wl,--hash-style=sysv",), ("-Wl,--hash-style=gnu",), ("-fno-plt",), ("-Wl,-z,now",), ("-s",)],
    ids=" ".join,
)
def test_symbols_and_relocations_are_those_that_readelf_sees(compiler, reader, flags):
    elf = reader[0]
    op = compiler.op("0.19.8", *flags)
    read = elf.open_file(op)
    names = frozenset(re.findall(r"\b_Z\w+|\bop_\w+", succeed("readelf", "--dyn-syms", "-W", op)))
    assert len(names) > 30
    defined = {
        line.split()[-1]: int(line.split()[0], 16)
        for line in succeed("nm", "-D", "--defined-only", op).splitlines()
    }
    assert {n: read.address_of(n) for n in names} == {n: defined.get(n) for n in names}
    wanted = {(symbol, offset) for symbol, offset in relocations(op) if symbol in names}
    assert wanted
    assert {tuple(slot) for slot in read.slots(names)} == wanted
    assert not read.symbolic
    assert "libaio.so.1" in read.needed


def test_what_is_read_from_memory_is_what_is_in_the_file(compiler, reader):
    elf, functions, linker = reader
    op = compiler.op("0.19.8")
    ctypes.CDLL(str(op))
    (loaded,) = [o for o in linker.loaded() if o.path == op]
    in_memory, in_file = loaded.shared_object(), elf.open_file(op)
    names = frozenset(functions.READABLE)
    assert in_memory.needed == in_file.needed
    assert in_memory.slots(names) == in_file.slots(names)
    for name in names:
        assert in_memory.address_of(name) == in_file.address_of(name)


def test_the_marks_of_bsymbolic(compiler, reader):
    assert reader[0].open_file(compiler.op("0.19.8", "-Wl,-Bsymbolic")).symbolic


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an ELF file, but long enough for a header" * 2,
        b"\x7fELF\x01\x01" + bytes(100),
        b"\x7fELF\x02\x01" + bytes(100),
    ],
)
def test_what_is_no_shared_object_is_refused(reader, tmp_path, content):
    file = tmp_path / "async_io.so"
    file.write_bytes(content)
    with pytest.raises(reader[0].NotElf):
        reader[0].open_file(file)


def test_the_numbers_are_those_of_the_platform(reader):
    header = Path("/usr/include/elf.h")
    if not header.exists():
        pytest.skip("this machine has no /usr/include/elf.h")
    text = header.read_text()

    def number(name):
        return int(re.search(rf"^#define\s+{name}\s+(\w+)", text, re.MULTILINE)[1], 0)

    elf = reader[0]
    assert {
        number("EM_X86_64"): {number(f"R_X86_64_{k}") for k in ("JUMP_SLOT", "GLOB_DAT", "64")},
        number("EM_AARCH64"): {number(f"R_AARCH64_{k}") for k in ("JUMP_SLOT", "GLOB_DAT", "ABS64")},
    } == elf._ADDRESS_RELOCATIONS
    for name in dir(elf):
        if name.startswith(("_DT_", "_DF_", "_PT_", "_STV_")):
            assert getattr(elf, name) == number(name[1:]), name
