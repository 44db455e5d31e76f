"""The package's exceptions: a transfer that failed, and why the libraries could not be switched on.

Each message says what to do. After an ActivationError the process is as it was before.
"""

from __future__ import annotations

import os


class ActivationError(RuntimeError):
    """The library was not switched on; the subclass and `reason` say why, `remedy` what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}")
        self.reason = reason
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[ActivationError], tuple[str, str]]:
        # A worker process pickles it for its parent.
        return type(self), (self.reason, self.remedy)


class LibraryUnavailable(ActivationError):
    """There is no library for this platform, or it cannot be loaded."""


class UnsupportedDeepSpeed(ActivationError):
    """The installed DeepSpeed is none of the releases that share the library's ABI."""


class OpAlreadyLoaded(ActivationError):
    """An op is loaded, and the dynamic linker has bound its calls already."""


class OpNotSwitchable(ActivationError):
    """An op that DeepSpeed would load calls its own code without asking the dynamic linker."""


class NamesTaken(ActivationError):
    """Another library provides the same functions to the whole process, and comes first."""


class AlreadyActive(ActivationError):
    """The library is on already, with other settings."""


class TransferError(OSError):
    """A transfer failed, or its file could not be opened: not every byte is where it should be.

    `errno`, `strerror` and `filename` are those of any OSError; the text is one sentence with all of it
    and what can be done.
    """

    message: str
    """The sentence."""
    operation: str
    """"read" or "write"."""
    offset: int
    """Where the transfer, or the thread's part of it, begins in the file, in bytes."""
    num_bytes: int
    """How many bytes were to move; 0 where the file could not be opened for writing."""
    moved: int
    """How many of them moved before the failure."""
    others: tuple[TransferError, ...]
    """Further failures that the same call learned of, oldest first."""

    def __init__(
        self,
        errno: int,
        message: str,
        filename: str,
        operation: str,
        offset: int = 0,
        num_bytes: int = 0,
        moved: int = 0,
        others: tuple[TransferError, ...] = (),
    ) -> None:
        super().__init__(errno, os.strerror(errno), filename)
        self.message = message
        self.operation = operation
        self.offset = offset
        self.num_bytes = num_bytes
        self.moved = moved
        self.others = others

    def __str__(self) -> str:
        if not self.others:
            return self.message
        failures = "failure" if len(self.others) == 1 else "failures"
        return f"{self.message} ({len(self.others)} more {failures}: see the error's 'others')"

    def __reduce__(self) -> tuple[object, ...]:
        place = self.offset, self.num_bytes, self.moved
        return type(self), (self.errno, self.message, self.filename, self.operation, *place, self.others)
