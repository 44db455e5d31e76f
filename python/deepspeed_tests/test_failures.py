"""Transfers that cannot succeed: TransferError from the call, and a training that ends with it."""

import errno

import pytest
from conftest import HERE

from deepspeed_aio_utils.releases import NEWEST


def test_failures_raise_in_every_way(compiled):
    count, wrong = compiled.answer(HERE / "failures.py", compiled.work)
    assert count == 112 and wrong == []


def test_no_descriptor_is_lost_and_none_is_closed_twice(compiled):
    lost, same = compiled.answer(HERE / "descriptors.py", compiled.work)
    assert (lost, same) == (0, True)


def test_a_checkpoint_is_whole_or_ends_with_the_error(compiled):
    if compiled.release != NEWEST:
        pytest.skip("the oldest release has no FastFileWriter")
    same, error = compiled.answer(HERE / "checkpoint.py", compiled.work)
    assert same and error == ["TransferError", errno.EFBIG, str(compiled.work / "full")]


def test_a_training_whose_disk_is_full_ends_with_the_error(compiled):
    """Without the library it goes on, with weights that are none of this training's."""

    def arguments(name, full=False):
        directory = compiled.work / name
        directory.mkdir()
        return HERE / "train.py", directory, *["full"] * full

    run = "-m", "deepspeed_aio_utils", "run"
    if compiled.run(*arguments("first")).returncode != 0:
        # The oldest releases assert that their buffers are pinned, which a CPU's never are.
        pytest.skip("this DeepSpeed cannot offload without a GPU, without the library either")
    right = compiled.answer(*arguments("right without"))
    assert right[0] == 3 and right[2] is None
    assert compiled.answer(*run, *arguments("right")) == right
    steps, weights, error = compiled.answer(*arguments("full without", full=True))
    assert (steps, error) == (3, None) and weights != right[1]
    steps, _, error = compiled.answer(*run, *arguments("full", full=True))
    assert steps == 2
    name, number, file, sentence = error
    assert (name, number) == ("TransferError", errno.EFBIG)
    assert file in sentence and file.startswith(str(compiled.work / "full"))
