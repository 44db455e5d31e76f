"""The checks of the system: locked memory, asynchronous requests, huge pages, O_DIRECT."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import struct
import tempfile
from pathlib import Path

from .report import FAILED, OK, WARNING, Line
from .sizes import in_words

_GIB = 1 << 30
_CAP_IPC_LOCK = 14
# 128 requests for each of 8 threads: the most that DeepSpeed's own tuning tries for one process.
_REQUESTS = 1024
# AIO_ALIGNED_BYTES in deepspeed.runtime.swap_tensor.
_PADDING = 1024
_STATX_DIOALIGN = 0x2000
_AT_EMPTY_PATH = 0x1000

RAISE_MEMLOCK = (
    "Raise it: 'ulimit -l unlimited' before the job, 'memlock' in /etc/security/limits.conf, "
    "LimitMEMLOCK=infinity in a systemd unit, '--ulimit memlock=-1' for docker"
)


def lockable_bytes() -> int | None:
    """How much memory this process may lock; None without a limit."""
    capabilities = re.search(r"^CapEff:\s*(\w+)", _read("/proc/self/status"), re.MULTILINE)
    if capabilities and int(capabilities[1], 16) >> _CAP_IPC_LOCK & 1:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return None if soft == resource.RLIM_INFINITY else soft


def memlock(lockable: int | None) -> Line:
    """RLIMIT_MEMLOCK."""
    name = "RLIMIT_MEMLOCK"
    if lockable is None:
        soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        unlimited = soft == resource.RLIM_INFINITY
        return Line(
            name,
            OK,
            "unlimited" if unlimited else f"{in_words(soft)}, which CAP_IPC_LOCK lets this process exceed",
        )
    if lockable >= _GIB:
        return Line(name, OK, in_words(lockable))
    return Line(
        name, WARNING, f"{in_words(lockable)}; pinned buffers beyond it cannot be locked", f"{RAISE_MEMLOCK}."
    )


def asynchronous_requests() -> Line:
    """fs.aio-max-nr, less what other processes use."""
    name = "fs.aio-max-nr"
    try:
        most = int(_read("/proc/sys/fs/aio-max-nr"))
        taken = int(_read("/proc/sys/fs/aio-nr"))
    except ValueError:
        return Line(
            name,
            WARNING,
            "not visible in this container",
            "Look at /proc/sys/fs/aio-max-nr on the host; 65536 or more is usual.",
        )
    value = f"{most}, of which {taken} are in use"
    if most - taken >= _REQUESTS:
        return Line(name, OK, value)
    return Line(
        name,
        FAILED,
        value,
        f"A process of DeepSpeed may queue {_REQUESTS} requests. On the host, as root: "
        f"sysctl fs.aio-max-nr=1048576.",
    )


def huge_pages() -> Line:
    """The mode of transparent huge pages, which make pinned memory faster."""
    name = "transparent huge pages"
    if os.environ.get("DSAIO_HUGE_PAGES") == "never":
        return Line(
            name,
            WARNING,
            "switched off by DSAIO_HUGE_PAGES=never",
            "Unset DSAIO_HUGE_PAGES for faster pinned memory.",
        )
    path = "/sys/kernel/mm/transparent_hugepage/enabled"
    mode = re.search(r"\[(\w+)\]", _read(path))
    if mode and mode[1] in ("madvise", "always"):
        return Line(name, OK, mode[1])
    return Line(
        name,
        WARNING,
        mode[1] if mode else "not in this kernel",
        f"Without them I/O works, but is not faster. On the host, as root: echo madvise > {path}.",
    )


def direct_io(directory: Path) -> Line:
    """Whether files in a directory can be opened with O_DIRECT, and the alignment that it needs."""
    name = f"O_DIRECT in {directory}"
    elsewhere = "Choose a directory on a local disk, best an NVMe one, with --dir."
    try:
        with tempfile.NamedTemporaryFile(dir=directory, prefix=".deepspeed_aio_utils-") as file:
            alignment = _statx_alignment(file.fileno())
            if alignment == (0, 0):
                return Line(name, FAILED, "not supported by the file system", elsewhere)
            os.close(os.open(file.name, os.O_WRONLY | os.O_DIRECT))
    except OSError as error:
        return Line(name, FAILED, error.strerror or str(error), elsewhere)
    if alignment is None:
        return Line(name, OK, "supported; this kernel or file system does not report the alignment")
    memory, offset = alignment
    value = f"memory aligned to {memory}, offsets and sizes to {offset} bytes"
    if offset <= _PADDING and memory <= 4096:
        return Line(name, OK, value)
    return Line(
        name,
        WARNING,
        value,
        f"DeepSpeed pads tensors to {_PADDING} bytes for each thread, so their ends go through the page "
        f"cache, which is slower. DeepSpeed's own code loses such ends: keep this library on. Best is a disk "
        f"with sectors of 512 bytes; 'nvme id-ns -H' lists what yours can be formatted to.",
    )


def _statx_alignment(fd: int) -> tuple[int, int] | None:
    """STATX_DIOALIGN (Linux 6.1): memory and offset, 0 and 0 without O_DIRECT; None if unknown."""
    process = ctypes.CDLL(None, use_errno=True)
    if not hasattr(process, "statx"):
        return None
    buffer = ctypes.create_string_buffer(256)
    if process.statx(fd, b"", _AT_EMPTY_PATH, _STATX_DIOALIGN, buffer) != 0:
        return None
    (mask,) = struct.unpack_from("<I", buffer, 0)
    if not mask & _STATX_DIOALIGN:
        return None
    memory, offset = struct.unpack_from("<II", buffer, 152)
    return memory, offset


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
