"""Ops as DeepSpeed compiles them, then switched; and ops that our builders made."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile

import pytest
from conftest import ACCELERATOR, BUILD, HERE, DeepSpeed

from deepspeed_aio_utils.figures import VARIANTS
from deepspeed_aio_utils.op_builder import REPLACED
from deepspeed_aio_utils.releases import ERAS, NEWEST
from deepspeed_aio_utils.symbols import COMMON, LIBRARIES

ALLOCATOR = "ds_page_aligned_alloc"
# What async_io calls of the first library, and the loops in it; what it calls of the second, and the loops.
UTILS_CALLED = {"get_file_size", "io_xfer_ctxt::io_xfer_ctxt"}
UTILS_LOOPS = {
    "io_prep_context::io_prep_context",
    "io_prep_context::prep_iocbs",
    "io_prep_generator::io_prep_generator",
    "io_prep_generator::prep_iocbs",
}
COMMON_LOOPS = {"regular_read"}
LOAD = "from deepspeed.ops.op_builder import AsyncIOBuilder; AsyncIOBuilder().load(verbose=False)"

# Prints "on" or the exception; then whether anything of the library is in the process.
TRY = """
import json
import deepspeed_aio_utils as d
{before}
try:
    d.activate()
    outcome = "on"
except d.ActivationError as error:
    outcome = f"{{type(error).__name__}}: {{error}}"
print(json.dumps([outcome, "libdeepspeed_aio_utils.so" in open("/proc/self/maps").read()]))
"""


def functions_of(deepspeed, linked=False):
    """What each op calls; `linked` against the libraries it has no loops."""
    async_io = UTILS_CALLED | COMMON.called
    if not linked:
        async_io = async_io | UTILS_LOOPS | COMMON_LOOPS
    if ERAS[deepspeed.release] >= 4:
        return {"async_io": async_io, "pin_memory": {ALLOCATOR}}
    return {"async_io": async_io | {ALLOCATOR}}


def expect(deepspeed, answer, ours, suffix=""):
    """Each function of each op is bound to the library that has it, or to the op itself."""
    assert answer["moved"] == 96
    bindings = {os.path.basename(op).split(".")[0]: (op, found) for op, found in answer["bindings"].items()}
    functions = functions_of(deepspeed, linked=bool(suffix))
    assert set(bindings) == {kind + suffix for kind in functions}
    for kind, wanted in functions.items():
        op, found = bindings[kind + suffix]
        assert found == {f: str(deepspeed.library_of(f)) if ours else op for f in wanted}


@pytest.mark.parametrize("how", ["activated", "original"])
def test_ops_that_deepspeed_compiled(compiled, how):
    answer = compiled.move(how)
    assert answer["active"] == (how == "activated")
    expect(compiled, answer, how == "activated")


def test_an_unmodified_script(compiled):
    answer = compiled.move("original", DSAIO=1)
    assert answer["active"]
    expect(compiled, answer, True)


def test_check(compiled):
    done = compiled.run("-m", "deepspeed_aio_utils", "check", "--json", "--dir", compiled.work)
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["ok"], done.stdout + done.stderr
    assert report["deepspeed"] == compiled.release
    found = {(os.path.basename(b["op"]), b["function"]): b["library"] for b in report["bindings"]}
    functions = functions_of(compiled)
    wanted = [(f"{kind}.so", function) for kind in functions for function in functions[kind]]
    assert found == {(op, function): str(compiled.library_of(function)) for op, function in wanted}
    lines = {line["name"]: line for line in report["lines"]}
    assert {"sequential", "overlapped", "a tail", "an odd offset"} <= set(lines)
    assert "File too large" in lines["a file that cannot grow"]["value"]


def test_after_deepspeed_loaded_its_ops(compiled):
    outcome, loaded = compiled.answer("-c", TRY.format(before=LOAD))
    assert outcome.startswith("OpAlreadyLoaded: ") and not loaded


def test_importing_deepspeed_first_is_early_enough(compiled):
    assert compiled.answer("-c", TRY.format(before="import deepspeed, deepspeed.ops")) == ["on", True]


def test_the_builders_link_the_library(deepspeed):
    answer = deepspeed.move("builder")
    assert not answer["active"]
    expect(deepspeed, answer, True, suffix="_dsaio")
    for op in answer["bindings"]:
        symbols = subprocess.check_output(["nm", "-D", "--defined-only", op], text=True)
        assert not re.search(f"prep_iocbs|do_aio_operation|{ALLOCATOR}", symbols)
        assert "libaio" not in subprocess.check_output(["readelf", "-d", op], text=True)
    # The original builder's own cache is unchanged, and DeepSpeed gets what was loaded.
    code = (
        "import json; from deepspeed_aio_utils.op_builder import AsyncIOBuilder as Ours;"
        "ours = Ours().load(verbose=False); from deepspeed.ops.op_builder import AsyncIOBuilder;"
        "print(json.dumps(AsyncIOBuilder().load(verbose=False) is ours))"
    )
    assert deepspeed.answer("-c", code) is True


@pytest.mark.parametrize("accelerator", ["cpu", "cuda"])
def test_sources_and_flags_of_an_op_built_ahead_of_time(deepspeed, accelerator):
    """For cuda, too, which needs neither a GPU nor a CUDA toolkit."""
    chosen = DeepSpeed(deepspeed.release, deepspeed.work, accelerator)
    code = """
import json
from deepspeed_aio_utils import op_builder
builder = op_builder.AsyncIOBuilder()
extension = builder.builder()
kinds = [c.__name__ for c in type(builder).__mro__]
print(json.dumps([kinds, extension.sources, extension.extra_link_args]))
"""
    kinds, sources, link = chosen.answer("-c", code)
    assert f"{accelerator.upper()}OpBuilder" in kinds
    assert any(s.endswith("deepspeed_aio_thread.cpp") for s in sources)
    assert not any(os.path.basename(s) in REPLACED for s in sources)
    assert [link.count(f"-l:{library.soname}") for library in LIBRARIES] == [1, 1]
    assert "-laio" not in link


def pip(*arguments):
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True)


def source_tree(release):
    """DeepSpeed's source distribution, unpacked, and what was built in it."""
    tree = BUILD / f"source-{release}-{ACCELERATOR}"
    if not (tree / "setup.py").exists():
        archives = BUILD / "archives"
        options = ["--quiet", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "-d", archives]
        pip("download", *options, f"deepspeed=={release}")
        (archive,) = archives.glob(f"deepspeed-{release}*.tar.gz")
        shutil.rmtree(tree, ignore_errors=True)
        with tarfile.open(archive) as file:
            top = file.getnames()[0].split("/")[0]
            file.extractall(archives)
        (archives / top).rename(tree)
    return tree


def test_ops_built_ahead_of_time_link_the_library(deepspeed):
    """As with DS_BUILD_AIO=1."""
    if deepspeed.release != NEWEST:
        pytest.skip("only the newest release is built ahead of time: one wheel takes minutes")
    tree = source_tree(deepspeed.release)
    before = {p: p.read_bytes() for p in tree.glob("op_builder/**/*.py")}
    # An earlier run's wheel, unless the builders have changed since.
    changed = (HERE.parent / "deepspeed_aio_utils" / "op_builder.py").stat().st_mtime
    wheels = [w for w in (tree / "dist").glob("*.whl") if w.stat().st_mtime > changed]
    if not wheels:
        command = ["-m", "deepspeed_aio_utils.op_builder", "setup.py", "bdist_wheel"]
        done = deepspeed.run(*command, cwd=tree, DS_BUILD_AIO=1, DS_BUILD_PIN_MEMORY=1)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        wheels = list((tree / "dist").glob("*.whl"))
    assert {p: p.read_bytes() for p in before} == before
    site = deepspeed.work / "site"
    pip("install", "--quiet", "--no-deps", "--no-index", "--target", site, *wheels)
    answer = deepspeed.move("prebuilt", PYTHONPATH=site)
    assert answer["module"].startswith(str(site / "deepspeed" / "ops" / "aio"))
    assert not answer["active"]
    expect(deepspeed, answer, True, suffix="_op")


def test_ds_io(compiled):
    """It moves its files in processes that multiprocessing spawns."""
    program = compiled.root / "bin" / "ds_io"
    has_engines = "--engine" in compiled.run(program, "--help").stdout
    arguments = ["--engine", "aio_handle"] if has_engines else ["--handle"]
    arguments += ["--folder", compiled.work, "--io_size", 16 << 20, "--loops", "1"]
    if compiled.run(program, *arguments).returncode != 0:
        # That of the oldest release pins with torch, which needs a GPU's driver.
        pytest.skip("ds_io does not run on this machine, without the library either")
    log = {"LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": compiled.work / "bindings"}
    done = compiled.run("-m", "deepspeed_aio_utils", "run", program, *arguments, **log)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GB/s" in done.stdout + done.stderr
    text = "".join(p.read_text(errors="replace") for p in compiled.work.glob("bindings.*"))
    bound = [line for line in text.splitlines() if "async_io.so [0] to" in line and "prep_iocbs" in line]
    assert bound and all(str(compiled.library) in line for line in bound)


def test_bench(compiled):
    options = ["--json", "--dir", compiled.work, "--sizes", "2M,64M", "--rounds", "2"]
    # One of its processes is without the library all the same.
    done = compiled.run("-m", "deepspeed_aio_utils", "bench", *options, DSAIO=1)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert len(rows) == 16 and all(set(VARIANTS) <= set(row) for row in rows)
    assert [p.name for p in compiled.work.iterdir() if p.name.startswith(".deepspeed_aio")] == []
