"""The Python package: python/deepspeed_aio_utils and the library that cargo builds.

The library is loaded by the dynamic linker and never imported, so one wheel serves every Python 3 of
its platform, and the file keeps the name that programs are linked against.
"""

import os
import re
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools_rust import Binding, RustExtension

LIBRARY = "deepspeed_aio_utils.libdeepspeed_aio_utils"

# Removed when this ends: the checkout stays as it is, and no file of an earlier build gets into a
# wheel.
scratch = tempfile.TemporaryDirectory(prefix="deepspeed-aio-utils-")


def version() -> str:
    found = re.search(r'^version = "(.+)"$', Path("Cargo.toml").read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit("Cargo.toml has no line 'version = \"...\"'.")
    return found[1]


class PlainName(build_ext):
    """Names the library as the linker knows it, not as an extension module of one Python."""

    def get_ext_filename(self, fullname: str) -> str:
        return os.path.join(*fullname.split(".")) + ".so"


class AnyPython3(bdist_wheel):
    """Ties the wheel to the platform, and to no version of Python."""

    def get_tag(self) -> "tuple[str, str, str]":
        return "py3", "none", super().get_tag()[2]


setup(
    version=version(),
    rust_extensions=[
        RustExtension(LIBRARY, binding=Binding.NoBinding, debug=False, args=["--locked"])
    ],
    cmdclass={"build_ext": PlainName, "bdist_wheel": AnyPython3},
    options={"build": {"build_base": scratch.name}, "egg_info": {"egg_base": scratch.name}},
    zip_safe=False,
)
