"""`python -m deepspeed_aio_utils check`: whether the library is on, and whether all that it needs is
there. Nothing is taken for granted: bindings are read from memory, and a tensor is written and read.
"""

from __future__ import annotations

import importlib.util
import platform
from pathlib import Path
from typing import Any, Optional

from . import NOT_INSTALLED, __version__, linker, machine
from .activation import Activation, activate
from .binding import Binding, bindings, loaded_ops
from .deepspeed_install import REQUIREMENT, ops_on_disk, package_directory, release
from .errors import ActivationError, LibraryUnavailable
from .library import library_path
from .report import FAILED, OK, Line, Report, stderr
from .streams import quiet, report_stream

# Larger than the buffers that the library builds of huge pages, and no multiple of a block.
_TENSOR = (48 << 20) + 4096
_INSTALL = "Install it: pip install '{}', which brings torch.".format(REQUIREMENT)


def check(directory: Path, as_json: bool) -> int:
    """Prints the report; 0 where nothing failed, else 1."""
    with report_stream() as out:
        report = Report(out, as_json)
        activation = _software(report)
        lockable = machine.lockable_bytes()
        report.section(f"Machine: Linux {platform.release()}, {platform.machine()}")
        report.add(machine.memlock(lockable))
        report.add(machine.asynchronous_requests())
        report.add(machine.huge_pages())
        direct_io = report.add(machine.direct_io(directory))
        op = _ops(report) if activation is not None else None
        if op is not None:
            report.section("Transfers through aio_handle")
            for overlap in (False, True):
                _transfer(report, op, directory, lockable, overlap, direct_io)
        return report.finish(
            library=None if activation is None else str(activation.library),
            version=None if activation is None else activation.version,
            deepspeed=release(),
            bindings=[
                {"op": str(b.op), "function": b.function,
                 "library": None if b.library is None else str(b.library)}
                for b in bindings()
            ],
        )


def _software(report: Report) -> Optional[Activation]:
    report.section("Software")
    try:
        report.add(Line("library", OK, str(library_path())))
    except LibraryUnavailable as error:
        report.add(Line("library", FAILED, error.reason, error.remedy))
    report.add(Line("deepspeed-aio-utils", OK, f"{__version__}, Python {platform.python_version()}, "
                                               f"{' '.join(platform.libc_ver())}"))
    _package(report, "torch")
    found = release()
    if found is None:
        report.add(Line("DeepSpeed", FAILED, "not installed", _INSTALL))
    else:
        report.add(Line("DeepSpeed", OK, f"{found} in {package_directory()}"))
    try:
        activation = activate()
    except ActivationError as error:
        value = f"{type(error).__name__}: {error.reason}"
        report.add(Line("switched on", FAILED, value, error.remedy))
        return None
    if __version__ not in (activation.version, NOT_INSTALLED):
        report.add(Line("library's version", FAILED, f"{activation.version}, not {__version__}",
                        "Reinstall: pip install --force-reinstall deepspeed-aio-utils."))
    report.add(Line("switched on", OK, "in this process, as by import deepspeed_aio_utils.auto"))
    return activation


def _package(report: Report, name: str) -> None:
    if importlib.util.find_spec(name) is None:
        report.add(Line(name, FAILED, "not installed", _INSTALL))
        return
    import importlib.metadata as metadata

    try:
        report.add(Line(name, OK, metadata.version(name)))
    except metadata.PackageNotFoundError:
        report.add(Line(name, OK, "installed"))


def _ops(report: Report) -> Optional[Any]:
    """Loads the ops as DeepSpeed does, and reports what they are bound to."""
    report.section("Ops, and what the dynamic linker bound their calls to")
    if release() is None or importlib.util.find_spec("torch") is None:
        report.add(Line("async_io", FAILED, "not looked at: DeepSpeed or torch is missing", _INSTALL))
        return None
    if not any(op.kind == "async_io" for op in ops_on_disk()):
        stderr("DeepSpeed compiles its ops now; that takes minutes, once.")
    try:
        with quiet():
            from .transfer import load_op

            op = load_op()
    except Exception as error:  # whatever DeepSpeed, torch or a compiler does
        report.add(Line("async_io", FAILED, f"{type(error).__name__}: {_first_line(error)}",
                        "DeepSpeed itself cannot load the op; 'ds_report' shows what it lacks, often "
                        "libaio-dev, a C++ compiler or ninja."))
        return None
    for loaded in loaded_ops():
        report.add(Line(loaded.path.name, OK, str(loaded.path)))
        for binding in bindings():
            if binding.op == loaded.path:
                report.add(_binding(binding))
    return op


def _binding(binding: Binding) -> Line:
    name = f"  {binding.function}"
    if linker.same_file(binding.library, library_path()):
        return Line(name, OK, "this library")
    if binding.lazy:
        value = "not bound yet; the op was loaded with lazy binding"
        remedy = "Leave sys.setdlopenflags() at its default, which binds at once."
    elif binding.library is None:
        value = "the op's own code; the dynamic linker is not asked"
        remedy = "Build the op without -Bsymbolic, -Bsymbolic-functions and hidden visibility."
    else:
        value = str(binding.library)
        remedy = "Switch the library on before this one is loaded."
    return Line(name, FAILED, value, remedy)


def _transfer(report: Report, op: Any, directory: Path, lockable: Optional[int], overlap: bool,
              direct_io: Line) -> None:
    from .transfer import round_trip

    name = "overlapped" if overlap else "sequential"
    size = _TENSOR if lockable is None else min(_TENSOR, lockable // 2 // 4096 * 4096)
    if direct_io.status != OK:
        report.add(Line(name, FAILED, "not tried: no O_DIRECT", direct_io.remedy))
        return
    if size == 0:
        report.add(Line(name, FAILED, "not tried: no memory can be locked",
                        machine.RAISE_MEMLOCK + "."))
        return
    try:
        round_trip(op, directory, size, overlap)
    except (AssertionError, OSError, RuntimeError) as error:
        report.add(Line(name, FAILED, _first_line(error),
                        "See what stderr says; then compare with DSAIO_HUGE_PAGES=never, and without "
                        "the library. docs/troubleshooting.md lists symptoms."))
        return
    report.add(Line(name, OK, f"{machine.in_words(size)} written, read back and compared"))


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__

