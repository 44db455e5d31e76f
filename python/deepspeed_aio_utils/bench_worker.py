"""One of the two processes of `bench`. It loads DeepSpeed once, then takes a turn for each line on
standard input and answers with a line of JSON.

usage: python -m deepspeed_aio_utils.bench_worker SETTINGS_AS_JSON
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .activation import activate
from .binding import bindings
from .streams import quiet, report_stream
from .transfer import load_op, pinned_tensor, scratch_file

MODES = {"sequential": False, "overlap": True}


@contextmanager
def _measured(into: dict[str, float], key: str) -> Iterator[None]:
    """Wall-clock and processor seconds, of all threads."""
    cpu = _cpu_seconds()
    began = time.perf_counter()
    yield
    into[key] = time.perf_counter() - began
    into[f"{key} cpu"] = _cpu_seconds() - cpu


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _turn(op: Any, name: str, settings: dict[str, Any]) -> dict[str, float]:
    """Pins a tensor, writes it and reads it back in both modes, and releases it."""
    figures: dict[str, float] = {}
    handles = {
        mode: op.aio_handle(
            settings["block_size"], settings["queue_depth"], False, overlap, settings["threads"]
        )
        for mode, overlap in MODES.items()
    }
    # Memory that a virtual machine has given back to its host is slow to touch the first time, with
    # any allocator. The second time compares the allocators.
    for key in ("pin first", "pin"):
        pinned = pinned_tensor(handles["sequential"], settings["size"])
        with _measured(figures, key):
            tensor = pinned.__enter__()
        if key != "pin":
            pinned.__exit__(None, None, None)
    try:
        tensor.fill_(0x5A)
        for mode, handle in handles.items():
            with _measured(figures, f"write {mode}"):
                written = handle.sync_pwrite(tensor, name, 0)
            tensor.fill_(0)
            with _measured(figures, f"read {mode}"):
                read = handle.sync_pread(tensor, name, 0)
            if written != 1 or read != 1 or tensor[0] != 0x5A or tensor[-1] != 0x5A:
                raise RuntimeError(f"{mode}: {name} is not what was written")
    finally:
        with _measured(figures, "release"):
            pinned.__exit__(None, None, None)
    gc.collect()
    return figures


def main() -> None:
    """Loads the op, reports whether it runs on the libraries, and takes turns until standard input ends."""
    settings: dict[str, Any] = json.loads(sys.argv[1])
    with report_stream() as out:

        def send(message: object) -> None:
            print(json.dumps(message), file=out, flush=True)

        if settings["activate"]:
            activate()
        with quiet():
            op = load_op()
        send(sorted({binding.ours for binding in bindings()}))
        with scratch_file(Path(settings["directory"])) as name:
            for _ in sys.stdin:
                send(_turn(op, name, settings))


if __name__ == "__main__":
    main()
