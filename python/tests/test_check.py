"""`check` without DeepSpeed: what it reports, and its exit status."""

import ctypes
import json
import mmap
import os
import resource
import subprocess

import pytest

from deepspeed_aio_utils import sizes
from deepspeed_aio_utils.releases import NEWEST, OLDEST


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
    found = lines(check(environment, "--json", "--dir", environment.home))
    failed = {name for name, line in found.items() if line["status"] == "failed"}
    assert failed == {"torch", "DeepSpeed", "async_io"}
    for name in failed:
        assert f"pip install 'deepspeed>={OLDEST},<={NEWEST}'" in found[name]["remedy"]
    assert found["library"]["value"] == str(environment.library)
    assert found["library of transfers"]["value"] == str(environment.common)
    assert found["switched on"]["status"] == "ok"


def test_text_and_json_report_the_same(environment):
    done = check(environment, "--dir", environment.home)
    assert done.returncode == 1
    texts = done.stdout.splitlines()
    for line in lines(check(environment, "--json", "--dir", environment.home)).values():
        text = next(text for text in texts if text.strip().startswith(line["name"] + " "))
        assert f"[{line['status'].upper()}] " in text
        assert line["remedy"] is None or f"-> {line['remedy']}" in done.stdout
    assert done.stdout.rstrip().endswith("3 FAILED")


def test_an_activation_error_is_a_line(environment, tmp_path):
    op = tmp_path / "async_io" / "async_io.so"
    op.parent.mkdir()
    op.write_bytes(b"broken")
    found = lines(check(environment, "--json", TORCH_EXTENSIONS_DIR=tmp_path))
    assert found["switched on"]["status"] == "failed"
    assert found["switched on"]["value"].startswith(f"OpNotSwitchable: {op}")


def test_the_library_of_another_version(environment):
    # The package is not on PyPI, so its name alone is no remedy.
    code = (
        "import sys; from pathlib import Path; from deepspeed_aio_utils import check;"
        "check.__version__ = '1000.0'; sys.exit(check.check(Path('.'), True))"
    )
    line = lines(environment.run("-c", code))["library's version"]
    assert line["status"] == "failed"
    assert "pip install --force-reinstall ." in line["remedy"]


READS = """
import collections, ctypes, json, sys
from pathlib import Path
from deepspeed_aio_utils import activation, check, elf, transfer
activation.activate()
check.release = lambda: "a release"
check._package = transfer.round_trip = transfer.write_beyond_limit = lambda *_: None
check.package_directory = lambda name: name
transfer.load_op = lambda: [ctypes.CDLL(op) for op in sys.argv[1:]]
reads = collections.Counter()
class Counted(elf.SharedObject):
    def __init__(self, image):
        reads[image.bias] += 1
        super().__init__(image)
elf.SharedObject = Counted
saved, sys.stdout = sys.stdout, sys.stderr
check.check(Path("."), False)
print(json.dumps([len(reads), max(reads.values())]), file=saved)
"""


def test_each_loaded_object_is_read_once(environment, ops):
    two = ops.link(NEWEST), ops.link(NEWEST, kind="pin_memory")
    done = environment.run("-c", READS, *two)
    assert done.returncode == 0, done.stderr
    objects, most = json.loads(done.stdout.splitlines()[-1])
    assert objects > 2 and most == 1
    for op in two:
        assert done.stdout.count(str(op)) == 1


def test_huge_pages_that_are_switched_off(environment):
    line = lines(check(environment, "--json", DSAIO_HUGE_PAGES="never"))["transparent huge pages"]
    assert line["status"] == "warning" and "DSAIO_HUGE_PAGES" in line["remedy"]


def test_a_directory_without_direct_io(environment):
    # No files can be created in /proc; a container's /dev/shm may support O_DIRECT or not.
    line = lines(check(environment, "--json", "--dir", "/proc"))["O_DIRECT in /proc"]
    assert line["status"] == "failed" and "--dir" in line["remedy"]


@pytest.mark.parametrize("sector, status", [(512, "ok"), (1024, "ok"), (4096, "warning")])
def test_sectors_that_are_larger_than_the_padding_of_tensors(environment, sector, status):
    line = environment.code(
        """
        import dataclasses, json, sys
        from pathlib import Path
        from deepspeed_aio_utils import system_checks
        system_checks._statx_alignment = lambda fd: (512, int(sys.argv[1]))
        print(json.dumps(dataclasses.asdict(system_checks.direct_io(Path(".")))))
        """,
        sector,
    )
    assert line["status"] == status and str(sector) in line["value"]
    assert status == "ok" or "page cache" in line["remedy"]


def test_the_alignment_is_that_of_the_kernel(environment):
    status, value, alignment = environment.code("""
        import json, os, tempfile
        from pathlib import Path
        from deepspeed_aio_utils import system_checks
        line = system_checks.direct_io(Path("."))
        with tempfile.NamedTemporaryFile(dir=".") as file:
            alignment = system_checks._statx_alignment(file.fileno())
        print(json.dumps([line.status, line.value, alignment]))
        """)
    if alignment is None:
        pytest.skip("this kernel or file system has no STATX_DIOALIGN")
    if alignment == [0, 0]:
        pytest.skip("the temporary directory has no O_DIRECT")
    assert status == ("ok" if alignment[1] <= 1024 else "warning") and str(alignment[1]) in value
    # A write of that many bytes succeeds, and one of half as many does not.
    fd = os.open(environment.home / "file", os.O_CREAT | os.O_WRONLY | os.O_DIRECT)
    try:
        page = memoryview(mmap.mmap(-1, 1 << 16))
        assert os.writev(fd, [page[: alignment[1]]]) == alignment[1]
        with pytest.raises(OSError):
            os.pwritev(fd, [page[: alignment[1] // 2]], 0)
    finally:
        os.close(fd)


MEMLOCK = """
import json
from deepspeed_aio_utils import system_checks
line = system_checks.memlock(system_checks.lockable_bytes())
print(json.dumps([line.status, line.value, line.remedy]))
"""
PR_CAPBSET_DROP, CAP_IPC_LOCK = 24, 14


@pytest.mark.parametrize("limit", [65536, 0, 4 << 30])
def test_the_limit_of_locked_memory(environment, limit):
    libc = ctypes.CDLL(None)

    def limited():
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
        # Root has no limit, but what it executes next has one.
        if os.geteuid() == 0 and libc.prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0) != 0:
            raise PermissionError("CAP_IPC_LOCK cannot be dropped")

    command = [str(environment.python), "-c", MEMLOCK]
    options = {"text": True, "capture_output": True, "env": environment.variables()}
    try:
        done = subprocess.run(command, preexec_fn=limited, **options)
    except subprocess.SubprocessError:
        pytest.skip(f"a limit of {limit} bytes cannot be set here")
    assert done.returncode == 0, done.stderr
    status, value, remedy = json.loads(done.stdout)
    assert value.startswith(sizes.in_words(limit))
    assert (status, remedy) == ("ok", None) if limit > 65536 else "ulimit -l" in remedy


SIZES = {"4096": "4 KiB", "512M": "512 MiB", "3GiB": "3 GiB", "50335744": "48 MiB", "1000": "1000 bytes"}


def test_sizes():
    assert {text: sizes.in_words(sizes.parse(text)) for text in SIZES} == SIZES
    for text in ("", "M", "-1", "1T", "1.5G", "4 K", "1Ki"):
        with pytest.raises(ValueError, match="is not a size"):
            sizes.parse(text)
