"""A DeepSpeed is recognised by its sources: its number counts only where it is installed without them."""

import shutil

import pytest
from conftest import fake_release, sources_of
from test_errors import fails, switches_on

from deepspeed_aio_utils import sources
from deepspeed_aio_utils.releases import ERAS, NEWEST, OLDEST

LOOPS = "aio/common/deepspeed_aio_common.cpp"


@pytest.fixture
def site(tmp_path):
    """Makes a directory for the path with a DeepSpeed of this version and the sources of that release."""

    def make(version, release=NEWEST):
        path = fake_release(tmp_path / "site", version)
        shutil.copytree(sources_of(release), path / "deepspeed" / "ops" / "csrc")
        return path

    return make


def test_the_era_of_a_release(release):
    assert sources.closest_era(sources.checksums(sources_of(release))) == (ERAS[release], [])


@pytest.mark.parametrize("version", ["1000.0.0", "0.20.0+a1b2c3", "0.1", "main"])
def test_any_version_with_the_sources_of_a_release(environment, site, release, version):
    assert switches_on(environment, PYTHONPATH=site(version, release)) is True


def test_a_source_tree(environment, tmp_path):
    (tmp_path / "deepspeed" / "ops").mkdir(parents=True)
    (tmp_path / "deepspeed" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "deepspeed" / "ops" / "csrc").symlink_to("../../csrc")
    shutil.copytree(sources_of(NEWEST), tmp_path / "csrc")
    assert switches_on(environment, PYTHONPATH=tmp_path) is True
    with (tmp_path / "csrc" / LOOPS).open("a") as file:
        file.write("// changed\n")
    assert LOOPS in fails(environment, PYTHONPATH=tmp_path)[1]


@pytest.mark.parametrize("change", ["edit", "unlink"])
def test_a_changed_file_is_named(environment, site, change):
    path = site(NEWEST)
    file = path / "deepspeed" / "ops" / "csrc" / LOOPS
    if change == "edit":
        file.write_text(file.read_text() + "\n")
    else:
        file.unlink()
    name, reason, remedy = fails(environment, PYTHONPATH=path)
    assert name == "UnsupportedDeepSpeed" and NEWEST in reason
    assert f"these differ: {LOOPS}." in reason and f"{OLDEST} to {NEWEST}" in remedy


def test_files_that_are_not_replaced_do_not_count(environment, site):
    path = site(NEWEST)
    csrc = path / "deepspeed" / "ops" / "csrc"
    (csrc / "aio" / "common" / "another.h").touch()
    (csrc / "pin_memory" / "deepspeed_pin_tensor.cpp").write_text("changed")
    assert switches_on(environment, PYTHONPATH=path) is True


def test_every_era_has_sources():
    assert set(sources._ERAS) == set(ERAS.values())
