"""The default generator: after the same seed the same seeds follow; without a seed, new ones."""

import os
import random as python_random
import subprocess
import sys
import threading

import numpy as np
import pytest

from minigrad import random, utils


def test_set_random_seed_repeats_all_three_generators():
    draws = []
    for _ in range(2):
        random.set_random_seed(7)
        draws.append(
            (
                random.next_seed(),
                random.generator().random(3).tolist(),
                np.random.rand(3).tolist(),
                python_random.random(),
            )
        )
    assert draws[0] == draws[1]


def test_set_random_seed_of_another_seed_differs():
    random.set_random_seed(7)
    first = random.next_seed()
    random.set_random_seed(8)
    assert random.next_seed() != first


def test_next_seed_is_a_new_64_bit_int_each_time():
    seeds = [random.next_seed() for _ in range(200)]
    assert len(set(seeds)) == len(seeds)
    assert all(type(seed) is int and 0 <= seed < 2**64 for seed in seeds)
    assert max(seeds) > 2**63 > min(seeds)


def test_generator_of_a_seed_is_the_same_and_draws_nothing_from_the_default():
    random.set_random_seed(3)
    expected = random.next_seed()
    random.set_random_seed(3)
    assert random.generator(11).random() == random.generator(11).random()
    assert random.next_seed() == expected


def test_next_seed_without_a_seed_differs_between_processes():
    command = [sys.executable, "-c", "from minigrad import random; print(random.next_seed())"]
    seeds = {subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2)}
    assert len(seeds) == 2


FORKED = """
import os, sys
from minigrad import random

if len(sys.argv) > 1:
    random.set_random_seed(int(sys.argv[1]))
else:
    random.next_seed()

def seeds_of_child():
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, f"{random.next_seed()} {random.next_seed()}".encode())
        os._exit(0)
    os.wait()
    return os.read(reader, 100).decode()

print(*(seeds_of_child() for _ in range(3)), random.next_seed())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("seed", [(), ("7",)])
def test_forked_processes_have_seeds_of_their_own(seed):
    command = [sys.executable, "-c", FORKED, *seed]
    runs = [
        subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.split()
        for _ in range(2)
    ]
    assert all(len(set(run)) == 7 for run in runs)
    assert (runs[0] == runs[1]) == bool(seed)
    if seed:  # forks leave the parent's seeds as they are
        random.set_random_seed(7)
        assert int(runs[0][-1]) == random.next_seed()


def test_next_seed_from_many_threads_never_repeats():
    seeds = []
    threads = [
        threading.Thread(target=lambda: seeds.extend(random.next_seed() for _ in range(300)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seeds)) == 8 * 300


def test_set_random_seed_takes_numpy_integers():
    random.set_random_seed(np.uint8(5))
    first = random.next_seed()
    random.set_random_seed(5)
    assert random.next_seed() == first


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_set_random_seed_refuses_seeds_out_of_range(seed):
    with pytest.raises(ValueError, match=rf"set_random_seed: .* 0 to 4294967295, got {seed}"):
        random.set_random_seed(seed)


@pytest.mark.parametrize("seed", [None, 1.0, True, "1"])
def test_set_random_seed_refuses_other_types(seed):
    with pytest.raises(TypeError, match="set_random_seed: expected an integer seed"):
        random.set_random_seed(seed)


def test_generator_refuses_a_seed_out_of_range():
    with pytest.raises(ValueError, match="generator: expected a seed from 0 to"):
        random.generator(-1)


def test_utils_has_set_random_seed_too():
    assert utils.set_random_seed is random.set_random_seed


@pytest.mark.parametrize(
    ("draw", "mean", "deviation"),
    [
        (lambda **seed: random.normal((300, 70), 2.0, 0.5, **seed), 2.0, 0.5),
        (lambda **seed: random.uniform((300, 70), -1.0, 3.0, **seed), 1.0, 4 / 12**0.5),
    ],
)
def test_arrays_of_random_numbers(draw, mean, deviation):
    values = draw()
    assert (values.shape, values.dtype) == ((300, 70), np.float32)
    np.testing.assert_allclose([values.mean(), values.std()], [mean, deviation], atol=0.02)
    assert (draw() != values).any()
    np.testing.assert_array_equal(draw(seed=3), draw(seed=3))
    random.set_random_seed(0)
    np.testing.assert_array_equal(draw(), values)  # the fixture's seed


def test_numbers_may_be_float64():
    values = random.normal([3], dtype="float64", seed=1)
    assert values.dtype == np.float64
    np.testing.assert_array_equal(random.normal((3,), seed=1), values.astype("float32"))


def test_a_seed_generator_gives_other_numbers_each_time_and_repeats_them():
    first, second = random.SeedGenerator(5), random.SeedGenerator(5)
    draws = [random.normal((4,), seed=first) for _ in range(2)]
    assert (draws[0] != draws[1]).all()
    for values in draws:
        np.testing.assert_array_equal(random.normal((4,), seed=second), values)
    assert random.SeedGenerator().next() != random.SeedGenerator().next()
    with pytest.raises(TypeError, match="SeedGenerator: expected an integer seed, got 'a'"):
        random.SeedGenerator("a")
