"""One rank ends, and so do all: soon, with a message that names it, and whole checkpoints."""

import re
from pathlib import Path

import numpy as np
import pytest

from minigrad.distribution import heartbeat

OF_RANK = r"minigrad\.distribution: rank {who} of 4 "
ERRORS = {
    "raises": "ended with ValueError",
    "leaves": "ended after exchange",
    "is_out_of_memory": "ended with MemoryError",
    "sleeps": "hangs: it computes for",
    "is_stopped": "was not heard of for 3 s",
    "holds_pythons_lock": "was not heard of for 3 s",
}


def check_files(folder):
    """All checkpoints are whole, and the last one is there."""
    files = sorted(Path(folder).glob("checkpoint-*.npz"))
    assert files
    for path in files:
        with np.load(path) as arrays:
            assert all(array is not None for array in arrays.values())


@pytest.mark.parametrize("how", ERRORS)
@pytest.mark.parametrize("who", [0, 1])
def test_a_rank_that_ends_ends_all(ranks, tmp_path, how, who):
    done = ranks(4, "ends.py", how, who, 7, tmp_path)
    assert done.code != 0
    assert re.search(OF_RANK.format(who=who) + ERRORS[how], done.errors), done.errors
    assert "hash" not in done.output
    check_files(tmp_path)


@pytest.mark.parametrize("how", ["raises", "leaves", "sleeps", "is_stopped"])
def test_so_it_does_while_gradients_are_on_their_way(ranks, tmp_path, how):
    done = ranks(4, "ends.py", how, 1, 7, tmp_path, 50, "late")
    assert done.code != 0
    assert re.search(OF_RANK.format(who=1) + ERRORS[how], done.errors), done.errors
    check_files(tmp_path)


@pytest.mark.parametrize("how", ["is_killed", "leaves_at_once"])
def test_a_rank_that_is_killed_ends_all_and_is_named(ranks, tmp_path, how):
    done = ranks(4, "ends.py", how, 1, 7, tmp_path)
    assert done.code != 0
    if ranks.is_open_mpi():
        assert re.search(r"process rank 1 with PID|Process name: .*,1\]", done.errors)
    else:
        # MPICH kills the others at once: on a busy machine one of them may be named.
        assert len(re.findall(r"rank \d of 4 ended without a word", done.errors)) == 1
    check_files(tmp_path)


@pytest.mark.parametrize(
    ("how", "name", "number", "late"),
    [
        ("is_interrupted", "INT", 2, ""),
        ("is_terminated", "TERM", 15, ""),
        ("is_signalled", "USR1", 10, ""),
        ("is_interrupted", "INT", 2, "late"),
    ],
)
def test_a_signal_to_one_rank_stops_all_after_the_same_step(
    ranks, tmp_path, how, name, number, late
):
    done = ranks(4, "ends.py", how, 1, 7, tmp_path, 50, late)
    assert done.code == 128 + number
    told = f"rank 1 got SIG{name}: all ranks stopped after the same step"
    assert done.errors.count(told) == 1
    steps = re.findall(r"rank (\d) finished step (\d+)", done.errors)
    last = {rank: max(int(step) for r, step in steps if r == rank) for rank, _ in steps}
    assert last in ({str(rank): step for rank in range(4)} for step in (7, 8, 9))
    check_files(tmp_path)


def test_a_run_that_was_stopped_goes_on_with_the_same_bits(ranks, tmp_path):
    whole = ranks(1, "ends.py", "goes_on", 0, 0, tmp_path / "whole", 6)
    ranks(4, "ends.py", "raises", 2, 11, tmp_path / "cut", 6)
    again = ranks(2, "ends.py", "goes_on", 0, 0, tmp_path / "cut", 6)
    assert (again.code, again.output) == (0, whole.output)
    assert "hash: " in whole.output


class OneOf4:
    """What a heartbeat asks of a communicator."""

    def __init__(self, rank):
        self.Get_rank, self.Get_size = lambda: rank, lambda: 4


@pytest.mark.parametrize(("who", "limit"), [(1, 3.0), (2, 4.5), (3, 4.5)])
def test_all_ranks_listen_to_rank_0_as_a_machine_may_be_cut_off(who, limit):
    """Ranks 2 and 3 of the other machine waited for ever; they let rank 1 speak first."""
    one = heartbeat.Heartbeat(OneOf4(who), 3.0, abort=None)
    one._facts = dict.fromkeys(one.others, (heartbeat.WAITING, 0.0, 8, 100.0))
    assert one._find_fault(100.0 + limit - 0.1) is None
    assert "rank 0 of 4 was not heard of for 3 s" in one._find_fault(100.0 + limit + 0.1)
