"""Each reason not to switch the library on: the exception, its message, and an unchanged process."""

import importlib.machinery
import shutil
import sys

import pytest
from conftest import ROOT, UNSWITCHABLE, fake_release

from deepspeed_aio_utils.releases import NEWEST, OLDEST
from deepspeed_aio_utils.symbols import LIBRARIES

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
loaded = any("libdeepspeed_aio_" in line for line in open("/proc/self/maps"))
print(json.dumps([*outcome, loaded]))
"""

PYTHON = f"py{sys.version_info[0]}{sys.version_info[1]}{sys.abiflags}"


def fails(environment, *ops, **variables):
    name, reason, remedy, loaded = environment.code(TRY, *ops, **variables)
    assert name != "on" and reason.endswith(".") and remedy
    assert not loaded, "the process was half switched"
    return name, reason, remedy


def switches_on(environment, **variables):
    """Whether it does; the reason if it does not."""
    name, reason, _, loaded = environment.code(TRY, **variables)
    return name == "on" and loaded or reason


def neighbour(version, position, step):
    """A version that differs in one number, which becomes `step` larger."""
    numbers = [int(number) for number in version.split(".")]
    return ".".join(map(str, [*numbers[:position], numbers[position] + step, *numbers[position + 1 :]]))


def test_after_an_op_was_loaded(environment, ops, release):
    op = ops.link(release)
    name, reason, remedy = fails(environment, op)
    assert name == "OpAlreadyLoaded" and str(op) in reason
    assert "import deepspeed_aio_utils.auto" in remedy


@pytest.mark.parametrize("how", [*UNSWITCHABLE, "renamed"])
def test_after_a_disguised_op_was_loaded(environment, ops, how, tmp_path):
    if how == "renamed":
        op = shutil.copy(ops.link(NEWEST), tmp_path / "renamed.so")
    else:
        op = ops.link(NEWEST, UNSWITCHABLE[how][0])
    assert fails(environment, op)[0] == "OpAlreadyLoaded"


UNSUPPORTED = [
    neighbour(OLDEST, 1, -1),
    neighbour(OLDEST, 1, -2) + "+cu121",
    neighbour(NEWEST, 2, 1),
    "1000.0",
]


@pytest.mark.parametrize("version", UNSUPPORTED)
def test_an_unsupported_release(environment, tmp_path, version):
    path = fake_release(tmp_path / "site", version)
    name, reason, remedy = fails(environment, PYTHONPATH=path)
    assert name == "UnsupportedDeepSpeed" and version in reason
    assert f"{OLDEST} to {NEWEST}" in remedy


@pytest.mark.parametrize("version", [OLDEST, neighbour(OLDEST, 2, 1), f"{OLDEST}+a1b2c3", NEWEST])
def test_a_supported_release(environment, tmp_path, version):
    assert switches_on(environment, PYTHONPATH=fake_release(tmp_path / "site", version)) is True


def test_one_line_adds_a_release(environment, tmp_path):
    shutil.copytree(ROOT / "python" / "deepspeed_aio_utils", tmp_path / "deepspeed_aio_utils")
    path = fake_release(tmp_path / "site", "1000.0.0")
    code = (
        "import json; from deepspeed_aio_utils import deepspeed_install as d, releases as r;"
        "print(json.dumps([d.require_supported_release(), r.OLDEST, r.NEWEST]))"
    )
    variables = {"PYTHONPATH": f"{tmp_path}:{path}"}
    assert "UnsupportedDeepSpeed" in environment.run("-c", code, **variables).stderr
    with (tmp_path / "deepspeed_aio_utils" / "releases.txt").open("a") as file:
        file.write("1000.0.0 4  # made up\n")
    assert environment.code(code, **variables) == ["1000.0.0", OLDEST, "1000.0.0"]


@pytest.mark.parametrize("version", [NEWEST, UNSUPPORTED[0], None, "main"])
def test_a_source_tree_without_metadata(environment, tmp_path, version):
    (tmp_path / "deepspeed").mkdir()
    (tmp_path / "deepspeed" / "__init__.py").write_text("raise SystemExit('imported')")
    if version is not None:
        (tmp_path / "version.txt").write_text(f"{version}\n")
    outcome = switches_on(environment, PYTHONPATH=tmp_path)
    if version == NEWEST:
        assert outcome is True
    else:
        known = version == UNSUPPORTED[0]
        assert (f"{version} is not supported" if known else "does not say which release") in outcome


def test_a_directory_that_is_no_package(environment, tmp_path):
    (tmp_path / "deepspeed").mkdir()
    (tmp_path / "version.txt").write_text(UNSUPPORTED[0])
    assert switches_on(environment, PYTHONPATH=tmp_path) is True


@pytest.mark.parametrize("how", UNSWITCHABLE)
def test_a_compiled_op_that_cannot_be_switched(environment, ops, how):
    flag, named = UNSWITCHABLE[how]
    op = ops.link(NEWEST, flag)
    name, reason, remedy = fails(environment, TORCH_EXTENSIONS_DIR=op.parents[1])
    assert name == "OpNotSwitchable" and str(op) in reason and named in reason
    assert f"Remove {op.parent}" in remedy


# The constants of torch/version.py, the directory that this torch uses, and others.
TORCHES = {
    "cuda": ("cuda: str = '12.1'\nhip = None", "_cu121", ["_cu118", "_cpu"]),
    "cpu": ("cuda = None", "_cpu", ["_cu121", "_rocm63"]),
    "rocm": ("cuda = None\nhip = '6.3'", "_rocm63", ["_cu121", "_rocm62"]),
    "none": (None, None, ["_cpu", "_cu121"]),
}


@pytest.mark.parametrize("torch", TORCHES)
def test_only_the_cache_of_this_torch_counts(environment, ops, tmp_path, torch):
    constants, used, others = TORCHES[torch]
    if constants is not None:
        (tmp_path / "torch").mkdir()
        (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('torch was imported')")
        (tmp_path / "torch" / "version.py").write_text(constants)
    op = ops.link(NEWEST, UNSWITCHABLE["hidden"][0])
    cache = environment.home / "cache" / "torch_extensions"
    for other in ("py37_cu121", *(PYTHON + other for other in others)):
        shutil.copytree(op.parent, cache / other / "async_io")
    variables = {"PYTHONPATH": tmp_path, "XDG_CACHE_HOME": environment.home / "cache"}
    assert switches_on(environment, **variables) is True
    if used is not None:
        ours = shutil.copytree(op.parent, cache / (PYTHON + used) / "async_io")
        assert str(ours / "async_io.so") in fails(environment, **variables)[1]
        (environment.home / "cache").rename(environment.home / ".cache")
        assert str(environment.home / ".cache") in fails(environment, PYTHONPATH=tmp_path)[1]


@pytest.mark.parametrize("how", UNSWITCHABLE)
def test_a_prebuilt_op_that_cannot_be_switched(environment, ops, tmp_path, how):
    path = fake_release(tmp_path / "site", NEWEST)
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    op = path / "deepspeed" / "ops" / "aio" / f"async_io_op{suffix}"
    op.parent.mkdir(parents=True)
    shutil.copy(ops.link(NEWEST), op)
    assert switches_on(environment, PYTHONPATH=path) is True
    flag, named = UNSWITCHABLE[how]
    shutil.copy(ops.link(NEWEST, flag), op)
    name, reason, remedy = fails(environment, PYTHONPATH=path)
    assert name == "OpNotSwitchable" and str(op) in reason and named in reason
    assert "DS_BUILD_OPS" in remedy


def test_an_op_that_can_be_switched(environment, ops, release):
    assert switches_on(environment, TORCH_EXTENSIONS_DIR=ops.link(release).parents[1]) is True


def test_an_op_whose_transfers_alone_cannot_be_switched(environment, ops, tmp_path):
    script = tmp_path / "script"
    script.write_text("{ local: *do_aio_operation*; };")
    directory = ops.link(NEWEST, f"-Wl,--version-script={script}").parents[1]
    name, reason, _ = fails(environment, TORCH_EXTENSIONS_DIR=directory)
    assert name == "OpNotSwitchable"
    assert reason.endswith("not asked for its do_aio_operation_overlap, do_aio_operation_sequential.")
    code = "import deepspeed_aio_utils as d; print(len(d.activate(transfers=False).libraries))"
    assert environment.code(code, TORCH_EXTENSIONS_DIR=directory) == 1


def test_one_of_two_ops_that_cannot_be_switched(environment, ops, tmp_path):
    shutil.copytree(ops.link(NEWEST).parent, tmp_path / "async_io")
    pin_memory = ops.link(NEWEST, UNSWITCHABLE["symbolic_functions"][0], kind="pin_memory")
    shutil.copytree(pin_memory.parent, tmp_path / "pin_memory")
    assert "pin_memory.so" in fails(environment, TORCH_EXTENSIONS_DIR=tmp_path)[1]


def test_an_op_that_cannot_be_read(environment, tmp_path):
    op = tmp_path / "async_io" / "async_io.so"
    op.parent.mkdir()
    op.write_bytes(b"\x7fELF half of it")
    assert "cannot be read" in fails(environment, TORCH_EXTENSIONS_DIR=tmp_path)[1]
    # As long as torch's lock exists, another process is writing the op.
    (op.parent / "lock").touch()
    assert switches_on(environment, TORCH_EXTENSIONS_DIR=tmp_path) is True


@pytest.mark.parametrize("patch", ["platform.machine = lambda: 'riscv64'", "sys.platform = 'darwin'"])
def test_a_platform_without_the_library(environment, patch):
    code = f"import platform, sys; import deepspeed_aio_utils; {patch}\nimport deepspeed_aio_utils.auto"
    done = environment.run("-c", code)
    assert done.returncode == 1
    assert "LibraryUnavailable: There is no library for " in done.stderr


@pytest.mark.parametrize("name", [library.soname for library in LIBRARIES])
@pytest.mark.parametrize("state", ["missing", "of another machine"])
def test_a_package_without_a_usable_library(environment, tmp_path, state, name):
    copy = tmp_path / "site" / "deepspeed_aio_utils"
    shutil.copytree(environment.package, copy)
    library = copy / name
    if state == "missing":
        library.unlink()
    else:
        content = bytearray(library.read_bytes())
        content[18] ^= 0xFF  # e_machine
        library.write_bytes(content)
    name, reason, _ = fails(environment, PYTHONPATH=tmp_path / "site")
    assert name == "LibraryUnavailable" and str(library) in reason


def test_another_library_that_comes_first(environment, ops, tmp_path):
    # Not an op by its name; its functions are global.
    preloaded = shutil.copy(ops.link(NEWEST), tmp_path / "libsomething.so")
    name, reason, remedy = fails(environment, LD_PRELOAD=preloaded)
    assert name == "NamesTaken" and str(preloaded) in reason and "LD_PRELOAD" in remedy


def test_an_op_that_was_loaded_with_rtld_global(environment, ops):
    # As newer releases of DeepSpeed load pin_memory.
    op = ops.link(NEWEST, kind="pin_memory")
    name, reason, _ = fails(environment, LD_PRELOAD=op)
    assert name == "OpAlreadyLoaded" and str(op) in reason
