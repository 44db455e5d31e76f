"""DeepSpeed's builders of async_io and pin_memory, with the libraries in place of the sources that they
replace. For users who build ops themselves; DeepSpeed's files are not changed. libaio is needed for its
header alone.

On first use (JIT), before anything else loads the ops:

    from deepspeed_aio_utils.op_builder import AsyncIOBuilder
    AsyncIOBuilder().load()

Ahead of time, in a source tree of DeepSpeed, as its setup.py would with DS_BUILD_OPS or DS_BUILD_AIO:

    DS_BUILD_AIO=1 python -m deepspeed_aio_utils.op_builder setup.py bdist_wheel
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .activation import active
from .binding import bound_to_libraries, loaded_ops
from .deepspeed_install import require_supported_release
from .errors import ActivationError, OpAlreadyLoaded
from .handles import raise_failures
from .library import library_path
from .releases import require_supported
from .symbols import LIBRARIES

if TYPE_CHECKING:
    AsyncIOBuilder: Any
    PinMemoryBuilder: Any
    _Builder: Any
else:
    _Builder = object

# The files whose functions are in the libraries.
REPLACED = (
    "deepspeed_aio_utils.cpp",
    "page_alloc.cpp",
    "deepspeed_aio_common.cpp",
    "deepspeed_aio_types.cpp",
)


def linked_with_library(builder: type) -> type:
    """DeepSpeed's AsyncIOBuilder or PinMemoryBuilder, of any accelerator, with the libraries linked in.

    The new class is used as the old one: `load()`, `jit_load()`, `builder()`.
    """
    original: Any = builder

    def load(self: Any, verbose: bool = False) -> Any:
        require_supported_release()
        _check_other_op_is_not_loaded(self.name)
        if self.name == "async_io":
            # From era 4 (releases.txt) on DeepSpeed would load its own pin_memory here.
            pin_memory = _builder_of_accelerator("PinMemoryBuilder")
            if pin_memory is not None:
                linked_with_library(pin_memory)().load(verbose=verbose)
        module = original.load(self, verbose=verbose)
        _check_other_op_is_not_loaded(self.name)
        activation = active()
        if self.name == "async_io" and (activation is None or activation.errors == "raise"):
            raise_failures(module)
        return module

    # DeepSpeed's PinMemoryBuilder.load() calls super(type(self), self).load().
    above = type("_Above", (), {"load": _op_builder(builder).load})
    return type(builder.__name__, (above, _Linked, builder), {"load": load, "__doc__": builder.__doc__})


def _op_builder(builder: type) -> Any:
    """DeepSpeed's base class of all builders."""
    return next(base for base in builder.__mro__ if base.__name__ == "OpBuilder")


class _Linked(_Builder):  # type: ignore[misc]
    """What is different from DeepSpeed's builder, which comes next in the method resolution order."""

    name: str
    jit_mode: bool

    def sources(self) -> list[str]:
        return [s for s in super().sources() if os.path.basename(s) not in REPLACED]

    def extra_ldflags(self) -> list[str]:
        flags: list[str] = [flag for flag in super().extra_ldflags() if flag != "-laio"]
        directory = str(library_path().parent)
        flags += [f"-L{directory}", *(f"-l:{library.soname}" for library in LIBRARIES)]
        if not self.jit_mode:
            # The op is in deepspeed/ops/<folder>, and the libraries in a sibling of deepspeed.
            flags.append("-Wl,-rpath,$ORIGIN/../../../deepspeed_aio_utils")
        flags.append(f"-Wl,-rpath,{directory}")
        return flags

    def builder(self) -> Any:
        extension = super().builder()
        # DeepSpeed's CPU builder omits the linker flags here.
        given: list[str] = extension.extra_link_args
        given += [flag for flag in self.extra_ldflags() if flag and flag not in given]
        return extension

    def jit_load(self, verbose: bool = True) -> Any:
        # An op of its own in torch's cache, so that the original builder does not overwrite it.
        name, self.name = self.name, f"{self.name}_dsaio"
        try:
            module = super().jit_load(verbose=verbose)
        finally:
            self.name = name
        # DeepSpeed takes it from here later.
        _op_builder(type(self))._loaded_ops[name] = module
        return module


def _check_other_op_is_not_loaded(name: str) -> None:
    """Raises OpAlreadyLoaded if an op of that name runs on its own code."""
    for op in loaded_ops():
        if op.path.name.startswith(name) and not bound_to_libraries(op):
            raise OpAlreadyLoaded(
                f"{op.path} is loaded, and it runs on DeepSpeed's own code.",
                "If DeepSpeed was installed with DS_BUILD_OPS or DS_BUILD_AIO, build these ops with "
                "'python -m deepspeed_aio_utils.op_builder'; otherwise call load() before anything that "
                "uses DeepSpeed's I/O.",
            )


def _builder_of_accelerator(name: str) -> type | None:
    from deepspeed.accelerator import get_accelerator

    found = get_accelerator().get_op_builder(name)
    # An accelerator returns a placeholder class of its own if it has none.
    return found if isinstance(found, type) and found.__name__ == name else None


def __getattr__(name: str) -> type:
    """AsyncIOBuilder and PinMemoryBuilder of the accelerator that DeepSpeed runs on."""
    if name not in ("AsyncIOBuilder", "PinMemoryBuilder"):
        raise AttributeError(f"module {__name__} has no attribute {name}")
    require_supported_release()
    builder = _builder_of_accelerator(name)
    if builder is None:
        raise AttributeError(
            f"this DeepSpeed has no {name} for its accelerator (older releases have no PinMemoryBuilder)"
        )
    return linked_with_library(builder)


def main(command: list[str]) -> None:
    """Runs DeepSpeed's setup.py with the builders of its source tree replaced, in this process."""
    tree = Path.cwd()
    if not command or not (tree / "op_builder" / "all_ops.py").is_file():
        raise SystemExit(
            "usage, in a source tree of DeepSpeed: DS_BUILD_AIO=1 "
            "python -m deepspeed_aio_utils.op_builder setup.py bdist_wheel"
        )
    require_supported((tree / "version.txt").read_text(encoding="utf-8").strip(), tree, tree / "csrc")
    if sys.path[0] != str(tree):
        sys.path.insert(0, str(tree))
    from op_builder.all_ops import ALL_OPS

    for name in ("async_io", "pin_memory"):
        if name in ALL_OPS:
            ALL_OPS[name] = linked_with_library(type(ALL_OPS[name]))()
    sys.argv = command
    runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ActivationError as problem:
        raise SystemExit(f"deepspeed_aio_utils: {problem}") from problem
