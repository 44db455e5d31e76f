"""Why the library could not be switched on. Each message says what to do.

After any of them the process is as it was before: all of it runs on DeepSpeed's own code.
"""

from __future__ import annotations


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
