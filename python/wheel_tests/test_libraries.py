"""The libraries in both wheels of `make wheels`: what they need, what they export, how they are aligned."""

import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from deepspeed_aio_utils.symbols import COMMON, LIBRARIES, UTILS

ROOT = Path(__file__).resolve().parents[2]
WHEELS = Path(os.environ["DSAIO_WHEELS"])
HEADERS = {UTILS.soname: "deepspeed_aio_utils.h", COMMON.soname: "dsaio_transfer.h"}
ELF_NAMES = {"x86_64": "Advanced Micro Devices X86-64", "aarch64": "AArch64"}


@pytest.fixture(params=ELF_NAMES)
def machine(request):
    return request.param


@pytest.fixture(params=LIBRARIES, ids=lambda library: library.soname)
def library(request):
    return request.param


@pytest.fixture
def read(machine, library, tmp_path):
    """What a program of binutils says of the library."""
    (wheel,) = WHEELS.glob(f"*_{machine}.whl")
    with zipfile.ZipFile(wheel) as archive:
        file = archive.extract(f"deepspeed_aio_utils/{library.soname}", tmp_path)

    def output(*command):
        return subprocess.run([*command, file], check=True, text=True, capture_output=True).stdout

    return output


def test_the_files_of_a_release():
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    name = f"deepspeed_aio_utils-{version}"
    tags = [f"manylinux2014_{machine}.manylinux_2_17_{machine}" for machine in ELF_NAMES]
    wheels = {f"{name}-py3-none-{tag}.whl" for tag in tags}
    assert {file.name for file in WHEELS.iterdir()} == {f"{name}.tar.gz", *wheels}


def test_they_are_for_the_machine_of_the_tag(machine, read):
    assert re.search(r"Machine: +(.+)", read("readelf", "-hW"))[1] == ELF_NAMES[machine]


def test_they_need_the_glibc_of_the_tag(read):
    versions = re.findall(r"Name: GLIBC_([\d.]+) ", read("readelf", "-VW"))
    newest = max(tuple(map(int, version.split("."))) for version in versions)
    assert newest <= (2, 17), versions


def test_they_export_what_the_headers_and_symbols_txt_say(library, read):
    declared = (ROOT / "include" / HEADERS[library.soname]).read_text()
    flat = set(re.findall(r"^\w.*?\b(dsaio_\w+)\(", declared, re.MULTILINE))
    exported = {line.split()[-1] for line in read("nm", "-D", "--defined-only").splitlines()}
    assert exported == flat | library.readable.keys()


def test_a_kernel_with_pages_of_64_kib_can_load_those_for_aarch64(machine, read):
    loads = re.findall(r"^ +LOAD .* (0x[0-9a-f]+)$", read("readelf", "-lW"), re.MULTILINE)
    assert {int(alignment, 16) for alignment in loads} == {{"x86_64": 1 << 12, "aarch64": 1 << 16}[machine]}
