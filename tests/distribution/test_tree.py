"""The tree of additions: where shards begin, and that ranks do not change its bits."""

import numpy as np
import pytest

from minigrad.distribution.tree import add_up, bounds, merge


@pytest.mark.parametrize("total", [0, 1, 5, 8, 60, 61])
def test_shards_hold_all_samples_and_differ_by_one_at_most(total):
    sizes = np.diff(bounds(total, 8))
    assert sizes.sum() == total and sizes.max() - sizes.min() <= 1


def test_a_tree_of_trees_is_the_tree():
    parts = list(np.random.default_rng(0).normal(size=(8, 100)).astype(np.float32))
    whole = add_up(parts)
    for ranks in (2, 4, 8):
        share = 8 // ranks
        local = [add_up(parts[i : i + share]) for i in range(0, 8, share)]
        assert add_up(local).tobytes() == whole.tobytes()
    assert sum(parts).tobytes() != whole.tobytes()  # another order is another sum


def test_an_empty_shard_is_left_out():
    zero = np.array([-0.0])
    assert np.signbit(add_up([None, zero, None, None])).all()
    assert add_up([None, None]) is None


def test_merged_statistics_are_those_of_all():
    x = np.random.default_rng(1).normal(3, 2, (30, 4))
    sets = [x[:5], x[5:12], x[12:13], x[13:]]
    parts = [np.stack([np.full(4, len(s)), s.mean(axis=0), s.var(axis=0) * len(s)]) for s in sets]
    count, mean, squares = add_up(parts, merge)
    assert (count == 30).all()
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(squares / count, x.var(axis=0), rtol=1e-13)
