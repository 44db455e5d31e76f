"""The kinds of memory that aio_handle gets a tensor in. All but locked and pinned are copied by DeepSpeed."""

import contextlib
import os

import torch

KINDS = ["pageable", "locked"] + (["pinned", "gpu"] if os.environ["DS_ACCELERATOR"] == "cuda" else [])


@contextlib.contextmanager
def tensor_in(kind, handle, size):
    if kind == "locked":
        tensor = handle.new_cpu_locked_tensor(size, torch.empty(0, dtype=torch.uint8))
    else:
        device = "cuda" if kind == "gpu" else "cpu"
        tensor = torch.zeros(size, dtype=torch.uint8, device=device, pin_memory=kind == "pinned")
    yield tensor
    if kind == "locked":
        assert handle.free_cpu_locked_tensor(tensor)
