"""Switches the libraries on while Python starts: deepspeed_aio_utils.pth imports this where DSAIO is set.

The process may be anyone's, such as a compiler's helper: what goes wrong is one line on stderr, and
Python goes on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import ModuleType

from .activation import activate


def _switch_on() -> None:
    value = os.environ.get("DSAIO")
    try:
        if value != "1":
            raise ValueError(f"DSAIO is '{value}'; set it to 1 to switch the libraries on, to 0 not to.")
        activate()
    except Exception as error:
        if sys.stderr is not None:
            reason = " ".join(str(error).split())
            print(f"deepspeed_aio_utils: not on in process {os.getpid()}: {reason}", file=sys.stderr)


class _WhenPathIsComplete:
    """Waits until Python looks for sitecustomize, which it does after the last .pth file.

    Before that, DeepSpeed and torch may not be on sys.path yet: other .pth files, and the system's
    packages below a virtual environment's, come later. A script that reads .pth files itself, by
    site.addsitedir(), does so after that: then it is when the script imports DeepSpeed.
    """

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Finds nothing."""
        if name in ("sitecustomize", "deepspeed"):
            sys.meta_path.remove(self)
            _switch_on()


sys.meta_path.insert(0, _WhenPathIsComplete())
