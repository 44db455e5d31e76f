"""Whether DeepSpeed's `wait()` leaves the files of finished transfers open, as 0.17.1 to 0.19.2 do."""

from __future__ import annotations

import functools

from .deepspeed_install import package_directory

_SOURCE = "ops/csrc/aio/py_lib/deepspeed_py_io_handle.cpp"
# Where close() was meant.
_LEAK = "{ (completed_op->_fd); }"


@functools.cache
def wait_leaks_files() -> bool:
    """Read from the source that the op is compiled from: closing a file that DeepSpeed closes as well
    could close another one, so only the known mistake counts."""
    directory = package_directory("deepspeed")
    if directory is None:
        return False
    try:
        return _LEAK in (directory / _SOURCE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
