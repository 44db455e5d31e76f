"""What the tests of the Python package share: a wheel, an environment that it is installed in, and
stand-ins for DeepSpeed's ops, compiled from DeepSpeed's own sources without torch.
"""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Shared with the C++ harness, which installs the same (proof/cpp_tests/cmake/Originals.cmake).
ORIGINALS = ROOT / "build" / "test" / "originals"
# The last before and the last after 0.19.5, which moved the allocator to a file of its own.
RELEASES = ("0.18.9", "0.19.8")

# How an op may have been compiled, and how a refusal names that.
UNSWITCHABLE = {
    "hidden": (["-fvisibility=hidden"], "hidden visibility"),
    "symbolic": (["-Wl,-Bsymbolic"], "-Bsymbolic,"),
    "symbolic_functions": (["-Wl,-Bsymbolic-functions"], "-Bsymbolic-functions"),
}


def missing(reason):
    """A skip; where CI is set a failure, because what is missing can be installed."""
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(reason)


def run(*command, **options):
    """A command's outcome, with its output as text."""
    return subprocess.run(
        [str(part) for part in command], text=True, capture_output=True, timeout=600, **options
    )


def succeed(*command, **options):
    done = run(*command, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def clean_environment():
    """Nothing of the caller's that changes which Python code or which library is used."""
    dropped = ("PYTHON", "LD_", "DSAIO_", "DS_", "TORCH_")
    return {k: v for k, v in os.environ.items() if not k.startswith(dropped)}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    # To try one that was built elsewhere.
    if "DSAIO_TEST_WHEEL" in os.environ:
        return Path(os.environ["DSAIO_TEST_WHEEL"])
    directory = tmp_path_factory.mktemp("wheel")
    done = run(
        sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", directory, ROOT, env=clean_environment()
    )
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
        return self.package / "libdeepspeed_aio_utils.so"

    def variables(self, **more):
        return {
            **clean_environment(),
            "HOME": str(self.home),
            "PYTHONDONTWRITEBYTECODE": "1",
            **{k: str(v) for k, v in more.items()},
        }

    def run(self, *arguments, cwd=None, **variables):
        """Python with these arguments."""
        return run(self.python, *arguments, env=self.variables(**variables), cwd=cwd or self.home)

    def code(self, text, *arguments, **variables):
        """What this code prints as JSON."""
        done = self.run("-c", textwrap.dedent(text), *arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    root = tmp_path_factory.mktemp("environment")
    succeed(sys.executable, "-m", "venv", "--without-pip", root, env=clean_environment())
    succeed(
        sys.executable,
        "-m",
        "pip",
        "--python",
        root / "bin" / "python",
        "install",
        "--no-deps",
        "--no-index",
        wheel,
        env=clean_environment(),
    )
    return Environment(root, tmp_path_factory.mktemp("home"))


@pytest.fixture
def environment(installed, tmp_path):
    """The environment, with a home that no other test has touched."""
    home = tmp_path / "home"
    home.mkdir()
    return Environment(installed.root, home)


def sources_of(release):
    """DeepSpeed's C++ sources, from PyPI."""
    root = ORIGINALS / release
    if not (root / "complete").exists():
        shutil.rmtree(root, ignore_errors=True)
        done = run(
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-compile",
            "--use-pep517",
            "--target",
            root,
            f"deepspeed=={release}",
        )
        if done.returncode != 0:
            missing(f"DeepSpeed {release} cannot be installed from PyPI: {done.stderr[-500:]}")
        (root / "complete").touch()
    return root / "deepspeed" / "ops" / "csrc"


class Compiler:
    """Compiles stand-ins for async_io: the original and its real callers, at -O0 as DeepSpeed does."""

    def __init__(self, directory):
        self.directory = directory
        self.made = {}

    def op(self, release, *flags, kind="async_io", without=()):
        key = (release, kind, flags, without)
        if key not in self.made:
            csrc = sources_of(release)
            sources = [
                csrc / "aio/common" / f"deepspeed_aio_{name}.cpp" for name in ("utils", "common", "types")
            ]
            sources += [ROOT / "proof/cpp_tests/load/op.cpp", ROOT / "proof/cpp_tests/callers/unmodified.cpp"]
            if (csrc / "pin_memory/page_alloc.cpp").exists():
                sources.append(csrc / "pin_memory/page_alloc.cpp")
            sources = [source for source in sources if source.name not in without]
            target = self.directory / str(len(self.made)) / kind / f"{kind}.so"
            target.parent.mkdir(parents=True)
            succeed(
                os.environ.get("CXX", "c++"),
                "-std=c++17",
                "-O0",
                "-fPIC",
                "-shared",
                "-w",
                "-I",
                ROOT / "proof/cpp_tests",
                "-I",
                csrc / "aio/common",
                *sources,
                "-o",
                target,
                *flags,
                "-laio",
                "-ldl",
            )
            self.made[key] = target
        return self.made[key]


@pytest.fixture(scope="session")
def compiler(tmp_path_factory):
    return Compiler(tmp_path_factory.mktemp("ops"))


@pytest.fixture(params=RELEASES)
def release(request):
    return request.param


def fake_release(directory, version):
    """What pip leaves of a release of DeepSpeed, as far as its number goes; a directory for the path."""
    metadata = directory / f"deepspeed-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: deepspeed\nVersion: {version}\n")
    package = directory / "deepspeed"
    package.mkdir()
    # Importing it is what activate() must not do.
    (package / "__init__.py").write_text("raise SystemExit('deepspeed was imported')\n")
    return directory
