"""`dsaio run`: starts a script, a module or a program with the libraries on."""

from __future__ import annotations

import importlib.util
import os
import runpy
import shutil
import site
import sys
from pathlib import Path

from .activation import activate
from .report import stderr

STARTUP_FILE = f"{__package__}.pth"


def run(command: list[str]) -> None:
    """Runs `script.py ...`, `-m module ...` or `program ...`; a program does not return."""
    activate()
    _switch_on_in_children()
    if command[0] == "-m":
        if len(command) < 2:
            raise SystemExit("deepspeed_aio_utils run: -m needs the name of a module.")
        sys.argv = command[1:]
        _set_first_path(os.getcwd())
        if importlib.util.find_spec(command[1].partition(".")[0]) is None:
            raise SystemExit(f"deepspeed_aio_utils run: there is no module '{command[1]}'.")
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    elif command[0].endswith(".py"):
        if not Path(command[0]).is_file():
            raise SystemExit(f"deepspeed_aio_utils run: there is no file {command[0]}.")
        sys.argv = command
        _set_first_path(str(Path(command[0]).resolve().parent))
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


def _set_first_path(directory: str) -> None:
    """Puts there what Python would: here it has the directory of `dsaio`, or the current one."""
    # Isolated Python puts none there; from 3.11 on it sets safe_path, too.
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = directory


def _switch_on_in_children() -> None:
    """Makes each Python that this process starts switch the libraries on, too."""
    os.environ["DSAIO"] = "1"
    directories = [*site.getsitepackages(), site.getusersitepackages()]
    if not any(Path(directory, STARTUP_FILE).is_file() for directory in directories):
        stderr(
            f"run: processes that this one starts are not switched on: {STARTUP_FILE} is not in "
            f"site-packages. Install the package with pip, without --target."
        )
