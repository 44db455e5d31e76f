"""Each reason not to switch the library on: the exception, what it says, and that nothing happened."""

import importlib.machinery
import shutil
import sys

import pytest
from conftest import UNSWITCHABLE, fake_release

# Prints the exception's name and text, or "on"; then whether anything of the library is in the process.
TRY = """
import ctypes, json, sys
import deepspeed_aio_utils as d
for op in sys.argv[1:]:
    ctypes.CDLL(op)
try:
    d.activate()
    outcome = ["on", "", ""]
except d.ActivationError as error:
    assert str(error) == f"{error.reason} {error.remedy}" and d.active() is None
    outcome = [type(error).__name__, error.reason, error.remedy]
loaded = any("libdeepspeed_aio_utils.so" in line for line in open("/proc/self/maps"))
print(json.dumps([*outcome, loaded]))
"""


def refused(environment, *ops, **variables):
    name, reason, remedy, touched = environment.code(TRY, *ops, **variables)
    assert name != "on" and reason.endswith(".") and remedy
    assert not touched, "the process was half switched"
    return name, reason, remedy


def is_on(environment, **variables):
    name, reason, _, touched = environment.code(TRY, **variables)
    return name == "on" and touched or reason


def test_after_an_op_was_loaded(environment, compiler, release):
    op = compiler.op(release)
    name, reason, remedy = refused(environment, op)
    assert name == "OpAlreadyLoaded" and str(op) in reason
    assert "import deepspeed_aio_utils.auto" in remedy


@pytest.mark.parametrize("how", UNSWITCHABLE)
def test_after_an_op_was_loaded_that_shows_no_symbols(environment, compiler, how):
    op = compiler.op("0.19.8", *UNSWITCHABLE[how][0])
    assert refused(environment, op)[0] == "OpAlreadyLoaded"


def test_after_an_op_was_loaded_under_another_name(environment, compiler, tmp_path):
    op = shutil.copy(compiler.op("0.19.8"), tmp_path / "renamed.so")
    assert refused(environment, op)[0] == "OpAlreadyLoaded"


@pytest.mark.parametrize("version", ["0.15.4", "0.14.0+cu121", "0.19.9", "0.20.0", "1.0"])
def test_a_release_that_is_not_served(environment, tmp_path, version):
    path = fake_release(tmp_path / "site", version)
    name, reason, remedy = refused(environment, PYTHONPATH=path)
    assert name == "UnsupportedDeepSpeed" and version in reason
    assert "0.16.0 to 0.19.8" in remedy


@pytest.mark.parametrize("version", ["0.16.0", "0.17.1", "0.18.9+a1b2c3", "0.19.8"])
def test_a_release_that_is_served(environment, tmp_path, version):
    assert is_on(environment, PYTHONPATH=fake_release(tmp_path / "site", version)) is True


@pytest.mark.parametrize(
    ("version", "outcome"),
    [
        ("0.18.9\n", True),
        ("0.15.0\n", "DeepSpeed 0.15.0 cannot be switched"),
        (None, "cannot be told"),
        ("main", "cannot be told"),
    ],
)
def test_a_source_tree_without_metadata(environment, tmp_path, version, outcome):
    (tmp_path / "deepspeed").mkdir()
    (tmp_path / "deepspeed" / "__init__.py").write_text("raise SystemExit('imported')")
    if version is not None:
        (tmp_path / "version.txt").write_text(version)
    found = is_on(environment, PYTHONPATH=tmp_path)
    assert found is outcome or outcome in found


@pytest.mark.parametrize("how", UNSWITCHABLE)
def test_a_compiled_op_that_cannot_be_switched(environment, compiler, release, how):
    flags, named = UNSWITCHABLE[how]
    op = compiler.op(release, *flags)
    name, reason, remedy = refused(environment, TORCH_EXTENSIONS_DIR=op.parents[1])
    assert name == "OpNotSwitchable" and str(op) in reason and named in reason
    assert f"Remove {op.parent}" in remedy


def test_an_op_in_the_default_cache(environment, compiler):
    op = compiler.op("0.19.8", *UNSWITCHABLE["hidden"][0])
    caches = environment.home / ".cache" / "torch_extensions"
    ours = caches / f"py{sys.version_info[0]}{sys.version_info[1]}_cu121"
    other = caches / "py37_cu121"
    shutil.copytree(op.parent, other / "async_io")
    assert is_on(environment) is True, "an op of another Python does not matter"
    shutil.copytree(op.parent, ours / "async_io")
    assert str(ours / "async_io" / "async_io.so") in refused(environment)[1]
    shutil.move(environment.home / ".cache", environment.home / "cache")
    assert is_on(environment) is True
    assert refused(environment, XDG_CACHE_HOME=environment.home / "cache")[0] == "OpNotSwitchable"


@pytest.mark.parametrize("how", UNSWITCHABLE)
def test_a_prebuilt_op_that_cannot_be_switched(environment, compiler, tmp_path, how):
    path = fake_release(tmp_path / "site", "0.19.8")
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    op = path / "deepspeed" / "ops" / "aio" / f"async_io_op{suffix}"
    op.parent.mkdir(parents=True)
    shutil.copy(compiler.op("0.19.8"), op)
    assert is_on(environment, PYTHONPATH=path) is True
    flags, named = UNSWITCHABLE[how]
    shutil.copy(compiler.op("0.19.8", *flags), op)
    name, reason, remedy = refused(environment, PYTHONPATH=path)
    assert name == "OpNotSwitchable" and str(op) in reason and named in reason
    assert "DS_BUILD_OPS" in remedy


def test_an_op_that_can_be_switched_is_no_reason(environment, compiler, release):
    assert is_on(environment, TORCH_EXTENSIONS_DIR=compiler.op(release).parents[1]) is True


def test_one_of_two_ops_is_reason_enough(environment, compiler, tmp_path):
    flags = UNSWITCHABLE["symbolic_functions"][0]
    shutil.copytree(compiler.op("0.19.8").parent, tmp_path / "async_io")
    assert is_on(environment, TORCH_EXTENSIONS_DIR=tmp_path) is True
    shutil.copytree(compiler.op("0.19.8", *flags, kind="pin_memory").parent, tmp_path / "pin_memory")
    assert "pin_memory.so" in refused(environment, TORCH_EXTENSIONS_DIR=tmp_path)[1]


def test_an_op_that_cannot_be_read(environment, tmp_path):
    op = tmp_path / "async_io" / "async_io.so"
    op.parent.mkdir()
    op.write_bytes(b"\x7fELF half of it")
    assert "cannot be read" in refused(environment, TORCH_EXTENSIONS_DIR=tmp_path)[1]
    # As long as torch's lock is there, another process is writing it.
    (op.parent / "lock").touch()
    assert is_on(environment, TORCH_EXTENSIONS_DIR=tmp_path) is True


@pytest.mark.parametrize("patch", ["platform.machine = lambda: 'riscv64'", "sys.platform = 'darwin'"])
def test_a_platform_without_the_library(environment, patch):
    found = environment.run(
        "-c", f"import platform, sys; import deepspeed_aio_utils; {patch}\nimport deepspeed_aio_utils.auto"
    )
    assert found.returncode == 1
    assert "LibraryUnavailable: There is no library for " in found.stderr


def test_a_package_without_its_library(environment, tmp_path):
    copy = tmp_path / "site" / "deepspeed_aio_utils"
    shutil.copytree(environment.package, copy)
    (copy / "libdeepspeed_aio_utils.so").unlink()
    name, reason, _ = refused(environment, PYTHONPATH=tmp_path / "site")
    assert name == "LibraryUnavailable" and str(copy) in reason


def test_a_library_of_another_machine(environment, tmp_path):
    copy = tmp_path / "site" / "deepspeed_aio_utils"
    shutil.copytree(environment.package, copy)
    library = copy / "libdeepspeed_aio_utils.so"
    content = bytearray(library.read_bytes())
    content[18] ^= 0xFF  # e_machine
    library.write_bytes(content)
    assert refused(environment, PYTHONPATH=tmp_path / "site")[0] == "LibraryUnavailable"


def test_another_library_that_comes_first(environment, compiler, tmp_path):
    # Not known as an op by its name; its functions are global, as with LD_PRELOAD.
    preloaded = shutil.copy(compiler.op("0.19.8"), tmp_path / "libsomething.so")
    name, reason, remedy = refused(environment, LD_PRELOAD=preloaded)
    assert name == "NamesTaken" and str(preloaded) in reason and "LD_PRELOAD" in remedy


def test_an_op_that_was_loaded_for_all(environment, compiler):
    # As DeepSpeed loads pin_memory from 0.19.5 on.
    op = compiler.op("0.19.8", kind="pin_memory")
    name, reason, _ = refused(environment, LD_PRELOAD=op)
    assert name == "OpAlreadyLoaded" and str(op) in reason
