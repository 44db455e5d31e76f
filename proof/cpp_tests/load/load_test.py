"""Loads the library into a Python process before an op, and shows that the op then runs on it.

usage: load_test.py OUR_LIBRARY OP
"""

import ctypes
import os
import subprocess
import sys
import tempfile

SIZE = (5 << 20) + 4096


def check(library: str, op_file: str, load_first: bool) -> None:
    if load_first:
        # The line that the README tells users to put before `import deepspeed`.
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    op = ctypes.CDLL(op_file)
    op.op_runs_on.restype = ctypes.c_char_p
    op.op_moves.restype = ctypes.c_int64
    op.op_moves.argtypes = [ctypes.c_int, ctypes.c_bool, ctypes.c_bool, ctypes.c_int64, ctypes.c_int]
    runs_on = op.op_runs_on().decode()
    expected = library if load_first else op_file
    assert os.path.samefile(runs_on, expected), f"the op runs on {runs_on}, not on {expected}"

    with tempfile.TemporaryFile(dir=".") as file:
        for overlap in (False, True):
            assert op.op_moves(file.fileno(), False, overlap, SIZE, 0x5A + overlap) == 0
            file.seek(0)
            assert file.read() == bytes([0x5A + overlap]) * SIZE
            assert op.op_moves(file.fileno(), True, overlap, SIZE, 0x5A + overlap) == 0


if __name__ == "__main__":
    if len(sys.argv) == 4:
        check(sys.argv[1], sys.argv[2], sys.argv[3] == "first")
    else:
        # A process can be switched once only, so each case has its own.
        for when in ("first", "never"):
            subprocess.run([sys.executable, __file__, *sys.argv[1:], when], check=True)
