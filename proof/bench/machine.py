"""The machine that the figures are of."""

from __future__ import annotations

import os
import platform
import re
import resource
import subprocess
from pathlib import Path
from typing import Any, Optional

from measured import GIB

CAP_IPC_LOCK = 14


def describe(directory: Path) -> dict[str, Any]:
    """All that a reader needs to judge the figures, and nothing that names the machine."""
    return {
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cpu": _cpu_model(),
        "processors": processors(),
        "virtual": "hypervisor" in _read("/proc/cpuinfo"),
        "memory_gib": round(_meminfo("MemTotal") / GIB, 1),
        "transparent_huge_pages": _chosen("/sys/kernel/mm/transparent_hugepage/enabled"),
        "thp_defrag": _chosen("/sys/kernel/mm/transparent_hugepage/defrag"),
        "file_system": file_system(directory),
        "device": Path(_df(directory, "source")).name,
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def processors() -> int:
    return len(os.sched_getaffinity(0))


def file_system(directory: Path) -> str:
    return _df(directory, "fstype")


def available_memory() -> int:
    """Bytes that can be used without swapping, a container's limit included."""
    limit = _read("/sys/fs/cgroup/memory.max").strip()
    available = _meminfo("MemAvailable")
    return min(available, int(limit)) if limit.isdigit() else available


def lockable_memory() -> Optional[int]:
    """Bytes that this process may lock; None where there is no limit."""
    capabilities = re.search(r"^CapEff:\s*(\w+)", _read("/proc/self/status"), re.MULTILINE)
    if capabilities and int(capabilities[1], 16) >> CAP_IPC_LOCK & 1:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return None if soft == resource.RLIM_INFINITY else soft


def first_line(*command: str) -> str:
    """Of a program's output, such as its version."""
    try:
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return "unknown"
    lines = run.stdout.splitlines()
    return lines[0].strip() if lines else "unknown"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _meminfo(key: str) -> int:
    found = re.search(rf"^{key}:\s*(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _chosen(path: str) -> str:
    """The word in brackets, as in "always [madvise] never"."""
    found = re.search(r"\[(\w+)\]", _read(path))
    return found[1] if found else "unknown"


def _df(directory: Path, column: str) -> str:
    output = subprocess.run(
        ["df", f"--output={column}", str(directory)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ).stdout.split()
    return output[-1] if output else "unknown"
