"""What the tests of the Python package share: a wheel, an environment that it is installed in, and
stand-ins for DeepSpeed's ops, compiled from DeepSpeed's own sources without torch.
"""

import functools
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from deepspeed_aio_utils.releases import NEWEST, OLDEST
from deepspeed_aio_utils.symbols import COMMON, UTILS

ROOT = Path(__file__).resolve().parents[2]
# Shared with the C++ tests, which get them by the same script.
ORIGINALS = ROOT / "build" / "test" / "originals"

PROOF = ROOT / "proof" / "cpp_tests"
LIBRARY_SOURCES = tuple(
    PROOF / f"{name}.cpp" for name in ("load/op", "callers/unmodified", "support/direct_io_dir")
)
MODULE_SOURCES = (Path(__file__).with_name("stand_in") / "async_io.cpp",)

# What a script of `scripts` starts with.
START = """
import deepspeed_aio_utils, json
from moves import *
deepspeed_aio_utils.activate()
module = load()
"""

# How an op may have been built so that it cannot be switched, and how the error names that.
UNSWITCHABLE = {
    "hidden": ("-fvisibility=hidden", "hidden visibility"),
    "symbolic": ("-Wl,-Bsymbolic", "-Bsymbolic,"),
    "symbolic_functions": ("-Wl,-Bsymbolic-functions", "-Bsymbolic-functions"),
}


def run(*command, **options):
    """The outcome of a command, with its output as text."""
    command = [str(part) for part in command]
    return subprocess.run(command, text=True, capture_output=True, timeout=600, **options)


def succeed(*command, **options):
    done = run(*command, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def clean_environment():
    """Without the caller's variables that change which Python code or which library is used."""
    dropped = ("PYTHON", "LD_", "DSAIO", "DS_", "TORCH_")
    return {k: v for k, v in os.environ.items() if not k.startswith(dropped)}


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """A source distribution of the checkout, unpacked."""
    directory = tmp_path_factory.mktemp("sdist")
    code = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    succeed(sys.executable, "-c", code, directory, cwd=ROOT, env=clean_environment())
    (archive,) = directory.glob("*.tar.gz")
    # Always in the same place, so that cargo compiles nothing again that has not changed.
    source = ROOT / "build" / "test" / "sdist"
    shutil.rmtree(source, ignore_errors=True)
    with tarfile.open(archive) as file:
        file.extractall(source)
    (source,) = source.iterdir()
    # Without it cargo would choose other releases of what the library depends on, and say nothing.
    assert (source / "Cargo.lock").read_bytes() == (ROOT / "Cargo.lock").read_bytes()
    return source


def build_wheel(source, directory, **variables):
    """The outcome of pip, with these environment variables."""
    env = {"CARGO_TARGET_DIR": str(ROOT / "target"), **clean_environment(), **variables}
    options = ["--no-deps", "--no-build-isolation", "-w", directory]
    return run(sys.executable, "-m", "pip", "wheel", *options, source, env=env)


@pytest.fixture(scope="session")
def wheel(request, tmp_path_factory):
    """That of DSAIO_WHEEL, or one that is built from the source distribution."""
    if "DSAIO_WHEEL" in os.environ:
        return Path(os.environ["DSAIO_WHEEL"]).absolute()
    directory = tmp_path_factory.mktemp("wheel")
    done = build_wheel(request.getfixturevalue("source"), directory)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = directory.glob("*.whl")
    return found


@dataclass
class Environment:
    """A virtual environment with the package, and a home of its own."""

    root: Path
    home: Path

    @property
    def python(self):
        return self.root / "bin" / "python"

    @property
    def package(self):
        (found,) = self.root.glob("lib/python3*/site-packages/deepspeed_aio_utils")
        return found

    @property
    def library(self):
        return self.package / UTILS.soname

    @property
    def common(self):
        return self.package / COMMON.soname

    def variables(self, **more):
        own = {"HOME": self.home, "PYTHONDONTWRITEBYTECODE": "1", **more}
        return {**clean_environment(), **{k: str(v) for k, v in own.items()}}

    def run(self, *arguments, cwd=None, **variables):
        """Python with these arguments."""
        return run(self.python, *arguments, env=self.variables(**variables), cwd=cwd or self.home)

    def code(self, text, *arguments, **variables):
        """What this code prints as JSON."""
        done = self.run("-c", textwrap.dedent(text), *arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)


def virtual_environment(root):
    succeed(sys.executable, "-m", "venv", "--without-pip", root, env=clean_environment())
    return root / "bin" / "python"


def pip(python, *arguments):
    succeed(sys.executable, "-m", "pip", "--python", python, *arguments, env=clean_environment())


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    root = tmp_path_factory.mktemp("environment")
    pip(virtual_environment(root), "install", "--no-deps", "--no-index", wheel)
    return Environment(root, tmp_path_factory.mktemp("home"))


@pytest.fixture
def environment(installed, tmp_path):
    """The environment, with a home that no other test has used."""
    home = tmp_path / "home"
    home.mkdir()
    return Environment(installed.root, home)


def sources_of(release):
    """The directory of DeepSpeed's C++ sources, from PyPI."""
    root = ORIGINALS / release
    if not (root / "complete").exists():
        done = run(sys.executable, PROOF / "cmake" / "originals.py", ORIGINALS, release)
        if done.returncode != 0:
            unavailable = pytest.fail if "CI" in os.environ else pytest.skip
            unavailable(f"DeepSpeed {release} cannot be fetched from PyPI: {done.stderr[-500:]}")
    return root / "deepspeed" / "ops" / "csrc"


class Ops:
    """Stand-ins for async_io: the original and its real callers, at -O0 as DeepSpeed compiles them."""

    def __init__(self, directory):
        self.directory = directory
        self.compiler = os.environ.get("CXX", "c++")

    @functools.cache  # noqa: B019  # there is one for the session
    def objects(self, release, *flags, ours=LIBRARY_SOURCES):
        csrc = sources_of(release)
        aio = csrc / "aio/common"
        sources = [aio / f"deepspeed_aio_{name}.cpp" for name in ("utils", "common", "types")]
        sources += [*csrc.glob("pin_memory/page_alloc.cpp"), *ours]
        options = ["-std=c++17", "-O0", "-fPIC", "-w", "-I", PROOF, "-I", aio, *flags]
        directory = Path(tempfile.mkdtemp(dir=self.directory))

        def compile_one(source):
            target = directory / f"{source.stem}.o"
            succeed(self.compiler, *options, "-c", source, "-o", target)
            return target

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(compile_one, sources))

    @functools.cache  # noqa: B019
    def link(self, release, *flags, kind="async_io", without=(), ours=LIBRARY_SOURCES):
        """An op; flags for the compiler begin with -f, -I or -D."""
        compiler = [flag for flag in flags if flag.startswith(("-f", "-I", "-D"))]
        objects = self.objects(release, *compiler, ours=ours)
        target = Path(tempfile.mkdtemp(dir=self.directory)) / kind / f"{kind}.so"
        target.parent.mkdir()
        objects = [file for file in objects if file.stem not in without]
        succeed(self.compiler, "-shared", *objects, "-o", target, *flags, "-laio", "-ldl")
        return target

    def module(self, release, *flags, **options):
        """An op that Python imports, with an aio_handle."""
        pybind11 = pytest.importorskip("pybind11")
        paths = sysconfig.get_path("include"), pybind11.get_include()
        if not Path(paths[0], "Python.h").exists():
            unavailable = pytest.fail if "CI" in os.environ else pytest.skip
            unavailable(f"there is no Python.h in {paths[0]}; Debian's package is python3-dev")
        include = [f"-I{path}" for path in paths]
        return self.link(release, *include, *flags, ours=MODULE_SOURCES, **options)


@pytest.fixture(scope="session")
def ops(tmp_path_factory):
    return Ops(tmp_path_factory.mktemp("ops"))


@pytest.fixture(params=[OLDEST, NEWEST], ids=["oldest", "newest"])
def release(request):
    return request.param


def fake_release(directory, version):
    """A directory for the path with a DeepSpeed of which only the version is real."""
    metadata = directory / f"deepspeed-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: deepspeed\nVersion: {version}\n")
    package = directory / "deepspeed"
    package.mkdir()
    # activate() must not import it.
    (package / "__init__.py").write_text("raise SystemExit('deepspeed was imported')\n")
    return directory


def fake_sources(scripts, site, release):
    """Lets the scripts find a DeepSpeed whose source of handles is that of a release: whether wait() closes
    files is read from it."""
    if not site.exists():
        fake_release(site, NEWEST)
    name = "aio/py_lib/deepspeed_py_io_handle.cpp"
    source = site / "deepspeed/ops/csrc" / name
    source.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(sources_of(release) / name, source)
    scripts.variables = {"PYTHONPATH": f"{Path(__file__).resolve().parent}:{site}"}


@pytest.fixture
def scripts(environment, tmp_path):
    """Runs a script with an op; what it prints as JSON, or the whole outcome."""
    (tmp_path / "files").mkdir()

    class Scripts:
        variables = {"PYTHONPATH": Path(__file__).resolve().parent}

        def outcome(self, op, text):
            return environment.run("-c", text, op, tmp_path / "files", **self.variables)

        def code(self, op, text):
            return environment.code(START + text, op, tmp_path / "files", **self.variables)

    return Scripts()
