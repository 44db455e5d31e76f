"""Whether DeepSpeed's `wait()` leaves the files of finished transfers open, as 0.17.1 to 0.19.2 do."""

from __future__ import annotations

import functools
import hashlib

from .deepspeed_install import package_directory

_SOURCE = "ops/csrc/aio/py_lib/deepspeed_py_io_handle.cpp"
# SHA-256 of the source in all releases that do: it names the descriptor where close() was meant.
_LEAKING = "16bbade85bdf52e2433083e2a01209cd7bae4d1e785e38fa9cf7415cd01c94ea"


@functools.cache
def wait_leaks_files() -> bool:
    """By the source that the op is compiled from: closing a file that DeepSpeed closes as well could close
    another one, so only the file that is known to leak counts."""
    directory = package_directory("deepspeed")
    if directory is None:
        return False
    try:
        return hashlib.sha256((directory / _SOURCE).read_bytes()).hexdigest() == _LEAKING
    except OSError:
        return False
