"""The Python package: python/deepspeed_aio_utils and the two libraries that cargo builds.

The libraries are loaded by the dynamic linker and never imported, so one wheel fits every Python 3 on
its platform, and the files keep the names that programs are linked against.
"""

import os
import re
import tempfile
from glob import glob
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist
from setuptools_rust import Binding, RustExtension

PACKAGE = "deepspeed_aio_utils"
# Python looks for such a file in site-packages when it starts, not in packages.
STARTUP_FILE = "python/deepspeed_aio_utils.pth"
CARGO_TOML = Path("Cargo.toml").read_text(encoding="utf-8")
# What ELF files call machines.
MACHINES = {62: "x86_64", 183: "aarch64"}

# Deleted at exit: builds leave nothing in the checkout, and no file of an earlier build gets into a wheel.
scratch = tempfile.TemporaryDirectory(prefix="deepspeed-aio-utils-")


def from_cargo_toml(pattern: str) -> str:
    found = re.search(pattern, CARGO_TOML, re.MULTILINE | re.DOTALL)
    if found is None:
        raise SystemExit(f"Cargo.toml has nothing that matches {pattern!r}.")
    return found[1]


def library(name: str, cargo_toml: str) -> RustExtension:
    options = {"binding": Binding.NoBinding, "debug": False, "args": ["--locked"]}
    return RustExtension(f"{PACKAGE}.lib{name}", path=cargo_toml, **options)


class WithStartupFile(build_py):
    """Puts the start-up file at the root of site-packages."""

    def run(self) -> None:
        super().run()
        # `pip install -e` takes nothing from build_lib but what is in packages.
        root = self.get_finalized_command("install").install_lib if self.editable_mode else self.build_lib
        self.mkpath(root)
        self.copy_file(STARTUP_FILE, root)


class SharedLibrary(build_ext):
    """Names a library as the dynamic linker knows it, not as an extension module of one Python."""

    def get_ext_filename(self, fullname: str) -> str:
        return os.path.join(*fullname.split(".")) + ".so"


class AnyPython3(bdist_wheel):
    """Ties the wheel to the platform, and to no version of Python."""

    def get_tag(self) -> tuple[str, str, str]:
        platform = super().get_tag()[2]
        for file in Path(self.get_finalized_command("build").build_lib, PACKAGE).glob("*.so"):
            number = int.from_bytes(file.read_bytes()[18:20], "little")
            machine = MACHINES.get(number, f"ELF machine {number}")
            if not platform.endswith(machine):
                raise SystemExit(
                    f"{file.name} is for {machine}, and the wheel would say {platform}. For another machine "
                    "set both CARGO_BUILD_TARGET and _PYTHON_HOST_PLATFORM; 'make wheels' does."
                )
        return "py3", "none", platform


class WithRustSources(sdist):
    """Adds what cargo needs: without a member of the workspace it does not start."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        members = re.findall(r'"(.+?)"', from_cargo_toml(r"^members = \[(.*?)\]"))
        for directory in {"build_support", "core", "include", "src", *members}:
            # Through symbolic links, too: common/ has such to what both packages use.
            files = files + [path for path in glob(f"{directory}/**", recursive=True) if os.path.isfile(path)]
        super().make_release_tree(base_dir, [*files, STARTUP_FILE, "Cargo.toml", "Cargo.lock"])


setup(
    version=from_cargo_toml(r'^version = "(.+?)"$'),
    rust_extensions=[
        library("deepspeed_aio_utils", "Cargo.toml"),
        library("deepspeed_aio_common", "common/Cargo.toml"),
    ],
    cmdclass={
        "bdist_wheel": AnyPython3,
        "build_ext": SharedLibrary,
        "build_py": WithStartupFile,
        "sdist": WithRustSources,
    },
    options={"build": {"build_base": scratch.name}, "egg_info": {"egg_base": scratch.name}},
    zip_safe=False,
)
