"""Ops as DeepSpeed compiles them, then switched; and ops that our builders made."""

import json
import os
import shutil
import subprocess
import sys
import tarfile

import pytest
from conftest import BUILD, HERE, DeepSpeed

PACKAGE = HERE.parent / "deepspeed_aio_utils"
ALLOCATOR = "ds_page_aligned_alloc"
ASYNC_IO = {
    "get_file_size",
    "io_prep_context::io_prep_context",
    "io_prep_context::prep_iocbs",
    "io_prep_generator::io_prep_generator",
    "io_prep_generator::prep_iocbs",
    "io_xfer_ctxt::io_xfer_ctxt",
}


def functions_of(deepspeed):
    """What each op calls."""
    if deepspeed.has_pin_memory:
        return {"async_io": ASYNC_IO, "pin_memory": {ALLOCATOR}}
    return {"async_io": ASYNC_IO | {ALLOCATOR}}


def expect(deepspeed, answer, library, suffix=""):
    """Each function of each op is bound to `library`; None: to the op itself."""
    assert answer["moved"] == 192
    bindings = {os.path.basename(op).split(".")[0]: (op, bound) for op, bound in answer["bindings"].items()}
    functions = functions_of(deepspeed)
    assert set(bindings) == {kind + suffix for kind in functions}
    for kind, wanted in functions.items():
        op, bound = bindings[kind + suffix]
        assert bound == {function: str(library or op) for function in wanted}


def test_ops_that_deepspeed_compiled_run_on_the_library(compiled):
    answer = compiled.move("activated")
    assert answer["active"]
    expect(compiled, answer, compiled.library)


def test_without_it_they_run_on_their_own_code(compiled):
    answer = compiled.move("original")
    assert not answer["active"]
    expect(compiled, answer, None)


def test_check_agrees(compiled):
    done = compiled.run("-m", "deepspeed_aio_utils", "check", "--json", "--dir", compiled.work)
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["ok"], done.stdout + done.stderr
    assert report["deepspeed"] == compiled.release
    bound = {(os.path.basename(b["op"]), b["function"]): b["library"] for b in report["bindings"]}
    assert bound == {
        (f"{kind}.so", function): str(compiled.library)
        for kind, functions in functions_of(compiled).items()
        for function in functions
    }
    names = {line["name"] for line in report["lines"]}
    assert {"sequential", "overlapped"} <= names


def test_the_builders_link_the_library(deepspeed):
    answer = deepspeed.move("builder")
    assert not answer["active"]
    expect(deepspeed, answer, deepspeed.library, suffix="_dsaio")
    for op in answer["bindings"]:
        symbols = subprocess.run(
            ["nm", "-D", "--defined-only", op], text=True, capture_output=True, check=True
        ).stdout
        assert "prep_iocbs" not in symbols and ALLOCATOR not in symbols
    # The unchanged builder's own cache is untouched, and DeepSpeed gets what was loaded.
    code = (
        "import json\nfrom deepspeed_aio_utils.op_builder import AsyncIOBuilder as Ours\n"
        "ours = Ours().load(verbose=False)\n"
        "from deepspeed.ops.op_builder import AsyncIOBuilder\n"
        "print(json.dumps(AsyncIOBuilder().load(verbose=False) is ours))"
    )
    assert deepspeed.answer("-c", code) is True


@pytest.mark.parametrize("accelerator", ["cpu", "cuda"])
def test_what_the_builders_build_ahead_of_time(deepspeed, accelerator):
    """Sources and flags; without a GPU and without a CUDA toolkit that is what can be had of cuda."""
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
    assert any(s.endswith("deepspeed_aio_common.cpp") for s in sources)
    assert not any(s.endswith(("deepspeed_aio_utils.cpp", "page_alloc.cpp")) for s in sources)
    assert link.count("-l:libdeepspeed_aio_utils.so") == 1 and link.count("-laio") == 1


def source_tree(release):
    """DeepSpeed's source distribution, unpacked."""
    tree = BUILD / f"deepspeed-{release}-source"
    if not (tree / "setup.py").exists():
        archives = BUILD / "archives"
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--no-binary",
                ":all:",
                "--no-build-isolation",
                "-d",
                archives,
                f"deepspeed=={release}",
            ],
            check=True,
        )
        (archive,) = archives.glob(f"deepspeed-{release}*.tar.gz")
        shutil.rmtree(tree, ignore_errors=True)
        with tarfile.open(archive) as file:
            top = file.getnames()[0].split("/")[0]
            file.extractall(BUILD / "archives")
        (BUILD / "archives" / top).rename(tree)
    return tree


def test_ops_built_ahead_of_time_link_the_library(deepspeed):
    """As with DS_BUILD_AIO=1, on the newest release: one wheel takes minutes."""
    if deepspeed.release != "0.19.8":
        pytest.skip("built ahead of time is the newest release alone")
    tree = source_tree(deepspeed.release)
    before = {p: p.read_bytes() for p in tree.glob("op_builder/**/*.py")}
    # An earlier run's, unless the builders have changed since.
    changed = (PACKAGE / "op_builder.py").stat().st_mtime
    wheels = [w for w in (tree / "dist").glob("*.whl") if w.stat().st_mtime > changed]
    if not wheels:
        done = deepspeed.run(
            "-m",
            "deepspeed_aio_utils.op_builder",
            "setup.py",
            "bdist_wheel",
            cwd=tree,
            DS_BUILD_AIO=1,
            DS_BUILD_PIN_MEMORY=1,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        wheels = list((tree / "dist").glob("*.whl"))
    assert {p: p.read_bytes() for p in before} == before
    site = deepspeed.work / "site"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            "--target",
            site,
            *wheels,
        ],
        check=True,
    )
    answer = deepspeed.move("prebuilt", PYTHONPATH=site)
    assert answer["module"].startswith(str(site / "deepspeed" / "ops" / "aio"))
    assert not answer["active"]
    expect(deepspeed, answer, deepspeed.library, suffix="_op")
    shutil.rmtree(site)


def test_ds_io_runs_unchanged(compiled):
    """It moves its files in processes that multiprocessing spawns."""
    size = 16 << 20
    arguments = ["--handle"] if compiled.release == "0.16.0" else ["--engine", "aio_handle"]
    arguments += ["--folder", compiled.work, "--io_size", size, "--loops", "1"]
    if compiled.run(compiled.root / "bin" / "ds_io", *arguments).returncode != 0:
        # That of 0.16.0 pins with torch, which needs a GPU's driver.
        pytest.skip("ds_io does not run on this machine, without the library either")
    done = compiled.run(
        "-m",
        "deepspeed_aio_utils",
        "run",
        compiled.root / "bin" / "ds_io",
        *arguments,
        LD_DEBUG="bindings",
        LD_DEBUG_OUTPUT=compiled.work / "bindings",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GB/s" in done.stdout + done.stderr or "GB/sec" in done.stdout + done.stderr
    logs = [p.read_text(errors="replace") for p in compiled.work.glob("bindings.*")]
    to_library = [
        line
        for log in logs
        for line in log.splitlines()
        if "async_io.so [0] to" in line and "prep_iocbs" in line
    ]
    assert to_library and all(str(compiled.library) in line for line in to_library)


def test_bench_compares_the_two(compiled):
    done = compiled.run(
        "-m",
        "deepspeed_aio_utils",
        "bench",
        "--json",
        "--dir",
        compiled.work,
        "--size",
        "64MiB",
        "--rounds",
        "2",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    turns = json.loads(done.stdout)["turns"]
    assert {name: len(figures) for name, figures in turns.items()} == {
        "DeepSpeed's own": 2,
        "this library": 2,
    }
    assert [p.name for p in compiled.work.iterdir() if p.name.startswith(".deepspeed_aio")] == []
