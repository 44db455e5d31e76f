"""Fetches the C++ sources of releases of DeepSpeed from PyPI, several at a time.

usage: originals.py ROOT RELEASE...

Each release gets ROOT/RELEASE/deepspeed/ops/csrc, the directory that an installed DeepSpeed has, and
beside it the empty file ROOT/RELEASE/complete.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PARALLEL = 4
FOLDERS = ("aio", "pin_memory")

# pip asks the build backend of what it downloads for its metadata, which would run DeepSpeed's
# setup.py. With this in setuptools' place it gets the PKG-INFO that is in the archive.
BACKEND = """
import shutil, os
def prepare_metadata_for_build_wheel(directory, settings=None):
    os.mkdir(os.path.join(directory, "deepspeed.dist-info"))
    shutil.copy("PKG-INFO", os.path.join(directory, "deepspeed.dist-info", "METADATA"))
    return "deepspeed.dist-info"
class __legacy__:
    prepare_metadata_for_build_wheel = staticmethod(prepare_metadata_for_build_wheel)
"""


def fetch(root, release):
    """Returns what went wrong, or an empty string."""
    with tempfile.TemporaryDirectory() as scratch:
        backend = Path(scratch, "backend", "setuptools")
        backend.mkdir(parents=True)
        (backend / "__init__.py").touch()
        (backend / "build_meta.py").write_text(BACKEND, encoding="utf-8")
        download = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
             "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--use-pep517",
             "--dest", scratch, f"deepspeed=={release}"],
            env={**os.environ, "PYTHONPATH": str(backend.parent)},
            capture_output=True, text=True, check=False)
        if download.returncode != 0:
            return f"DeepSpeed {release}: {download.stderr[-500:]}"
        unpack(next(Path(scratch).glob("*.tar.gz")), root / release, f"deepspeed-{release}/csrc/")
    return ""


def unpack(archive, target, prefix):
    """Unpacks those of the folders that the archive has below the prefix."""
    shutil.rmtree(target, ignore_errors=True)
    csrc = target / "deepspeed" / "ops" / "csrc"
    with tarfile.open(archive) as tar:
        for member in tar:
            parts = Path(member.name.removeprefix(prefix)).parts
            if member.isfile() and parts[0] in FOLDERS and ".." not in parts:
                file = csrc.joinpath(*parts)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(tar.extractfile(member).read())
    (target / "complete").touch()


def main(root, *releases):
    with ThreadPoolExecutor(PARALLEL) as pool:
        errors = list(filter(None, pool.map(lambda release: fetch(Path(root), release), releases)))
    print("\n".join(errors), file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
