"""The contents of the wheel, where it can be installed, and that it is removed without a trace."""

import platform
import re
import sys
import zipfile

import pytest
from conftest import (
    ROOT,
    Environment,
    build_wheel,
    clean_environment,
    pip,
    succeed,
    virtual_environment,
)

LIBRARIES = "libdeepspeed_aio_utils.so", "libdeepspeed_aio_common.so"


def read(wheel, ending):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if f"/{n}".endswith(ending)]
        return archive.read(name)


def test_one_wheel_fits_every_python_3_of_its_platform(wheel):
    name = re.fullmatch(r"deepspeed_aio_utils-(.+)-py3-none-((?:many)?linux[\w.]*)\.whl", wheel.name)
    assert name, wheel.name
    assert f'version = "{name[1]}"' in (ROOT / "Cargo.toml").read_text()
    tags = re.findall(r"^Tag: (.+)$", read(wheel, "/WHEEL").decode(), re.MULTILINE)
    assert sorted(tags) == [f"py3-none-{part}" for part in sorted(name[2].split("."))]
    assert "Requires-Dist" not in read(wheel, "/METADATA").decode()


def test_it_holds_the_package_and_the_libraries_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        # auditwheel adds directories.
        names = {n for n in archive.namelist() if ".dist-info/" not in n and not n.endswith("/")}
    package = ROOT / "python" / "deepspeed_aio_utils"
    expected = {p.relative_to(package.parent).as_posix() for p in package.rglob("*.py")}
    texts = ("py.typed", "releases.txt", "sources.txt", "symbols.txt", "symbols_common.txt")
    for name in (*texts, *LIBRARIES):
        expected.add(f"deepspeed_aio_utils/{name}")
    assert names == {*expected, "deepspeed_aio_utils.pth"}


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_libraries_are_those_that_programs_link_against(wheel, tmp_path, name):
    library = tmp_path / "library.so"
    library.write_bytes(read(wheel, f"/{name}"))
    dynamic = succeed("readelf", "-dW", library)
    assert f"Library soname: [{name}]" in dynamic
    needed = set(re.findall(r"Shared library: \[(.+?)\.so", dynamic))
    linker = {"ld-linux-x86-64", "ld-linux-aarch64"}
    # libpthread and libdl: of a glibc before 2.34.
    assert needed <= {"libc", "libm", "libgcc_s", "libpthread", "libdl", *linker}
    assert str(ROOT).encode() not in library.read_bytes()


def test_a_wheel_that_says_another_machine_is_refused(source, tmp_path):
    ours, other = platform.machine(), {"x86_64": "aarch64", "aarch64": "x86_64"}[platform.machine()]
    done = build_wheel(source, tmp_path, _PYTHON_HOST_PLATFORM=f"linux-{other}")
    assert done.returncode != 0 and list(tmp_path.iterdir()) == []
    sentence = rf"libdeepspeed_aio_\w+\.so is for {ours}, and the wheel would say linux_{other}\."
    assert re.search(sentence, done.stdout + done.stderr), done.stdout + done.stderr


def test_an_editable_installation_has_the_startup_file(source, tmp_path):
    code = "import sys; from setuptools import build_meta; build_meta.build_editable(sys.argv[1])"
    env = {"CARGO_TARGET_DIR": str(ROOT / "target"), **clean_environment()}
    succeed(sys.executable, "-c", code, tmp_path, cwd=source, env=env)
    (editable,) = tmp_path.glob("*.whl")
    startup_file = ROOT / "python" / "deepspeed_aio_utils.pth"
    assert read(editable, "/deepspeed_aio_utils.pth") == startup_file.read_bytes()


def test_it_is_uninstalled_without_a_trace(wheel, tmp_path):
    environment = Environment(tmp_path / "environment", tmp_path)
    python = virtual_environment(environment.root)
    (site_packages,) = environment.root.glob("lib/python3*/site-packages")
    # pip removes a site-packages that nothing else is in.
    (site_packages / "another.py").touch()
    before = set(environment.root.rglob("*"))
    pip(python, "install", "--no-deps", "--no-index", wheel)
    # Used, with bytecode written.
    code = "import deepspeed_aio_utils.auto, deepspeed_aio_utils.check"
    assert environment.run("-c", code, PYTHONDONTWRITEBYTECODE="", DSAIO=1).returncode == 0
    assert set(environment.root.rglob("*")) > before
    pip(python, "uninstall", "--yes", "deepspeed-aio-utils")
    assert set(environment.root.rglob("*")) == before
    assert [p.name for p in tmp_path.iterdir()] == ["environment"]


def test_building_leaves_the_checkout_unchanged(source):
    # The source distribution was made in this checkout.
    made = ("dist", "deepspeed_aio_utils.egg-info", "python/deepspeed_aio_utils.egg-info")
    assert [name for name in (*made, *ROOT.glob("deepspeed_aio_utils-*")) if (ROOT / name).exists()] == []
