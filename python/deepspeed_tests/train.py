"""Trains a small model with ZeRO-3 for three steps, weights and optimizer states offloaded to a directory.
Before the third the disk is full: no file can keep more than its first 4 KiB.

usage: train.py DIRECTORY [full]

Prints, as its last line, the steps that were made and a checksum of the weights, or the error.
"""

import json
import os
import resource
import sys

import deepspeed
import torch

directory, full = sys.argv[1], sys.argv[2:] == ["full"]
os.environ.update(RANK="0", LOCAL_RANK="0", WORLD_SIZE="1", MASTER_ADDR="127.0.0.1", MASTER_PORT="0")
nvme = {"device": "nvme", "nvme_path": directory}
config = {
    "train_micro_batch_size_per_gpu": 1,
    "optimizer": {"type": "Adam", "params": {"lr": 0.1, "torch_adam": True}},
    "zero_force_ds_cpu_optimizer": False,
    "zero_optimization": {
        "stage": 3,
        "offload_optimizer": {**nvme, "buffer_count": 4},
        "offload_param": {**nvme, "buffer_count": 8, "buffer_size": 1 << 19},
    },
    "aio": {"block_size": 1 << 17, "queue_depth": 8, "thread_count": 1, "overlap_events": True},
}
torch.manual_seed(1)
backend = "nccl" if os.environ["DS_ACCELERATOR"] == "cuda" else "gloo"
torch.distributed.init_process_group(backend, store=torch.distributed.HashStore(), rank=0, world_size=1)
layers = [torch.nn.Linear(512, 512) for _ in range(4)]
engine, *_ = deepspeed.initialize(model=torch.nn.Sequential(*layers), config=config)
device = next(engine.parameters()).device
steps, error = 0, None
for step in range(3):
    if full and step == 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    loss = engine(torch.ones(1, 512, device=device) * (step + 1)).square().sum()
    engine.backward(loss)
    try:
        engine.step()
    except OSError as raised:
        error = [type(raised).__name__, raised.errno, raised.filename, str(raised)]
        break
    steps += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
weights = None
if error is None:
    with deepspeed.zero.GatheredParameters(list(engine.parameters())):
        weights = sum(p.double().abs().sum().item() for p in engine.parameters())
print(json.dumps([steps, weights, error]))
