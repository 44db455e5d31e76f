"""This machine's wheel in a bare Debian 11: glibc 2.31, Python 3.9, no compiler, no DeepSpeed."""

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

WHEELS = Path(os.environ["DSAIO_WHEELS"])
# Kept for the next time: 260 MB from the network.
SYSTEM = WHEELS.with_name("for-wheels") / "bullseye"

# Mounts in a namespace of the process's own are gone when it ends, however that is.
ENTER = """
set -e
mount --bind "$1" "$2/mnt"
mount -t proc proc "$2/proc"
exec chroot "$2" "${@:3}"
"""

TRANSFERS = """
import ctypes, errno, os
from ctypes import byref, c_int64, c_uint64, c_void_p
from deepspeed_aio_utils.symbols import COMMON, UTILS

utils, common = ctypes.CDLL(str(UTILS.path)), ctypes.CDLL(str(COMMON.path))
size, memory, queue = (48 << 20) + 513, c_void_p(), c_void_p()
assert utils.dsaio_alloc(c_int64(size), False, byref(memory)) == 0
assert common.dsaio_queue_new(8, byref(queue)) == 0

def move(function, read):
    fd = common.dsaio_open_file(b"/mnt/file", read)
    assert fd >= 0, fd
    return function(queue, fd, c_int64(0), memory, c_int64(size), c_uint64(1 << 20), None)

content = os.urandom(size)
ctypes.memmove(memory, content, size)
assert move(common.dsaio_queue_write, False) == 0
with open("/mnt/file", "rb") as file:
    assert file.read() == content
ctypes.memset(memory, 0, size)
assert move(common.dsaio_queue_read, True) == 0
assert ctypes.string_at(memory, size) == content
os.truncate("/mnt/file", size - 1)
assert move(common.dsaio_queue_read, True) == -errno.ENODATA
"""


def mirror():
    """The one of Debian that this system uses; none, for debootstrap's own, on another distribution."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Label: Debian"]
    return subprocess.run(command, check=False, text=True, capture_output=True).stdout.split()[:1]


def make_system():
    part = SYSTEM.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    options = ["--variant=minbase", "--include=python3,python3-venv"]
    command = ["unshare", "--mount", "debootstrap", *options, "bullseye", part, *mirror()]
    done = subprocess.run(command, check=False, text=True, capture_output=True)
    if done.returncode == 0:
        part.rename(SYSTEM)
    return done


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """Runs a command there, with the wheel installed in /mnt/venv."""
    reason = None
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        reason = "a bare system needs root and debootstrap"
    elif not SYSTEM.exists() and (done := make_system()).returncode != 0:
        reason = f"Debian 11 cannot be installed in a directory: {(done.stdout + done.stderr)[-500:]}"
    if reason is not None:
        (pytest.fail if "CI" in os.environ else pytest.skip)(reason)
    scratch = tmp_path_factory.mktemp("mnt")
    (wheel,) = WHEELS.glob(f"*_{platform.machine()}.whl")
    shutil.copy(wheel, scratch)

    def run(*command):
        enter = ["unshare", "--mount", "bash", "-c", ENTER, "bash", scratch, SYSTEM]
        env = {"PATH": "/mnt/venv/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        return subprocess.run([*enter, *command], check=False, text=True, capture_output=True, env=env)

    for command in (["python3", "-m", "venv", "/mnt/venv"], ["pip", "install", f"/mnt/{wheel.name}"]):
        done = run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    return run


def test_it_has_an_old_glibc_and_no_compiler(bare):
    assert bare("python3", "-c", "import platform; print(*platform.libc_ver())").stdout == "glibc 2.31\n"
    assert bare("sh", "-c", "command -v cc gcc c++ g++ clang clang++ as ld").stdout == ""


def test_check_misses_deepspeed_alone(bare):
    done = bare("dsaio", "check", "--json", "--dir", "/mnt")
    assert done.returncode == 1, done.stderr
    lines = json.loads(done.stdout)["lines"]
    failed = {line["name"] for line in lines if line["status"] == "failed"}
    assert failed == {"torch", "DeepSpeed", "async_io"}


def test_transfers(bare):
    done = bare("python", "-c", TRANSFERS)
    assert done.returncode == 0, done.stdout + done.stderr
