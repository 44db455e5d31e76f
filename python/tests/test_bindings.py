"""What an op's calls are bound to: as bindings() reads it, beside what the dynamic linker itself says."""

import json
import os
import re

import pytest
from conftest import UNSWITCHABLE, run

BIND = """
import ctypes, json, os, sys
import deepspeed_aio_utils
from deepspeed_aio_utils import binding
mode, op = sys.argv[1:]
if mode != "never":
    deepspeed_aio_utils.activate()
if mode == "lazy":
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.restype = ctypes.c_void_p
    assert dlopen(op.encode(), os.RTLD_LAZY)
else:
    # As torch does it: importing an extension binds at once.
    library = ctypes.CDLL(op)
found = {b.function: [str(b.library), b.lazy] for b in deepspeed_aio_utils.bindings()}
(loaded,) = binding.loaded_ops()
print(json.dumps([found, binding.bound_to_library(loaded)]))
"""

# Called by DeepSpeed's sources, or by the stand-in, from another file than the one that defines them.
FUNCTIONS = {
    "ds_page_aligned_alloc",
    "get_file_size",
    "io_prep_context::io_prep_context",
    "io_prep_context::prep_iocbs",
    "io_prep_generator::io_prep_generator",
    "io_prep_generator::prep_iocbs",
    "io_xfer_ctxt::io_xfer_ctxt",
}


def bound(environment, mode, op, **variables):
    return environment.code(BIND, mode, op, **variables)


def test_an_op_loaded_afterwards_runs_on_the_library(environment, compiler, release):
    found, all_ours = bound(environment, "activate", compiler.op(release))
    assert found == {function: [str(environment.library), False] for function in FUNCTIONS}
    assert all_ours


def test_without_it_the_op_runs_on_its_own_code(environment, compiler, release):
    op = compiler.op(release)
    found, all_ours = bound(environment, "never", op)
    assert found == {function: [str(op), False] for function in FUNCTIONS}
    assert not all_ours


@pytest.mark.parametrize("mode", ["activate", "never"])
def test_the_dynamic_linker_says_the_same(environment, compiler, mode, tmp_path):
    op = compiler.op("0.19.8")
    found, _ = bound(environment, mode, op, LD_DEBUG="bindings", LD_DEBUG_OUTPUT=tmp_path / "log")
    log = "".join(p.read_text() for p in tmp_path.glob("log.*"))
    lines = re.findall(
        rf"binding file {re.escape(str(op))} \[0\] to (\S+) \[0\]: normal symbol `(_Z\w+)'", log
    )
    said = {}
    for library, mangled in lines:
        function = run("c++filt", mangled).stdout.split("(")[0]
        if function in FUNCTIONS:
            said[function] = library
    assert said == {function: library for function, (library, _) in found.items()}


@pytest.mark.parametrize("how", UNSWITCHABLE)
def test_an_op_that_calls_its_own_code_is_seen_to(environment, compiler, how):
    op = compiler.op("0.19.8", *UNSWITCHABLE[how][0])
    found, all_ours = bound(environment, "activate", op)
    # Of an op whose symbols cannot be seen, what every async_io has is known.
    assert set(found) == (FUNCTIONS - {"ds_page_aligned_alloc"} if how == "hidden" else FUNCTIONS)
    # -Bsymbolic keeps relocations of addresses that are taken, and binds them to the op.
    assert {library for library, _ in found.values()} <= {"None", str(op)}
    assert not all_ours


def test_a_slot_that_is_not_bound_yet_is_no_proof(environment, compiler):
    found, all_ours = bound(environment, "lazy", compiler.op("0.19.8", "-Wl,-z,lazy"))
    assert found["io_prep_context::prep_iocbs"] == ["None", True]
    assert not all_ours


def test_an_op_linked_against_the_library_is_on_it_by_itself(environment, compiler):
    flags = (
        f"-L{environment.library.parent}",
        "-l:libdeepspeed_aio_utils.so",
        f"-Wl,-rpath,{environment.library.parent}",
    )
    op = compiler.op("0.19.8", *flags, without=("deepspeed_aio_utils.cpp", "page_alloc.cpp"))
    for mode in ("never", "activate"):
        found, all_ours = bound(environment, mode, op)
        assert found == {function: [str(environment.library), False] for function in FUNCTIONS}
        assert all_ours


MOVE = """
import ctypes, json, os, sys, tempfile
import deepspeed_aio_utils.auto
op = ctypes.CDLL(sys.argv[1])
op.op_runs_on.restype = ctypes.c_char_p
op.op_moves.restype = ctypes.c_int64
op.op_moves.argtypes = [ctypes.c_int, ctypes.c_bool, ctypes.c_bool, ctypes.c_int64, ctypes.c_int]
size = (3 << 20) + 4096
different = []
with tempfile.TemporaryFile(dir=".") as file:
    for overlap in (False, True):
        op.op_moves(file.fileno(), False, overlap, size, 65 + overlap)
        file.seek(0)
        different.append(file.read() != bytes([65 + overlap]) * size)
        different.append(op.op_moves(file.fileno(), True, overlap, size, 65 + overlap))
print(json.dumps([op.op_runs_on().decode(), different]))
"""


def test_bytes_move_as_before(environment, compiler, release):
    library, different = environment.code(MOVE, compiler.op(release))
    assert os.path.samefile(library, environment.library)
    assert different == [0, 0, 0, 0]


def test_activating_twice_changes_nothing(environment, compiler):
    found = environment.code(
        """
        import ctypes, json, sys
        import deepspeed_aio_utils as d
        assert d.active() is None
        first = d.activate()
        ctypes.CDLL(sys.argv[1])
        second = d.activate()
        print(json.dumps([first.already, second.already, str(first.library), first.version,
                          first.deepspeed, d.active() == second, str(first)]))
        """,
        compiler.op("0.19.8"),
    )
    version = json.loads(json.dumps(found[3]))
    assert found[:3] == [False, True, str(environment.library)]
    assert found[4:6] == [None, True]
    assert version in found[6] and str(environment.library) in found[6]
