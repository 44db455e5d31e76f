"""`check` where there is no DeepSpeed: it runs, says what is missing and what to do, and fails."""

import ctypes
import json
import mmap
import os
import resource
import subprocess

import pytest


def check(environment, *arguments, **options):
    return environment.run("-m", "deepspeed_aio_utils", "check", *arguments, **options)


def lines(done):
    report = json.loads(done.stdout)
    for line in report["lines"]:
        assert (line["status"] == "ok") == (line["remedy"] is None), line
    assert report["ok"] == (done.returncode == 0)
    assert report["ok"] == all(line["status"] != "failed" for line in report["lines"])
    return {line["name"]: line for line in report["lines"]}


def test_without_deepspeed(environment):
    done = check(environment, "--json", "--dir", environment.home)
    assert done.returncode == 1
    found = lines(done)
    failed = {name for name, line in found.items() if line["status"] == "failed"}
    assert failed == {"torch", "DeepSpeed", "async_io"}
    for name in failed:
        assert "pip install 'deepspeed>=0.16.0,<=0.19.8'" in found[name]["remedy"]
    assert found["library"]["value"] == str(environment.library)
    assert found["switched on"]["status"] == "ok"


def test_the_lines_for_people_say_the_same(environment):
    done = check(environment, "--dir", environment.home)
    assert done.returncode == 1
    for line in lines(check(environment, "--json", "--dir", environment.home)).values():
        assert f"[{line['status'].upper()}] " in next(
            text for text in done.stdout.splitlines() if text.strip().startswith(line["name"] + " ")
        )
        assert line["remedy"] is None or f"-> {line['remedy']}" in done.stdout
    assert done.stdout.rstrip().endswith("3 FAILED")


def test_a_refusal_is_a_line(environment, tmp_path):
    op = tmp_path / "async_io" / "async_io.so"
    op.parent.mkdir()
    op.write_bytes(b"broken")
    found = lines(check(environment, "--json", TORCH_EXTENSIONS_DIR=tmp_path))
    assert found["switched on"]["status"] == "failed"
    assert found["switched on"]["value"].startswith(f"OpNotSwitchable: {op}")


def test_huge_pages_that_were_declined(environment):
    line = lines(check(environment, "--json", DSAIO_HUGE_PAGES="never"))["transparent huge pages"]
    assert line["status"] == "warning" and "DSAIO_HUGE_PAGES" in line["remedy"]


def test_a_directory_without_direct_io(environment):
    # /proc takes no files at all; a container's /dev/shm may take O_DIRECT or not.
    line = lines(check(environment, "--json", "--dir", "/proc"))["O_DIRECT in /proc"]
    assert line["status"] == "failed" and "--dir" in line["remedy"]


def test_the_alignment_is_what_the_kernel_takes(environment):
    found = environment.code("""
        import json, os, tempfile
        from pathlib import Path
        from deepspeed_aio_utils import machine
        line = machine.direct_io(Path("."))
        with tempfile.NamedTemporaryFile(dir=".") as file:
            print(json.dumps([line.status, line.value, machine._statx_alignment(file.fileno())]))
        """)
    status, value, alignment = found
    if alignment is None:
        pytest.skip("this kernel or file system has no STATX_DIOALIGN")
    if alignment == [0, 0]:
        pytest.skip("the temporary directory has no O_DIRECT")
    assert status == "ok" and str(alignment[1]) in value
    # A write of that many bytes is taken, and one of half as many is not.
    path = environment.home / "file"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_DIRECT)
    try:
        page = mmap.mmap(-1, 1 << 16)
        assert os.writev(fd, [memoryview(page)[: alignment[1]]]) == alignment[1]
        with pytest.raises(OSError):
            os.pwritev(fd, [memoryview(page)[: alignment[1] // 2]], 0)
    finally:
        os.close(fd)


MEMLOCK = """
import json
from deepspeed_aio_utils import machine
line = machine.memlock(machine.lockable_bytes())
print(json.dumps([line.status, line.value, line.remedy]))
"""
PR_CAPBSET_DROP, CAP_IPC_LOCK = 24, 14


@pytest.mark.parametrize(
    ("limit", "status", "value"),
    [(65536, "warning", "64 KiB; "), (0, "warning", "0 bytes; "), (4 << 30, "ok", "4 GiB")],
)
def test_the_limit_of_locked_memory(environment, limit, status, value):
    libc = ctypes.CDLL(None)

    def limited():
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
        # Root may lock what it likes; what it executes next may not.
        if os.geteuid() == 0 and libc.prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0) != 0:
            raise PermissionError("CAP_IPC_LOCK cannot be given up")

    try:
        done = subprocess.run(
            [str(environment.python), "-c", MEMLOCK],
            text=True,
            capture_output=True,
            preexec_fn=limited,
            env=environment.variables(),
        )
    except subprocess.SubprocessError:
        pytest.skip(f"a limit of {limit} bytes cannot be set here")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found[0] == status and found[1].startswith(value)
    assert (found[2] is None) == (status == "ok") and (found[2] is None or "ulimit -l" in found[2])
