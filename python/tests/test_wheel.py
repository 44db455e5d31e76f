"""What is in the wheel, whom it fits, and that it comes and goes without a trace."""

import re
import sys
import zipfile

from conftest import ROOT, clean_environment, run, succeed


def read(wheel, ending):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(ending)]
        return archive.read(name)


def test_one_wheel_serves_every_python_3_of_its_platform(wheel):
    name = re.fullmatch(r"deepspeed_aio_utils-(.+)-py3-none-((?:many)?linux\w*)\.whl", wheel.name)
    assert name, wheel.name
    assert f'version = "{name[1]}"' in (ROOT / "Cargo.toml").read_text()
    tags = re.findall(r"^Tag: (.+)$", read(wheel, "/WHEEL").decode(), re.MULTILINE)
    assert tags == [f"py3-none-{name[2]}"]
    assert "Root-Is-Purelib: false" in read(wheel, "/WHEEL").decode()


def test_it_needs_nothing_but_python(wheel):
    metadata = read(wheel, "/METADATA").decode()
    assert "Requires-Dist" not in metadata
    assert "Requires-Python: >=3.9" in metadata
    assert "License-Expression: Apache-2.0" in metadata


def test_it_holds_the_package_and_the_library_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    source = ROOT / "python" / "deepspeed_aio_utils"
    expected = {f"deepspeed_aio_utils/{p.relative_to(source)}" for p in source.rglob("*.py")}
    expected |= {"deepspeed_aio_utils/py.typed", "deepspeed_aio_utils/libdeepspeed_aio_utils.so"}
    assert names == expected


def test_the_library_is_the_one_that_programs_link_against(wheel, tmp_path):
    library = tmp_path / "library.so"
    library.write_bytes(read(wheel, "/libdeepspeed_aio_utils.so"))
    dynamic = succeed("readelf", "-dW", library)
    assert "Library soname: [libdeepspeed_aio_utils.so]" in dynamic
    needed = set(re.findall(r"Shared library: \[(.+?)\.so", dynamic))
    assert needed <= {"libc", "libgcc_s", "ld-linux-x86-64", "ld-linux-aarch64"}
    exported = {line.split()[-1] for line in succeed("nm", "-D", "--defined-only", library).splitlines()}
    assert exported == set((ROOT / "proof/cpp_tests/symbols/expected.txt").read_text().split())
    assert str(ROOT).encode() not in library.read_bytes()


def test_it_is_uninstalled_without_a_trace(wheel, tmp_path):
    root = tmp_path / "environment"
    succeed(sys.executable, "-m", "venv", "--without-pip", root, env=clean_environment())
    python = root / "bin" / "python"

    def pip(*arguments):
        succeed(sys.executable, "-m", "pip", "--python", python, *arguments, env=clean_environment())

    def files():
        return set(root.rglob("*"))

    before = files()
    pip("install", "--no-deps", "--no-index", wheel)
    assert files() > before
    # Used, with bytecode written.
    env = {**clean_environment(), "HOME": str(tmp_path)}
    done = run(python, "-c", "import deepspeed_aio_utils.auto, deepspeed_aio_utils.check", env=env)
    assert done.returncode == 0, done.stderr
    assert run(python, "-m", "deepspeed_aio_utils", "check", cwd=tmp_path, env=env).returncode == 1
    pip("uninstall", "--yes", "deepspeed-aio-utils")
    assert files() == before
    assert [p.name for p in tmp_path.iterdir()] == ["environment"]


def test_building_leaves_the_checkout_as_it_was(wheel):
    # `wheel` was built from this checkout.
    info = "deepspeed_aio_utils.egg-info"
    assert [p for p in ("build", "dist", info, f"python/{info}") if (ROOT / p).exists()] == []
