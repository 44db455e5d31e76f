"""`bench` on a stand-in for DeepSpeed and torch."""

import json
import os

import pytest
from conftest import fake_release

from deepspeed_aio_utils.figures import VARIANTS
from deepspeed_aio_utils.fio import Fio
from deepspeed_aio_utils.releases import NEWEST

TORCH = """
import ctypes

uint8 = None

class Tensor(bytearray):
    def data_ptr(self):
        return ctypes.addressof(ctypes.c_char.from_buffer(self))

def empty(size, dtype):
    return Tensor(size)
"""

ACCELERATOR = """
import importlib.util, os, torch

def get_accelerator():
    return Accelerator

class Accelerator:
    @staticmethod
    def create_op_builder(name):
        return Builder

class Builder:
    @staticmethod
    def load(verbose):
        spec = importlib.util.spec_from_file_location("async_io", os.environ["OP"])
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)

        class Handle(module.aio_handle):
            def new_cpu_locked_tensor(self, size, like):
                return torch.Tensor(size)

            def free_cpu_locked_tensor(self, tensor):
                return True

        module.aio_handle = Handle
        return module
"""


@pytest.fixture
def stand_in(tmp_path):
    """A directory for PYTHONPATH."""
    directory = fake_release(tmp_path / "site", NEWEST)
    (directory / "torch.py").write_text(TORCH)
    (directory / "deepspeed" / "__init__.py").write_text("")
    (directory / "deepspeed" / "accelerator.py").write_text(ACCELERATOR)
    return directory


@pytest.fixture
def bench(environment, stand_in, tmp_path):
    """Runs `bench` with an op and options."""
    files = tmp_path / "files"
    files.mkdir()
    try:
        os.close(os.open(files / "probe", os.O_CREAT | os.O_WRONLY | os.O_DIRECT))
    except OSError:
        pytest.skip("the temporary directory has no O_DIRECT")
    (files / "probe").unlink()

    def run(op, *options):
        # Without fio, whose huge pages are the machine's.
        variables = {"PYTHONPATH": stand_in, "OP": op, "PATH": tmp_path}
        command = ["-m", "deepspeed_aio_utils", "bench", "--dir", files, "--rounds", 1, *options]
        done = environment.run(*command, **variables)
        assert list(files.iterdir()) == []
        return done

    return run


def test_each_size_and_kind_by_each_variant(bench, ops):
    done = bench(ops.module(NEWEST), "--json", "--sizes", "64K,1M")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["what"]: row for row in json.loads(done.stdout)["rows"]}
    moves = [f"{way} {kind}" for kind in ("pinned", "pinned anew", "unpinned") for way in ("write", "read")]
    things = ["allocate+lock", "unlock+free", *moves]
    assert list(rows) == [f"{thing} {size}" for thing in things for size in ("64 KiB", "1 MiB")]
    for what, row in rows.items():
        assert set(VARIANTS) <= set(row), what
        assert ("CPU" in row) == (row["unit"] == "GB/s"), what


def test_the_table(bench, ops):
    done = bench(ops.module(NEWEST), "--sizes", "1M", "--threads", 2)
    assert done.returncode == 0, done.stdout + done.stderr
    header, *lines = done.stdout.split("\n\n")[1].splitlines()
    assert [name for name in VARIANTS if name not in header] == [] and len(lines) == 8
    assert "With fio installed" in done.stdout


def test_an_op_that_does_not_move_every_byte(bench, ops, stand_in):
    broken = "Handle.sync_pread = lambda *_: 1\n        return module\n"
    (stand_in / "deepspeed" / "accelerator.py").write_text(ACCELERATOR.replace("return module\n", broken))
    done = bench(ops.module(NEWEST), "--sizes", "1M")
    assert done.returncode == 1 and "not every byte was moved" in done.stderr, done.stdout + done.stderr


def test_a_library_that_an_op_is_not_bound_to(environment):
    text = environment.code("""
        import json
        from deepspeed_aio_utils import bench
        from deepspeed_aio_utils.figures import VARIANTS
        from deepspeed_aio_utils.symbols import COMMON, UTILS
        def outcome(name, utils, common):
            worker = object.__new__(bench._Worker)
            worker.name = name
            worker._calls = [("get_file_size", utils), ("open_file", common)]
            try:
                worker.check_libraries()
            except bench._Failed:
                return False
            return True
        both = (False, True)
        print(json.dumps([[outcome(v, u, c) for u in both for c in both] for v in VARIANTS]))
    """)
    assert text == [[True, False, False, False], [False, False, True, False], [False, False, False, True]]


def test_a_worker_that_ends_between_turns(environment):
    # /bin/sh takes Python's place: it reports no calls, ends, and never takes a turn.
    worker = environment.home / "worker"
    worker.write_text("#!/bin/sh\necho '[]'\nexit 3\n")
    worker.chmod(0o755)
    text = environment.code(
        """
        import json, sys
        from deepspeed_aio_utils import bench
        sys.executable = sys.argv[1]
        worker = bench._Worker(bench.Settings(".", [4096], 1, 4096, 1, 1), "file", "DeepSpeed")
        worker._process.wait()
        try:
            worker.turn(4096)
        except bench._Failed as error:
            print(json.dumps(str(error)))
        finally:
            worker.end()
        """,
        worker,
    )
    assert "DeepSpeed ended with status 3" in text and "check" in text


def fio_that_prints(text):
    return Fio(["sh", "-c", 'printf %s "$0"', text], {}, "")


def test_what_fio_measured():
    fio = fio_that_prints('a warning\n{"jobs": [{"write": {"bw_bytes": 1e9}, "read": {"bw_bytes": 2e9}}]}')
    fio.measure()
    assert fio.speeds == {"write": [1.0], "read": [2.0]}


NO_RESULTS = "", "no JSON" * 1000, "{,", '{"jobs": []}', '{"jobs": {"0": 1}}', '{"jobs": [1]}'


@pytest.mark.parametrize("text", NO_RESULTS, ids=len)
def test_a_fio_that_prints_something_else(text):
    with pytest.raises(RuntimeError) as raised:
        fio_that_prints(text).measure()
    sentence = str(raised.value)
    assert "/sh printed" in sentence and text[:6] in sentence and "PATH" in sentence and len(sentence) < 250
