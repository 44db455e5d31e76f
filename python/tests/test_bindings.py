"""What an op's calls are bound to: as bindings() reads it, and as the dynamic linker itself reports it."""

import re

import pytest
from conftest import UNSWITCHABLE, run

from deepspeed_aio_utils.op_builder import REPLACED
from deepspeed_aio_utils.releases import NEWEST
from deepspeed_aio_utils.symbols import LIBRARIES

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
print(json.dumps([found, binding.bound_to_libraries(loaded)]))
"""

# Called by DeepSpeed's sources, or by the stand-in, from another file than the one that defines them, or
# in a way that leaves it to the dynamic linker all the same.
UTILS_FUNCTIONS = {
    "ds_page_aligned_alloc",
    "get_file_size",
    "io_prep_context::io_prep_context",
    "io_prep_context::prep_iocbs",
    "io_prep_generator::io_prep_generator",
    "io_prep_generator::prep_iocbs",
    "io_xfer_ctxt::io_xfer_ctxt",
}
COMMON_FUNCTIONS = {
    "aio_context::aio_context",
    "aio_context::~aio_context",
    "deepspeed_aio_config_t::deepspeed_aio_config_t",
    "do_aio_operation_overlap",
    "do_aio_operation_sequential",
    "open_file",
    "regular_read",
    "report_file_error",
    "validate_aio_operation",
}
# What is left when the loops are in the library.
NOT_OF_THE_LOOPS = {
    *{"ds_page_aligned_alloc", "get_file_size", "io_xfer_ctxt::io_xfer_ctxt"},
    *COMMON_FUNCTIONS - {"regular_read"},
}


def on_libraries(environment):
    """Each function, bound to the library that has it."""
    found = {function: [str(environment.library), False] for function in UTILS_FUNCTIONS}
    return {**found, **{function: [str(environment.common), False] for function in COMMON_FUNCTIONS}}


@pytest.mark.parametrize("mode", ["activate", "never"])
def test_bindings_are_those_of_the_dynamic_linker(environment, ops, release, mode, tmp_path):
    op = ops.link(release)
    log = {"LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": tmp_path / "log"}
    found, on_library = environment.code(BIND, mode, op, **log)
    expected = on_libraries(environment)
    if mode == "never":
        expected = {function: [str(op), False] for function in expected}
    assert found == expected
    assert on_library == (mode == "activate")
    text = "".join(p.read_text() for p in tmp_path.glob("log.*"))
    line = rf"binding file {re.escape(str(op))} \[0\] to (\S+) \[0\]: normal symbol `(_Z\w+)'"
    files, mangled = zip(*re.findall(line, text))
    functions = [name.split("(")[0] for name in run("c++filt", *mangled).stdout.splitlines()]
    reported = {f: [file, False] for f, file in zip(functions, files) if f in expected}
    assert reported == expected


@pytest.mark.parametrize("how", UNSWITCHABLE)
def test_an_op_that_calls_its_own_code(environment, ops, how):
    op = ops.link(NEWEST, UNSWITCHABLE[how][0])
    found, on_library = environment.code(BIND, "activate", op)
    # An op without visible symbols should have what every async_io has.
    functions = UTILS_FUNCTIONS | COMMON_FUNCTIONS
    hidden = NOT_OF_THE_LOOPS - {"ds_page_aligned_alloc"}
    assert set(found) == (hidden if how == "hidden" else functions - {"regular_read"})
    # -Bsymbolic keeps relocations of addresses that are taken, and binds them to the op.
    assert {library for library, _ in found.values()} <= {"None", str(op)}
    assert not on_library


def test_a_slot_that_is_not_bound_yet(environment, ops):
    found, on_library = environment.code(BIND, "lazy", ops.link(NEWEST, "-Wl,-z,lazy"))
    assert found["io_prep_context::prep_iocbs"] == ["None", True]
    assert not on_library


@pytest.mark.parametrize("mode", ["activate", "never"])
def test_an_op_linked_against_the_library(environment, ops, mode):
    directory = environment.library.parent
    names = [f"-l:{library.soname}" for library in LIBRARIES]
    flags = (f"-L{directory}", *names, f"-Wl,-rpath,{directory}")
    op = ops.link(NEWEST, *flags, without=tuple(name[:-4] for name in REPLACED))
    found, on_library = environment.code(BIND, mode, op)
    expected = on_libraries(environment)
    assert found == {function: expected[function] for function in NOT_OF_THE_LOOPS}
    assert on_library


def test_activating_twice_changes_nothing(environment, ops):
    already, library, version, deepspeed, same, text = environment.code(
        """
        import ctypes, json, sys
        import deepspeed_aio_utils as d
        assert d.active() is None
        first = d.activate()
        ctypes.CDLL(sys.argv[1])
        second = d.activate()
        print(json.dumps([[first.already, second.already], str(first.library), first.version,
                          first.deepspeed, d.active() == first, str(d.active())]))
        """,
        ops.link(NEWEST),
    )
    assert (already, library, deepspeed, same) == ([False, True], str(environment.library), None, True)
    assert version in text and library in text and "is on" in text


def test_a_symbol_of_an_unloaded_library_has_no_address(environment):
    found = environment.code("""
        import json
        from deepspeed_aio_utils import library, linker, symbols
        addresses = []
        for _ in range(2):
            handle = linker.load_global(library.library_path())
            names = symbols.UTILS.readable
            addresses.append([linker.global_address(name) is not None for name in names])
            linker.unload(handle)
            addresses.append([linker.global_address(name) is not None for name in names])
        print(json.dumps([sorted(set(found)) for found in addresses]))
        """)
    assert found == [[True], [False], [True], [False]]
