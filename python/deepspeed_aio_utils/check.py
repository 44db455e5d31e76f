"""`dsaio check`: whether the libraries are on and work. Bindings are read from memory, tensors are written
and read back, and a write that cannot succeed has to raise.
"""

from __future__ import annotations

import functools
import importlib.metadata
import itertools
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import NOT_INSTALLED, __version__, system_checks
from .activation import Activation, activate
from .binding import Binding, bindings
from .deepspeed_install import locks_of_compilations, ops_on_disk, package_directory, release
from .errors import ActivationError, LibraryUnavailable, TransferError
from .library import REINSTALL, library_path
from .releases import REQUIREMENT
from .report import FAILED, OK, Line, Report, stderr
from .sizes import in_words
from .streams import quiet, report_stream
from .symbols import COMMON, UTILS

# Large enough for huge pages, and no multiple of a block.
_TENSOR = (48 << 20) + 4096
# For the cases where speed does not matter.
_SMALL = 1 << 20
_INSTALL = f"Install it: pip install '{REQUIREMENT}', which installs torch, too."


def check(directory: Path, as_json: bool) -> int:
    """Prints the report; 0 if nothing failed, else 1."""
    with report_stream() as out:
        report = Report(out, as_json)
        activation = _software(report)
        lockable = system_checks.lockable_bytes()
        report.section(f"Machine: Linux {platform.release()}, {platform.machine()}")
        report.add(system_checks.memlock(lockable))
        report.add(system_checks.asynchronous_requests())
        report.add(system_checks.huge_pages())
        direct_io = report.add(system_checks.direct_io(directory))
        op = _load_op(report) if activation is not None else None
        found = bindings()
        if op is not None:
            _bindings(report, found)
            report.section("Transfers through aio_handle: every byte, or a TransferError")
            _transfers(report, op, directory, lockable, direct_io)
        return report.finish(
            library=None if activation is None else str(activation.library),
            transfers=None if activation is None else str(COMMON.path),
            version=None if activation is None else activation.version,
            deepspeed=release(),
            bindings=[
                {
                    "op": str(b.op),
                    "function": b.function,
                    "library": None if b.library is None else str(b.library),
                }
                for b in found
            ],
        )


def _software(report: Report) -> Activation | None:
    report.section("Software")
    for name, library in (("library", UTILS), ("library of transfers", COMMON)):
        try:
            report.add(Line(name, OK, str(library_path(library))))
        except LibraryUnavailable as error:
            report.add(Line(name, FAILED, error.reason, error.remedy))
    report.add(
        Line(
            "deepspeed-aio-utils",
            OK,
            f"{__version__}, Python {platform.python_version()}, {' '.join(platform.libc_ver())}",
        )
    )
    _package(report, "torch")
    found = release()
    if found is None:
        report.add(Line("DeepSpeed", FAILED, "not installed", _INSTALL))
    else:
        report.add(Line("DeepSpeed", OK, f"{found} in {package_directory('deepspeed')}"))
    try:
        activation = activate()
    except ActivationError as error:
        value = f"{type(error).__name__}: {error.reason}"
        report.add(Line("switched on", FAILED, value, error.remedy))
        return None
    if __version__ not in (activation.version, NOT_INSTALLED):
        report.add(Line("library's version", FAILED, f"{activation.version}, not {__version__}", REINSTALL))
    report.add(Line("switched on", OK, "in this process, as DSAIO=1 does in yours"))
    return activation


def _package(report: Report, name: str) -> None:
    if package_directory(name) is None:
        report.add(Line(name, FAILED, "not installed", _INSTALL))
        return
    try:
        report.add(Line(name, OK, importlib.metadata.version(name)))
    except importlib.metadata.PackageNotFoundError:
        report.add(Line(name, OK, "installed"))


def _load_op(report: Report) -> Any | None:
    """Loads async_io as DeepSpeed does; None, and a line that says why, if that fails."""
    report.section("Ops, and what the dynamic linker bound their calls to")
    if release() is None or package_directory("torch") is None:
        report.add(Line("async_io", FAILED, "not tried: DeepSpeed or torch is missing", _INSTALL))
        return None
    if not any(op.kind == "async_io" for op in ops_on_disk()):
        stderr("DeepSpeed compiles its ops now; that takes minutes, once.")
    for lock in locks_of_compilations():
        stderr(f"waiting for the process that compiles an op; if there is none, remove {lock}")
    try:
        with quiet():
            from .transfer import load_op

            return load_op()
    except Exception as error:  # whatever DeepSpeed, torch or a compiler does
        report.add(
            Line(
                "async_io",
                FAILED,
                f"{type(error).__name__}: {_first_line(error)}",
                "DeepSpeed itself cannot load the op; 'ds_report' shows what it lacks, often "
                "libaio-dev, a C++ compiler or ninja.",
            )
        )
        return None


def _bindings(report: Report, found: list[Binding]) -> None:
    for op, of_op in itertools.groupby(found, key=lambda binding: binding.op):
        report.add(Line(op.name, OK, str(op)))
        for binding in of_op:
            report.add(_binding(binding))


def _binding(binding: Binding) -> Line:
    name = f"  {binding.function}"
    if binding.ours:
        return Line(name, OK, str(binding.library and binding.library.name))
    if binding.lazy:
        value = "not bound yet; the op was loaded with lazy binding"
        remedy = "Leave sys.setdlopenflags() at its default, which binds at once."
    elif binding.library is None:
        value = "the op's own code; the dynamic linker is not asked"
        remedy = "Build the op without -Bsymbolic, -Bsymbolic-functions and hidden visibility."
    else:
        value = str(binding.library)
        remedy = "Switch the libraries on before this one is loaded."
    return Line(name, FAILED, value, remedy)


def _transfers(report: Report, op: Any, directory: Path, lockable: int | None, direct_io: Line) -> None:
    from .transfer import round_trip, write_beyond_limit

    size = _TENSOR if lockable is None else min(_TENSOR, lockable // 2 // 4096 * 4096)
    cases: list[tuple[str, Callable[[], object], str]] = []
    for name, length, overlap, offset in (
        ("sequential", size, False, 0),
        ("overlapped", size, True, 0),
        ("a tail", min(size, _SMALL) + 100, True, 0),
        ("an odd offset", min(size, _SMALL), True, 513),
    ):
        move = functools.partial(round_trip, op, directory, length, overlap, offset)
        bytes_ = f"{length} bytes" if length % 4096 else in_words(length)
        at = f" at offset {offset}" if offset else ""
        cases.append((name, move, f"{bytes_}{at} written, read back and compared"))
    too_much = functools.partial(write_beyond_limit, op, directory)
    cases.append(("a file that cannot grow", too_much, "TransferError, as it should be"))
    for name, case, outcome in cases:
        report.add(_transfer(name, case, outcome, size, direct_io))


def _transfer(name: str, case: Callable[[], object], outcome: str, size: int, direct_io: Line) -> Line:
    if direct_io.status == FAILED:
        return Line(name, FAILED, "not tried: no O_DIRECT", direct_io.remedy)
    if size == 0:
        return Line(name, FAILED, "not tried: no memory can be locked", system_checks.RAISE_MEMLOCK + ".")
    try:
        found = case()
    except (AssertionError, OSError, RuntimeError) as error:
        return Line(
            name,
            FAILED,
            _first_line(error),
            "The kernel refused it in this directory; remove the cause, or choose another one with --dir."
            if isinstance(error, TransferError)
            else "Read what is on stderr; then compare with DSAIO_HUGE_PAGES=never, and without "
            "the libraries. docs/troubleshooting.md in its repository lists symptoms.",
        )
    return Line(name, OK, outcome if found is None else f"{outcome}: {found}")


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
