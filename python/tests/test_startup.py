"""DSAIO=1 switches the library on in every Python process, and without it nothing happens."""

import os

import pytest
from conftest import Environment, fake_release, pip, succeed, virtual_environment
from test_run import SCRIPT, expect_on, outcome

MODULES = "import json, sys; print(json.dumps(sorted(sys.modules)))"
ACTIVE = "import json, sys, deepspeed_aio_utils as d; print(json.dumps(d.active() is not None))"
UNSUPPORTED = "0.15.4"


def expect_one_line(done, *words):
    """That the process went on, and said in one line why it is not switched on."""
    assert (done.returncode, done.stdout) == (0, "goes on\n"), done.stderr
    assert done.stderr.startswith("deepspeed_aio_utils: not on in process ")
    # In a virtual environment Python reads .pth files twice.
    (line,) = set(done.stderr.splitlines())
    assert all(word in line for word in words), line


def test_an_unmodified_script_its_children_and_spawned_workers(environment, tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    expect_on(outcome(environment.run(script, DSAIO=1)))


@pytest.mark.parametrize("variables", [{}, {"DSAIO": ""}, {"DSAIO": 0}], ids=str)
def test_without_it_nothing_is_imported(environment, tmp_path, variables):
    bare = Environment(tmp_path / "bare", environment.home)
    virtual_environment(bare.root)
    (site_packages,) = bare.root.glob("lib/python3*/site-packages")
    # For any such file that is not empty Python may import an encoding.
    (site_packages / "another.pth").write_text("# nothing\n")
    assert environment.code(MODULES, **variables) == bare.code(MODULES)
    switched_on = environment.code(MODULES, DSAIO=1)
    assert "deepspeed_aio_utils" in switched_on
    # It takes as long as all else together.
    assert "importlib.metadata" not in switched_on


@pytest.mark.parametrize("value", ["yes", "2"])
def test_another_value(environment, value):
    expect_one_line(environment.run("-c", "print('goes on')", DSAIO=value), f"DSAIO is '{value}'")


@pytest.mark.parametrize(("option", "on"), [("-I", True), ("-E", True), ("-s", True), ("-S", False)])
def test_options_of_python(environment, option, on):
    code = "import sys; print('deepspeed_aio_utils' in sys.modules)"
    done = environment.run(option, "-c", code, DSAIO=1)
    assert (done.stdout.strip(), done.stderr) == (str(on), "")


def test_the_user_s_sitecustomize_is_imported(environment, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.own_sitecustomize = True\n")
    code = "import json, sys; print(json.dumps([sys.own_sitecustomize, [str(f) for f in sys.meta_path]]))"
    own, finders = environment.code(code, DSAIO=1, PYTHONPATH=tmp_path)
    assert own and not any("deepspeed" in finder for finder in finders)
    assert environment.code(ACTIVE, DSAIO=1, PYTHONPATH=tmp_path)


def test_another_deepspeed(environment, tmp_path):
    path = fake_release(tmp_path / "site", UNSUPPORTED)
    done = environment.run("-c", "print('goes on')", DSAIO=1, PYTHONPATH=path)
    expect_one_line(done, UNSUPPORTED, "Install DeepSpeed")
    assert done.stderr.count("\n") == 1


def test_a_deepspeed_that_a_later_file_puts_on_the_path(wheel, tmp_path):
    environment = Environment(tmp_path / "environment", tmp_path)
    pip(virtual_environment(environment.root), "install", "--no-deps", "--no-index", wheel)
    later = environment.package.with_name("later.pth")
    later.write_text(f"{fake_release(tmp_path / 'site', UNSUPPORTED)}\n")
    expect_one_line(environment.run("-c", "print('goes on')", DSAIO=1), UNSUPPORTED)


def test_a_directory_that_the_script_adds(installed, tmp_path):
    bare = Environment(tmp_path / "bare", tmp_path)
    virtual_environment(bare.root)
    code = """
import json, site, sys
site.addsitedir(sys.argv[1])
try:
    import deepspeed
except ImportError:
    import deepspeed_aio_utils
print(json.dumps(deepspeed_aio_utils.active() is not None))
"""
    assert bare.code(code, installed.package.parent, DSAIO=1) is True


def test_a_current_directory_that_was_removed(environment, tmp_path):
    (tmp_path / "gone").mkdir()
    command = f"rmdir ../gone && exec {environment.python} -c '{ACTIVE}'"
    assert succeed("sh", "-c", command, env=environment.variables(DSAIO=1), cwd=tmp_path / "gone") == "true\n"


def test_a_broken_package(environment, tmp_path):
    package = tmp_path / "deepspeed_aio_utils"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('broken\\nin two lines')")
    done = environment.run("-c", "print('goes on')", DSAIO=1, PYTHONPATH=tmp_path)
    expect_one_line(done, "broken in two lines")


@pytest.mark.parametrize("broken", ["package", "DeepSpeed"])
def test_nothing_is_said_on_a_closed_stderr(environment, tmp_path, broken):
    if broken == "package":
        (tmp_path / "deepspeed_aio_utils.py").write_text("raise RuntimeError")
    path = fake_release(tmp_path / "site", UNSUPPORTED)
    variables = environment.variables(DSAIO=1, PYTHONPATH=f"{tmp_path}{os.pathsep}{path}")
    command = 'exec "$0" -c "print(1)" 2>&-'
    assert succeed("sh", "-c", command, environment.python, env=variables) == "1\n"
