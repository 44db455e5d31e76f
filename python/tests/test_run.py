"""`run`: the script runs as without it, and the library is on in every Python that it starts."""

import json
import os
import shutil

import pytest
from conftest import UNSWITCHABLE, Environment, virtual_environment

from deepspeed_aio_utils.releases import NEWEST

SCRIPT = """
import json, multiprocessing, subprocess, sys
import deepspeed_aio_utils

def on(_=None):
    return deepspeed_aio_utils.active() is not None and __name__

if __name__ == "__main__":
    code = "import deepspeed_aio_utils as d; print(d.active() is not None)"
    child = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    found = {"on": on(), "argv": sys.argv, "path": sys.path[0], "child": child.stdout.strip()}
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            found[method] = pool.apply(on)
    print(json.dumps(found))
    sys.exit(7)
"""


@pytest.fixture
def script(tmp_path):
    directory = tmp_path / "scripts"
    directory.mkdir()
    file = directory / "train.py"
    file.write_text(SCRIPT)
    return file


# The two ways to the command line.
COMMANDS = ("-m", "deepspeed_aio_utils"), ("dsaio",)


def run(environment, *arguments, command=COMMANDS[0], **options):
    if command == ("dsaio",):
        command = (environment.root / "bin" / "dsaio",)
    return environment.run(*command, "run", *arguments, **options)


def outcome(done):
    assert (done.returncode, done.stderr) == (7, ""), done.stdout + done.stderr
    return json.loads(done.stdout)


def expect_on(found):
    assert found["on"] == found["fork"] == "__main__"
    assert found["spawn"] == found["forkserver"] == "__mp_main__"
    assert found["child"] == "True"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_script(environment, script, command):
    found = outcome(run(environment, script, "--size", "1", "-m", command=command))
    expect_on(found)
    assert found["argv"] == [str(script), "--size", "1", "-m"]
    assert found["path"] == str(script.parent)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_module(environment, script, command):
    found = outcome(run(environment, "-m", "train", "--size", command=command, cwd=script.parent))
    assert found["on"] == "__main__" and found["child"] == "True"
    assert found["path"] == str(script.parent)
    assert found["argv"] == [str(script), "--size"]


def test_a_program(environment, script):
    program = script.with_suffix("")
    program.write_text(f"#!{environment.python}\n{SCRIPT}")
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    expect_on(outcome(run(environment, "train", "x", PATH=path)))


def test_the_script_alone_is_not_switched_on(environment, script):
    found = outcome(environment.run(script))
    assert not found["on"] and not found["spawn"] and found["child"] == "False"


def test_outside_site_packages_the_script_alone_is_switched_on(environment, script, tmp_path):
    # As `pip install --target` installs it: Python reads no start-up file there.
    bare = Environment(tmp_path / "bare", environment.home)
    virtual_environment(bare.root)
    shutil.copytree(environment.package, tmp_path / "target" / environment.package.name)
    done = run(bare, script, PYTHONPATH=tmp_path / "target")
    found = json.loads(done.stdout)
    assert found["on"] and found["child"] == "False"
    assert "processes that this one starts are not switched on" in done.stderr


def test_the_script_does_not_start_after_an_error(environment, script, ops):
    op = ops.link(NEWEST, UNSWITCHABLE["hidden"][0])
    done = run(environment, script, TORCH_EXTENSIONS_DIR=op.parents[1])
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"deepspeed_aio_utils: OpNotSwitchable: {op}")


def test_an_error_in_a_child_is_printed(environment, tmp_path):
    parent = tmp_path / "parent.py"
    parent.write_text(
        "import os, subprocess, sys; os.environ['TORCH_EXTENSIONS_DIR'] = sys.argv[1];"
        "subprocess.run([sys.executable, '-c', 'print(1)'])"
    )
    broken = tmp_path / "async_io" / "async_io.so"
    broken.parent.mkdir()
    broken.write_bytes(b"broken")
    done = run(environment, parent, tmp_path)
    assert done.returncode == 0 and done.stdout == "1\n"
    assert "not on in process" in done.stderr and str(broken) in done.stderr


MISTAKES = {
    "": "required: target",
    "missing.py": "no file missing.py",
    "no-such-program": "no program no-such-program",
    "-m": "-m needs",
    "-m no_such_module": "no module 'no_such_module'",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_wrong_arguments(environment, arguments):
    done = run(environment, *arguments.split())
    assert done.returncode != 0 and MISTAKES[arguments] in done.stderr
    assert "Traceback" not in done.stderr
