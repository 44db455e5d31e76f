"""Refusals on real ops: DeepSpeed's objects, linked again in the ways that cannot be switched."""

import json
import shutil
import subprocess
import sys

import pytest
from conftest import BUILD

TRY = """
import json, sys
import deepspeed_aio_utils as d
{before}
try:
    d.activate()
    outcome = ["on", ""]
except d.ActivationError as error:
    outcome = [type(error).__name__, str(error)]
maps = open("/proc/self/maps").read()
print(json.dumps([*outcome, "libdeepspeed_aio_utils.so" in maps]))
"""


def refused(deepspeed, before="", **variables):
    name, text, loaded = deepspeed.answer("-c", TRY.format(before=before), **variables)
    assert name != "on" and not loaded
    return name, text


def relinked(deepspeed, kind, *flags, hidden=()):
    """An op linked again from the objects that DeepSpeed compiled, in a cache of its own.

    `hidden` names the sources, none of which needs torch, that are compiled with hidden visibility.
    """
    objects = sorted((deepspeed.extensions / kind).glob("*.o"))
    target = deepspeed.work / "cache" / kind / f"{kind}.so"
    target.parent.mkdir(parents=True)
    for name in hidden:
        (source,) = (deepspeed.site / "deepspeed" / "ops" / "csrc").glob(f"*/**/{name}.cpp")
        made = target.parent / f"{name}.o"
        subprocess.run(
            [
                "c++",
                "-std=c++17",
                "-O0",
                "-fPIC",
                "-w",
                "-fvisibility=hidden",
                "-I",
                source.parent,
                "-c",
                source,
                "-o",
                made,
            ],
            check=True,
        )
        objects = [made if o.name == made.name else o for o in objects]
        assert made in objects
    torch = json.loads(
        deepspeed.answer("-c", "import json, torch; print(json.dumps(json.dumps(torch.__path__[0])))")
    )
    libraries = [f"-L{torch}/lib", "-lc10", "-ltorch_cpu", "-ltorch", "-ltorch_python", "-laio"]
    subprocess.run(["c++", "-shared", *objects, "-o", target, *libraries, *flags], check=True)
    return target


@pytest.mark.parametrize(
    ("flags", "hidden", "said"),
    [
        (["-Wl,-Bsymbolic"], False, "-Bsymbolic,"),
        (["-Wl,-Bsymbolic-functions"], False, "-Bsymbolic-functions"),
        ([], True, "hidden visibility"),
    ],
)
def test_real_ops_that_cannot_be_switched(compiled, flags, hidden, said):
    kinds = ["async_io", "pin_memory"] if compiled.has_pin_memory else ["async_io"]
    for kind in kinds:
        source = "page_alloc" if kind == "pin_memory" else "deepspeed_aio_utils"
        op = relinked(compiled, kind, *flags, hidden=[source] if hidden else [])
        name, text = refused(compiled, TORCH_EXTENSIONS_DIR=compiled.work / "cache")
        assert name == "OpNotSwitchable" and str(op) in text and said in text
        done = compiled.run(
            "-m", "deepspeed_aio_utils", "check", "--json", TORCH_EXTENSIONS_DIR=compiled.work / "cache"
        )
        assert done.returncode == 1 and "OpNotSwitchable" in done.stdout
        shutil.rmtree(compiled.work / "cache")
        # Linked without the flags, the same objects can be.
        relinked(compiled, kind)
        outcome = compiled.answer("-c", TRY.format(before=""), TORCH_EXTENSIONS_DIR=compiled.work / "cache")
        assert outcome[0] == "on"
        shutil.rmtree(compiled.work / "cache")


def test_after_deepspeed_loaded_its_ops(compiled):
    before = "from deepspeed.ops.op_builder import AsyncIOBuilder; AsyncIOBuilder().load(verbose=False)"
    name, text = refused(compiled, before)
    assert name == "OpAlreadyLoaded" and "import deepspeed_aio_utils.auto" in text


def test_importing_deepspeed_first_is_early_enough(compiled):
    outcome = compiled.answer("-c", TRY.format(before="import deepspeed, deepspeed.ops"))
    assert outcome[0] == "on"


def test_the_last_release_of_the_other_abi(deepspeed):
    """The real 0.15.4, by its real metadata."""
    site = BUILD / "deepspeed-0.15.4"
    if not (site / "deepspeed").exists():
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--use-pep517",
                "--no-build-isolation",
                "--target",
                site,
                "deepspeed==0.15.4",
            ],
            check=True,
        )
    name, text = refused(deepspeed, PYTHONPATH=site)
    assert name == "UnsupportedDeepSpeed" and "0.15.4" in text
    done = deepspeed.run("-m", "deepspeed_aio_utils", "run", "-m", "deepspeed.env_report", PYTHONPATH=site)
    assert done.returncode == 1 and done.stdout == "" and "0.15.4" in done.stderr
