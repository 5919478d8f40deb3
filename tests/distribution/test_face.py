"""`minigrad.distribution` in one process: its arguments, its errors, and what it leaves behind."""

import sys

import pytest

from minigrad import Checkpoint, distribution
from minigrad.distribution import group
from minigrad.layers import Dense
from minigrad.utils import together


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No test leaves a distribution, nor a group."""
    monkeypatch.setattr(distribution, "_group", None)
    monkeypatch.setattr(distribution, "_distribution", None)
    for name in ("OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_SIZE", "PMI_RANK"):
        monkeypatch.delenv(name, raising=False)
    yield
    distribution.set_distribution(None)


def test_alone_this_process_is_the_only_rank():
    distribution.initialize(shards=4)
    distribution.initialize(shards=4)
    assert (distribution.rank(), distribution.size()) == (0, 1)
    assert distribution.list_devices() == ["cpu:0"]
    assert distribution.distribution().shards == together.shards() == 4
    distribution.set_distribution(None)
    assert distribution.distribution() is None
    assert together.shards() is None


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"shards": 6}, "expected shards as a power of two, got 6"),
        ({"devices": ["cpu:0"]}, "expected neither"),
        ({"auto_shard_dataset": False}, "expected auto_shard_dataset=True"),
    ],
)
def test_arguments_without_a_meaning_are_refused(options, expected):
    with pytest.raises(ValueError, match=expected):
        distribution.DataParallel(**options)


def test_what_mpiexec_knows_must_fit():
    with pytest.raises(ValueError, match="expected num_processes=1, as mpiexec said, got 4"):
        distribution.initialize(num_processes=4)
    with pytest.raises(ValueError, match="a hostfile of mpiexec names machines"):
        distribution.initialize("first.example:1234")


def test_overlap_is_yes_no_or_none():
    with pytest.raises(TypeError, match="expected overlap as bool or None, got 'yes'"):
        distribution.initialize(overlap="yes")


def test_only_data_parallel_is_a_distribution():
    with pytest.raises(TypeError, match="expected a DataParallel or None, got 'all'"):
        distribution.set_distribution("all")
    with pytest.raises(AttributeError, match="every rank has the whole model"):
        distribution.ModelParallel  # noqa: B018


def test_without_mpi4py_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ImportError, match="pip install mpi4py mpich"):
        distribution.initialize()


def test_a_checkpoint_keeps_its_shards(tmp_path):
    layer = Dense(2)
    layer.build((None, 3))
    checkpoint = Checkpoint(tmp_path, layer=layer)
    distribution.initialize(shards=4)
    checkpoint.save()
    checkpoint.restore()
    distribution.set_distribution(None)
    with pytest.raises(ValueError, match=r"expected batches of 4 shards .* got no distribution"):
        checkpoint.restore()


def test_a_difference_names_what_and_where():
    told = [{"kernels": "avx512", "shards": "8"}] * 2 + [{"kernels": "avx2", "shards": "8"}]
    assert group._differences(told) == (
        "distribution: expected the same on all ranks, got different kernels "
        "(avx512 on ranks 0, 1; avx2 on rank 2)"
    )
