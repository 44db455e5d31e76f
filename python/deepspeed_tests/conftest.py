"""Real DeepSpeed releases on real torch, as scripts/test-deepspeed.sh installed them."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

BUILD = Path(os.environ["DSAIO_DEEPSPEED_BUILD"])
RELEASES = os.environ["DSAIO_DEEPSPEED_RELEASES"].split()
HERE = Path(__file__).resolve().parent


@dataclass
class DeepSpeed:
    """One release, in an environment of its own, with the package installed beside it."""

    release: str
    work: Path
    accelerator: str = "cpu"

    @property
    def root(self):
        return BUILD / f"venv-{self.release}"

    @property
    def site(self):
        (found,) = self.root.glob("lib/python3*/site-packages")
        return found

    @property
    def library(self):
        return self.site / "deepspeed_aio_utils" / "libdeepspeed_aio_utils.so"

    @property
    def extensions(self):
        """Where torch keeps what it compiles for this release."""
        return BUILD / f"ext-{self.release}{'' if self.accelerator == 'cpu' else self.accelerator}"

    @property
    def has_pin_memory(self):
        return tuple(map(int, self.release.split("."))) >= (0, 19, 5)

    def variables(self, **more):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "DS", "LD_"))}
        return {
            **kept,
            "DS_ACCELERATOR": self.accelerator,
            "HOME": str(self.work),
            "TORCH_EXTENSIONS_DIR": str(self.extensions),
            "PYTHONDONTWRITEBYTECODE": "1",
            **{k: str(v) for k, v in more.items()},
        }

    def run(self, *arguments, cwd=None, python=None, **variables):
        return subprocess.run(
            [str(python or self.root / "bin" / "python"), *map(str, arguments)],
            text=True,
            capture_output=True,
            cwd=cwd or self.work,
            env=self.variables(**variables),
            timeout=3600,
        )

    def answer(self, *arguments, **options):
        """The last line of the output, as JSON: DeepSpeed prints, too."""
        done = self.run(*arguments, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def move(self, how, **options):
        """Runs move_tensors.py; the library that each function of the loaded ops was bound to."""
        return self.answer(HERE / "move_tensors.py", how, self.work, **options)


@pytest.fixture(params=RELEASES)
def deepspeed(request, tmp_path):
    # A real file system, which /tmp need not be.
    work = BUILD / "work" / tmp_path.name
    work.mkdir(parents=True, exist_ok=True)
    yield DeepSpeed(request.param, work)
    shutil.rmtree(work)


@pytest.fixture
def compiled(deepspeed):
    """The release with its ops compiled by DeepSpeed itself."""
    code = (
        "from deepspeed.ops.op_builder import AsyncIOBuilder\n"
        "print(AsyncIOBuilder().load(verbose=False).__file__)"
    )
    done = deepspeed.run("-c", code)
    assert done.returncode == 0, done.stdout + done.stderr
    return deepspeed
