"""Keeps what DeepSpeed, torch and compilers print out of a report."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def report_stream() -> Iterator[TextIO]:
    """Standard output for the report alone: everything else that is printed goes to stderr."""
    sys.stdout.flush()
    saved = os.dup(1)
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        try:
            yield out
        finally:
            sys.stdout.flush()
            os.dup2(saved, 1)
            os.close(saved)


@contextmanager
def quiet() -> Iterator[None]:
    """Shows what is printed only if it ends in an exception."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for target, fd in zip((1, 2), saved):
                os.dup2(fd, target)
                os.close(fd)
            if failed:
                log.seek(0)
                os.write(2, log.read())
