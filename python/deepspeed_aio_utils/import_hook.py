"""Makes failed transfers raise in DeepSpeed's async_io modules, however DeepSpeed loads them: compiled on
first use by torch, prebuilt, or by the builders of `op_builder`."""

from __future__ import annotations

import functools
import sys
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import ModuleType

from .deepspeed_install import kind_of
from .handles import raise_failures


def install() -> None:
    """Changes the modules that are loaded already, which were linked against the libraries, and those
    that will be."""
    exec_module = ExtensionFileLoader.exec_module

    @functools.wraps(exec_module)
    def exec_and_wrap(self: ExtensionFileLoader, module: ModuleType) -> None:
        exec_module(self, module)
        _wrap_if_async_io(module, self.path)

    # Both torch and Python's import system call it once for each module.
    ExtensionFileLoader.exec_module = exec_and_wrap  # type: ignore[method-assign]
    for module in list(sys.modules.values()):
        # getattr() would run the code of modules that load themselves on first use.
        if isinstance(module, ModuleType):
            _wrap_if_async_io(module, module.__dict__.get("__file__"))


def _wrap_if_async_io(module: ModuleType, file: object) -> None:
    if isinstance(file, str) and kind_of(Path(file)) == "async_io" and hasattr(module, "aio_handle"):
        raise_failures(module)
