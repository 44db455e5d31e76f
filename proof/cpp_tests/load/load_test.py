"""Loads the libraries into a Python process before an op, and shows that the op then runs on them.

usage: load_test.py OP UTILS COMMON
"""

import ctypes
import errno
import itertools
import mmap
import os
import resource
import subprocess
import sys
import tempfile

SIZE = (5 << 20) + 4096
SKIPPED = 77


class Failure(ctypes.Structure):
    """struct dsaio_failure."""

    _fields_ = [
        ("error", ctypes.c_int32),
        ("read_op", ctypes.c_bool),
        ("file_offset", ctypes.c_int64),
        ("num_bytes", ctypes.c_int64),
        ("moved", ctypes.c_int64),
        ("path", ctypes.c_char * 4096),
        ("message", ctypes.c_char * 5120),
    ]


def load_op(file: str) -> ctypes.CDLL:
    op = ctypes.CDLL(file)
    for function in (op.op_runs_on, op.op_loops_run_on, op.op_directory):
        function.restype = ctypes.c_char_p
    op.op_moves.restype = ctypes.c_int64
    op.op_moves.argtypes = [ctypes.c_int, ctypes.c_bool, ctypes.c_bool, ctypes.c_int64, ctypes.c_int]
    return op


def contents(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def refuses_unaligned(fd: int) -> bool:
    """Most file systems; tmpfs, for example, takes any size with O_DIRECT."""
    try:
        os.pwrite(fd, memoryview(mmap.mmap(-1, 4096))[:100], 0)
    except OSError:
        return True
    return False


def check_transfers(op: ctypes.CDLL, our_loops: bool) -> None:
    with tempfile.NamedTemporaryFile(dir=op.op_directory().decode()) as file:
        fd = os.open(file.name, os.O_RDWR | os.O_DIRECT)
        for overlap, tail in itertools.product((False, True), (0, 100)):
            size, byte = SIZE + tail, 0x5A + overlap + tail
            os.ftruncate(fd, 0)
            lost = tail != 0 and not our_loops and refuses_unaligned(fd)
            assert op.op_moves(fd, False, overlap, size, byte) == 0
            assert (contents(file.name) != bytes([byte]) * size) == lost, (overlap, tail)
            with open(file.name, "wb") as whole:
                whole.write(bytes([byte]) * size)
            assert (op.op_moves(fd, True, overlap, size, byte) != 0) == lost, (overlap, tail)
        os.close(fd)


def check_recorded(op: ctypes.CDLL, common: ctypes.CDLL) -> None:
    """A file that may not grow to its size: each failure reaches the recorder, once, and names the file."""
    recorder = ctypes.c_void_p()
    assert common.dsaio_recorder_new(ctypes.byref(recorder)) == 0
    limit = 1 << 20
    failure = Failure()
    # Python ignores SIGXFSZ.
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    with tempfile.NamedTemporaryFile(dir=op.op_directory().decode()) as file:
        fd = os.open(file.name, os.O_RDWR | os.O_DIRECT)
        for overlap in (False, True):
            assert common.dsaio_recorder_enter(recorder) == 0
            assert op.op_moves(fd, False, overlap, SIZE, 0x5A) == 0
            assert common.dsaio_recorder_leave(recorder) == 0
            assert os.path.getsize(file.name) == limit
            assert common.dsaio_recorder_next(recorder, ctypes.byref(failure)) == 1
            print(failure.message.decode())
            assert (failure.error, failure.read_op) == (errno.EFBIG, False)
            assert (failure.num_bytes, failure.moved) == (SIZE, limit)
            assert os.path.samefile(failure.path.decode(), file.name)
            assert common.dsaio_recorder_next(recorder, ctypes.byref(failure)) == 0
        os.close(fd)
    common.dsaio_recorder_free(recorder)


def check(op_file: str, utils_file: str, common_file: str, first: str) -> None:
    loaded = {
        # The line that docs/building-ops.md tells users to put before `import deepspeed`.
        file: ctypes.CDLL(file, mode=ctypes.RTLD_GLOBAL)
        for name, file in (("utils", utils_file), ("common", common_file))
        if name in first.split("+")
    }
    op = load_op(op_file)
    for runs_on, file in ((op.op_runs_on(), utils_file), (op.op_loops_run_on(), common_file)):
        expected = file if file in loaded else op_file
        assert os.path.samefile(runs_on, expected), f"the op runs on {runs_on!r}, not on {expected}"
    if op.op_directory() is None:
        print("skipped: no directory takes O_DIRECT; set DSAIO_TEST_DIR to one that does")
        sys.exit(SKIPPED)
    check_transfers(op, common_file in loaded)
    if common_file in loaded:
        check_recorded(op, loaded[common_file])


if __name__ == "__main__":
    if len(sys.argv) == 5:
        check(*sys.argv[1:])
    else:
        # A process can be switched once only, so each case has its own.
        for first in ("none", "utils", "common", "utils+common"):
            print(f"loaded first: {first}", flush=True)
            status = subprocess.run([sys.executable, __file__, *sys.argv[1:], first], check=False)
            if status.returncode != 0:
                sys.exit(status.returncode)
