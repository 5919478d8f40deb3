"""The same bits on 1, 2, 4 and 8 ranks, one writer, and runs that go on with another number."""

import re
import shutil

import pytest


@pytest.mark.parametrize("what", ["fit", "accumulate", "by_hand"])
def test_results_do_not_depend_on_the_number_of_ranks(ranks, what):
    alone = ranks(0, "train.py", what).value
    for number in (1, 2, 4):
        assert ranks(number, "train.py", what).value == alone, f"{number} ranks"


@pytest.mark.parametrize("overlap", ["on", "off", "default"])
def test_gradients_on_their_way_change_no_bit(ranks, overlap):
    alone = ranks(0, "train.py", "late").value
    several = [(2, 1 << 20, 1 << 14)]
    if overlap != "default":  # one bucket in slices, each array for itself, and some together
        several += [(4, 1 << 20, 0), (2, 1, 0), (4, 300, 64)]
    for number, bucket, small in several:
        got = ranks(number, "train.py", "late", overlap, bucket, small).value
        assert got == alone, f"{number} ranks, buckets of {bucket} bytes"


def test_as_many_ranks_as_shards_have_these_bits_too(ranks):
    assert ranks(8, "train.py", "fit").value == ranks(0, "train.py", "fit").value


def test_other_shards_are_other_bits_and_allow_more_ranks(ranks):
    alone = ranks(0, "train.py", "fit", "2").value
    assert ranks(2, "train.py", "fit", "2").value == alone
    assert ranks(0, "train.py", "fit", "16").value[0] != alone[0]


def test_a_run_goes_on_with_another_number_of_ranks(ranks, tmp_path):
    whole = ranks(2, "train.py", "elastic", make(tmp_path / "whole"), "4").value
    ranks(4, "train.py", "elastic", make(tmp_path / "saved"), "2")
    for number in (0, 1, 2, 8):
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "saved", folder)
        assert ranks(number, "train.py", "elastic", folder, "4").value == whole, f"{number} ranks"


def test_a_run_of_other_shards_is_refused(ranks, tmp_path):
    ranks(2, "train.py", "elastic", make(tmp_path / "run"), "1")
    done = ranks(2, "train.py", "elastic", tmp_path / "run", "2", "4")
    assert done.code != 0
    assert "expected batches of 8 shards" in done.errors
    assert "got batches of 4 shards" in done.errors


def make(folder):
    folder.mkdir()
    return folder


def test_ranks_have_one_seed_and_one_voice(ranks):
    done = ranks(4, "train.py", "facts")
    assert done.value == [4, ["cpu:0", "cpu:1", "cpu:2", "cpu:3"], "DataParallel(shards=8)"]
    assert done.output.count("I am rank") == 1
    assert done.errors.count("UserWarning: said once") == 1
    drawn = [line for line in done.errors.splitlines() if line.endswith(" 1")]
    assert len(drawn) == 4
    assert len({*drawn}) == 1


def test_a_number_of_ranks_that_does_not_divide_the_shards_is_refused(ranks):
    done = ranks(3, "train.py", "facts")
    assert done.code != 0
    assert "expected 1, 2, 4, 8 ranks for 8 shards, got 3" in done.errors


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("arguments", "arguments of the script"),
        ("kernels", "kernels"),
        ("seeds", "seeds and random numbers"),
        ("optimizer", "optimizer"),
        ("data", "data"),
        ("weights", "weights"),
    ],
)
def test_ranks_that_are_not_alike_are_refused_by_name(ranks, what, named):
    check_refused(ranks(2, "train.py", "differ", what), named)


@pytest.mark.parametrize("what", ["data", "weights"])
def test_they_are_refused_in_a_loop_of_ones_own_too(ranks, what):
    check_refused(ranks(2, "train.py", "differ", what, "by hand"), what)


def test_a_generator_that_is_alike_on_all_ranks_has_one_result(ranks):
    alone = ranks(0, "train.py", "generator", "alike").value
    for number in (1, 2, 4):
        assert ranks(number, "train.py", "generator", "alike").value == alone


@pytest.mark.parametrize("what", ["inputs", "labels", "smaller"])
def test_batches_that_are_not_alike_are_refused(ranks, what):
    done = ranks(4, "train.py", "generator", what)
    assert done.code != 0
    assert "expected the same batches on all ranks, got other ones on rank 3 than" in done.errors


@pytest.mark.parametrize(
    ("what", "told"),
    [("larger", "got some of other sizes|[Tt]runcated"), ("ends", "rank 3 of 4 ended|got other")],
)
def test_more_samples_or_fewer_batches_end_the_run(ranks, what, told):
    done = ranks(4, "train.py", "generator", what)
    assert done.code != 0
    assert re.search(told, done.errors)


def check_refused(done, named):
    assert done.code != 0
    assert "not noticed" not in done.output
    told = done.errors.partition("got different ")[2].splitlines()[0]
    assert f"{named} (" in told
    assert "on rank 0; " in told
    assert "on rank 1" in told
