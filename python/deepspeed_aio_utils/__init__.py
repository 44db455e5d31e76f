"""Faster pinned memory and clearer errors for DeepSpeed's NVMe I/O, switched on by one line.

Before DeepSpeed is imported:

    import deepspeed_aio_utils.auto

`python -m deepspeed_aio_utils check` checks that it works, `bench` measures the gain, and
`run train.py` starts a script with it on.
"""

from __future__ import annotations

from importlib import metadata as _metadata

from .activation import Activation, activate, active
from .binding import Binding, bindings
from .errors import (
    ActivationError,
    AlreadyActive,
    LibraryUnavailable,
    NamesTaken,
    OpAlreadyLoaded,
    OpNotSwitchable,
    TransferError,
    UnsupportedDeepSpeed,
)
from .library import library_path

__all__ = [
    "Activation",
    "ActivationError",
    "AlreadyActive",
    "Binding",
    "LibraryUnavailable",
    "NamesTaken",
    "OpAlreadyLoaded",
    "OpNotSwitchable",
    "TransferError",
    "UnsupportedDeepSpeed",
    "activate",
    "active",
    "bindings",
    "library_path",
]

NOT_INSTALLED = "used from its source directory"

try:
    __version__ = _metadata.version("deepspeed-aio-utils")
except _metadata.PackageNotFoundError:
    __version__ = NOT_INSTALLED
