"""Counts the descriptors that 1,000 transfers leave open.

usage: descriptors.py DIRECTORY
"""

import json
import os
import sys

import torch
from deepspeed.ops.op_builder import AsyncIOBuilder

import deepspeed_aio_utils.auto  # noqa: F401  # switches it on

handle = AsyncIOBuilder().load(verbose=False).aio_handle(1 << 17, 8, False, True, 2)
tensor = torch.zeros(8192, dtype=torch.uint8)
file = os.path.join(sys.argv[1], "file")
handle.sync_pwrite(tensor, file)
own = [os.open(file, os.O_RDWR)]
before = len(os.listdir("/proc/self/fd"))
for _ in range(250):
    handle.sync_pread(tensor, file)
    handle.async_pwrite(tensor, file)
    handle.async_pread(tensor, file)
    handle.wait()
    handle.sync_pwrite(tensor, file)
    # They get the numbers of files that were closed.
    own.append(os.open(file, os.O_RDWR))
lost = len(os.listdir("/proc/self/fd")) - before - len(own) + 1
same = all(os.path.samestat(os.fstat(fd), os.stat(file)) for fd in own)
print(json.dumps([lost, same]))
