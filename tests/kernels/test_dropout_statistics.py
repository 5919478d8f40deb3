"""Is dropout's hash of (seed, index) as good as coin tosses? And would these tests notice if not?

Each check takes a generator, ``bits(seed, size) -> uint32 array``, and returns how many standard
deviations a statistic lies from what independent fair bits would give, or an array of such. They
all run on the generator of the dropout kernel and on broken ones, which they have to catch.
"""

import numpy as np
import pytest

from minigrad.kernels.reference import _mix32, _random_bits

SEEDS = [0, 1, 2**32, 0x9E3779B97F4A7C15, 2**64 - 1]
SIZE = 2**16
# Some 3,000 statistics are looked at; by chance one in 26 million lies further out than this.
LIMIT = 5.5


def uniform(values):
    """Numbers from -1/2 to 1/2, whose variance is 1/12."""
    return values / 2.0**32 - 0.5


def correlation(first, second):
    """Deviations of the sample covariance of two equally long sequences from zero."""
    return 12 * np.mean(uniform(first) * uniform(second)) * np.sqrt(first.size)


def bit_means(values):
    """Deviations of the share of ones from 1/2, for each of the 32 bits."""
    ones = [np.count_nonzero(values & np.uint32(1 << bit)) for bit in range(32)]
    return (np.array(ones) - values.size / 2) / (np.sqrt(values.size) / 2)


def chi_square(symbols):
    """Deviations of the chi-square statistic of 256 equally likely symbols; too even counts too."""
    counts = np.bincount(symbols, minlength=256)
    expected = symbols.size / 256
    return (((counts - expected) ** 2 / expected).sum() - 255) / np.sqrt(2 * 255)


def balance(bits):
    """Each bit is one half of the time."""
    return [bit_means(bits(seed, SIZE)) for seed in SEEDS]


def frequencies(bits):
    """All values of the upper byte, of the lower byte, and of two neighbours are equally likely."""
    draws = [bits(seed, SIZE) for seed in SEEDS]
    pairs = [(draw[::2] >> 28 << 4) + (draw[1::2] >> 28) for draw in draws]
    return [chi_square(s) for draw in draws for s in (draw >> 24, draw & 255)] + [
        chi_square(symbols) for symbols in pairs
    ]


def repeats(bits):
    """Among 2**20 draws of 32 bits as many are equal as chance would have: about 128 pairs."""
    size = 2**20
    pairs = size**2 / 2**33
    distinct = np.unique(bits(11, size)).size
    return (size - distinct - pairs) / np.sqrt(pairs)


def serial(bits):
    """Elements a few places, a row of a layer, or a block of the hash apart are independent."""
    draws = [bits(seed, SIZE) for seed in SEEDS]
    lags = [*range(1, 65), 128, 784, 4095, 4096, 4097, 5408, 8192]
    return [correlation(draw[:-lag], draw[lag:]) for draw in draws for lag in lags]


def neighbours(bits):
    """Seeds that differ by a little give unrelated masks, also when shifted by some places."""
    statistics = []
    for seed in SEEDS:
        draw = bits(seed, SIZE)
        for other in [(seed + step) % 2**64 for step in (1, 2, 3, 4096, 2**32)]:
            following = bits(other, SIZE)
            statistics.append(correlation(draw, following))
            for lag in (1, 2, 3, 4096):
                statistics.append(correlation(draw[lag:], following[:-lag]))
                statistics.append(correlation(draw[:-lag], following[lag:]))
    return statistics


def avalanche(bits):
    """One other bit of the index or of the seed changes each output bit half of the time."""
    index = np.arange(SIZE)
    draw = bits(5, SIZE)
    changes = []
    for bit in range(16):
        first = index[index & (1 << bit) == 0]  # each pair once
        changes.append(bit_means(draw[first] ^ draw[first ^ (1 << bit)]))
    for bit in range(64):
        changes.append(bit_means(draw[: 2**12] ^ bits(5 ^ (1 << bit), 2**12)))
    return changes


def runs(bits):
    """Kept elements come in as many runs as in a shuffled mask (Wald and Wolfowitz 1940)."""
    statistics = []
    for seed in SEEDS:
        for rate in (0.1, 0.25, 0.5, 0.9):
            kept = bits(seed, SIZE) >= rate * 2**32
            ones = np.count_nonzero(kept)
            pairs = 2 * ones * (SIZE - ones) / SIZE
            spread = np.sqrt(pairs * (pairs - 1) / (SIZE - 1))
            statistics.append((np.count_nonzero(kept[1:] != kept[:-1]) - pairs) / spread)
    return statistics


CHECKS = [balance, frequencies, repeats, serial, neighbours, avalanche, runs]


def worst(check, bits):
    return np.abs(check(bits)).max()


@pytest.mark.parametrize("check", CHECKS)
def test_dropout_bits_pass(check):
    assert worst(check, _random_bits) < LIMIT


def wrapped(values):
    return np.asarray(values).astype(np.uint32)


def bare_counter(seed, size):
    return wrapped((np.arange(size) + seed % 2**32) % 2**32)


def multiplied_counter(seed, size):
    return bare_counter(seed, size) * np.uint32(0x9E3779B9)


def finalizer_without_key(seed, size):
    """One round over seed + index: the next seed gives the same mask, shifted by one."""
    return _mix32(bare_counter(seed, size), 0)


def finalizer_ignoring_the_upper_seed(seed, size):
    return _random_bits(seed % 2**32, size)


def blocks_that_repeat(seed, size):
    return np.resize(_random_bits(seed, 4096), size)


def half_a_key(seed, size):
    """32 bits of a new key for each block: nearly a permutation, so nothing ever repeats."""
    key = np.repeat(_random_bits(seed, size // 4096 + 1), 4096)[:size]
    return _mix32(wrapped(np.arange(size) % 4096) ^ key, 0)


def heavy_bit(seed, size):
    """The topmost bit is set once more in 16 draws."""
    return _random_bits(seed, size) | np.where(_random_bits(~seed % 2**64, size) % 16, 0, 2**31)


@pytest.mark.parametrize(
    "bits, failing",
    [
        (bare_counter, [balance, frequencies, serial, neighbours, avalanche]),
        (multiplied_counter, [frequencies, serial, neighbours, avalanche, runs]),
        (finalizer_without_key, [repeats, neighbours]),
        (finalizer_ignoring_the_upper_seed, [neighbours, avalanche]),
        (blocks_that_repeat, [repeats, serial]),
        (half_a_key, [repeats]),
        (heavy_bit, [balance]),
    ],
)
def test_checks_catch_a_bad_generator(bits, failing):
    for check in failing:
        assert worst(check, bits) > 2 * LIMIT, check.__name__


def test_blocks_are_independent_where_only_one_half_of_their_keys_differs():
    generator = np.random.default_rng(3)
    position = np.arange(4096, dtype=np.uint32)
    for _ in range(100):
        low, other_low, high, other_high = generator.integers(2**32, size=4, dtype=np.uint32)
        draw = _mix32(position ^ low, high)
        assert abs(correlation(draw, _mix32(position ^ low, other_high))) < LIMIT
        assert abs(correlation(draw, _mix32(position ^ other_low, high))) < LIMIT


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9])
def test_dropout_keeps_where_the_bits_say(rate, kernels):
    x, y = np.ones(SIZE), np.empty(SIZE)
    kernels.dropout(x, y, rate, 13, 1)
    np.testing.assert_array_equal(y != 0, _random_bits(13, SIZE) < round((1 - rate) * 2**32))
    spread = np.sqrt(SIZE * rate * (1 - rate))
    assert abs(np.count_nonzero(y) - SIZE * (1 - rate)) < LIMIT * spread


def test_dropout_draws_the_same_mask_for_both_types(kernels):
    single, double = np.ones(SIZE, np.float32), np.ones(SIZE)
    kernels.dropout(single, single, 0.3, 17, 1)
    kernels.dropout(double, double, 0.3, 17, 1)
    np.testing.assert_array_equal(single != 0, double != 0)


def test_dropout_mask_does_not_depend_on_the_length(kernels):
    long, short = np.ones(SIZE), np.ones(5003)
    kernels.dropout(long, long, 0.5, 19, 1)
    kernels.dropout(short, short, 0.5, 19, 1)
    np.testing.assert_array_equal(long[:5003], short)
