"""`python -m deepspeed_aio_utils run`: starts a script, a module or a program with the library on."""

from __future__ import annotations

import os
import runpy
import shutil
import sys
from pathlib import Path

from .activation import activate

ON_STARTUP = Path(__file__).with_name("on_startup")


def run(command: list[str]) -> None:
    """Runs `script.py ...`, `-m module ...` or `program ...`; a program does not return."""
    activate()
    _switch_on_in_children()
    if command[0] == "-m":
        if len(command) < 2:
            raise SystemExit("deepspeed_aio_utils run: -m needs the name of a module.")
        sys.argv = command[1:]
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    elif command[0].endswith(".py"):
        if not Path(command[0]).is_file():
            raise SystemExit(f"deepspeed_aio_utils run: there is no file {command[0]}.")
        sys.argv = command
        if not getattr(sys.flags, "safe_path", False):
            # `python -m` puts the current directory here, `python script.py` the script's.
            sys.path[0] = str(Path(command[0]).resolve().parent)
        runpy.run_path(command[0], run_name="__main__")
    else:
        # Such as ds_io, deepspeed or torchrun: a script with an interpreter of its own.
        program = shutil.which(command[0])
        if program is None:
            raise SystemExit(
                f"deepspeed_aio_utils run: there is no program {command[0]}. A script's name ends in "
                f".py; a module comes after -m."
            )
        sys.stdout.flush()
        os.execv(program, command)


def _switch_on_in_children() -> None:
    """Makes each Python that this process starts switch the library on, too."""
    entries = [str(ON_STARTUP)] + [e for e in os.environ.get("PYTHONPATH", "").split(os.pathsep) if e]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(entries))
