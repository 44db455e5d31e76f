"""Python imports this when it starts, in what `python -m deepspeed_aio_utils run` starts.

It switches the library on in new processes: the workers of a launcher, and of multiprocessing's spawn,
which DeepSpeed's own ds_io uses. Only `run` puts this directory on PYTHONPATH.
"""

import importlib.machinery
import importlib.util
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _here]


def _switch_on() -> None:
    try:
        import deepspeed_aio_utils
    except ModuleNotFoundError:
        return  # another Python, without the package
    try:
        deepspeed_aio_utils.activate()
    except deepspeed_aio_utils.ActivationError as error:
        # The process may be a compiler's helper: print it, and go on.
        print(f"deepspeed_aio_utils: not on in process {os.getpid()}: {error}", file=sys.stderr)


def _import_hidden() -> None:
    """The user's own sitecustomize, which this one hides."""
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


_switch_on()
_import_hidden()
