"""DeepSpeed's NVMe I/O, faster, and with an exception for each transfer that fails.

It is switched on by DSAIO=1 in the environment, or by this line before DeepSpeed is imported:

    import deepspeed_aio_utils.auto

`dsaio check` checks that it works, `dsaio bench` measures the gain, and `dsaio run train.py` starts a
script with it on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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


__version__: str

if not TYPE_CHECKING:  # for which every name would exist

    def __getattr__(name: str) -> str:
        """The version, when it is asked for: with DSAIO=1 every Python process imports this package."""
        if name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import metadata

        try:
            return metadata.version("deepspeed-aio-utils")
        except metadata.PackageNotFoundError:
            return NOT_INSTALLED
