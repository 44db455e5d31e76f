"""Real DeepSpeed releases on real torch, as scripts/test-deepspeed.sh installed them."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from deepspeed_aio_utils.symbols import LIBRARY_OF

# The kernel names files, and errors with them, without symbolic links.
BUILD = Path(os.environ["DSAIO_DEEPSPEED_BUILD"]).resolve()
RELEASES = os.environ["DSAIO_DEEPSPEED_RELEASES"].split()
ACCELERATOR = os.environ["DSAIO_DEEPSPEED_ACCELERATOR"]
HERE = Path(__file__).resolve().parent


@dataclass
class DeepSpeed:
    """One release, in an environment of its own, with the package installed beside it."""

    release: str
    work: Path
    accelerator: str = ACCELERATOR

    @property
    def root(self):
        return BUILD / f"venv-{self.release}"

    @property
    def library(self):
        return self.library_of("get_file_size")

    def library_of(self, function):
        (site,) = self.root.glob("lib/python3*/site-packages")
        return site / "deepspeed_aio_utils" / LIBRARY_OF[function].soname

    @property
    def extensions(self):
        """Where torch keeps what it compiles for this release."""
        return BUILD / f"ext-{self.release}{'' if self.accelerator == 'cpu' else self.accelerator}"

    def run(self, *arguments, cwd=None, **variables):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "DS", "LD_"))}
        own = {"DS_ACCELERATOR": self.accelerator, "HOME": self.work, "PYTHONDONTWRITEBYTECODE": "1"}
        own = {**own, "TORCH_EXTENSIONS_DIR": self.extensions, **variables}
        env = {**kept, **{k: str(v) for k, v in own.items()}}
        command = [str(self.root / "bin" / "python"), *map(str, arguments)]
        options = {"text": True, "capture_output": True, "timeout": 3600}
        return subprocess.run(command, cwd=cwd or self.work, env=env, **options)

    def answer(self, *arguments, **variables):
        """The last line of the output, as JSON: DeepSpeed prints, too."""
        done = self.run(*arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def move(self, how, **variables):
        """Runs move_tensors.py; the library that each function of the loaded ops was bound to."""
        return self.answer(HERE / "move_tensors.py", how, self.work, **variables)


@pytest.fixture(params=RELEASES)
def deepspeed(request, tmp_path):
    # On a real file system, which /tmp need not be.
    work = BUILD / "work" / tmp_path.name
    work.mkdir(parents=True, exist_ok=True)
    yield DeepSpeed(request.param, work)
    shutil.rmtree(work)


@pytest.fixture
def compiled(deepspeed):
    """The release with its ops compiled by DeepSpeed itself."""
    code = (
        "import json; from deepspeed.ops.op_builder import AsyncIOBuilder;"
        "print(json.dumps(AsyncIOBuilder().load(verbose=False).__file__))"
    )
    assert deepspeed.answer("-c", code)
    return deepspeed
