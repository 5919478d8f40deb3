"""Initializers: distributions against their formulas, seeds, shapes and checks."""

import math

import numpy as np
import pytest

import minigrad
from minigrad import initializers, random

LARGE = (300, 200)
KERNEL = (3, 5, 16, 32)  # fan_in 3*5*16 = 240, fan_out 3*5*32 = 480

RANDOM_NAMES = [
    "random_normal",
    "truncated_normal",
    "random_uniform",
    "variance_scaling",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "orthogonal",
]


def deviation_of_truncated_normal(bound):
    """The standard deviation of a standard normal cut at ±bound: sqrt(1 - 2bφ(b) / (2Φ(b) - 1))."""
    density = math.exp(-bound * bound / 2) / math.sqrt(2 * math.pi)
    return math.sqrt(1 - 2 * bound * density / math.erf(bound / math.sqrt(2)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", initializers.INITIALIZERS.names)
@pytest.mark.parametrize("shape", [(7, 3), (2, 3, 5, 4)])
def test_initializers_give_arrays_of_the_shape_and_dtype_asked_for(name, dtype, shape):
    if name in ("identity", "IdentityInitializer") and len(shape) != 2:
        pytest.skip("there is no such matrix")
    array = initializers.get(name)(shape, dtype)
    assert array.shape == shape and array.dtype == dtype
    assert np.isfinite(array).all()


def test_constants_are_constant():
    assert not initializers.Zeros()((2, 3)).any()
    assert (initializers.Ones()((2, 3)) == 1).all()
    assert (initializers.Constant(0.25)((2, 3)) == 0.25).all()


# (name, lower and upper limit or None, standard deviation), from the formulas of the literature.
UNIFORM_LIMITS = {
    "random_uniform": (LARGE, 0.05),
    "glorot_uniform": (LARGE, math.sqrt(6 / 500)),
    "he_uniform": (KERNEL, math.sqrt(6 / 240)),
    "lecun_uniform": (KERNEL, math.sqrt(3 / 240)),
}
NORMAL_DEVIATIONS = {
    "random_normal": (LARGE, 0.05, None),
    "truncated_normal": (LARGE, 0.05 * deviation_of_truncated_normal(2), 0.1),
    "glorot_normal": (KERNEL, math.sqrt(2 / 720), 2),
    "he_normal": (KERNEL, math.sqrt(2 / 240), 2),
    "lecun_normal": (KERNEL, math.sqrt(1 / 240), 2),
    "variance_scaling": (KERNEL, math.sqrt(1 / 240), 2),
}


@pytest.mark.parametrize("name", UNIFORM_LIMITS)
def test_uniform_initializers_fill_their_interval_evenly(name):
    shape, limit = UNIFORM_LIMITS[name]
    values = np.sort(initializers.get(name)(shape, "float64"), axis=None)
    assert -limit <= values[0] < -0.995 * limit and 0.995 * limit < values[-1] <= limit
    # Kolmogorov and Smirnov: the largest distance of the distribution functions is about
    # 1/sqrt(n); 2/sqrt(n) is exceeded once in 1,500 seeds, and the seed here is fixed.
    expected = (values / limit + 1) / 2
    assert np.abs(expected - np.linspace(0, 1, values.size)).max() < 2 / math.sqrt(values.size)


@pytest.mark.parametrize("name", NORMAL_DEVIATIONS)
def test_normal_initializers_have_their_deviation_and_are_cut_at_two(name):
    shape, stddev, cut = NORMAL_DEVIATIONS[name]
    values = initializers.get(name)(shape, "float64")
    assert abs(values.mean()) < 4 * stddev / math.sqrt(values.size)
    assert values.std() == pytest.approx(stddev, rel=4 / math.sqrt(2 * values.size))
    if cut is None:
        assert np.abs(values).max() > 3.5 * stddev
    else:
        limit = 0.1 if name == "truncated_normal" else 2 * stddev / deviation_of_truncated_normal(2)
        assert 0.99 * limit < np.abs(values).max() <= limit


def test_normal_initializers_take_mean_and_stddev():
    values = initializers.RandomNormal(mean=3.0, stddev=0.5)(LARGE, "float64")
    assert values.mean() == pytest.approx(3.0, abs=0.01)
    assert values.std() == pytest.approx(0.5, rel=0.02)
    values = initializers.TruncatedNormal(mean=3.0, stddev=0.5)(LARGE, "float64")
    assert values.min() >= 2.0 and values.max() <= 4.0
    assert values.mean() == pytest.approx(3.0, abs=0.01)


@pytest.mark.parametrize("distribution", ["truncated_normal", "untruncated_normal", "uniform"])
@pytest.mark.parametrize(("mode", "n"), [("fan_in", 240), ("fan_out", 480), ("fan_avg", 360)])
def test_variance_scaling_has_the_variance_scale_over_n(mode, n, distribution):
    initializer = initializers.VarianceScaling(3.0, mode, distribution)
    values = initializer(KERNEL, "float64")
    assert values.var() == pytest.approx(3.0 / n, rel=0.06)


@pytest.mark.parametrize("kind", ["GlorotUniform", "GlorotNormal", "HeUniform", "LecunNormal"])
def test_fans_of_other_kernels_are_told_by_their_axes(kind):
    shape, initializer = (40, 5, 30), getattr(initializers, kind)
    told = initializer(3, input_axes=[0], output_axes=(1, -1))(shape, "float64")
    matrix = initializer(3)((40, 150), "float64")
    np.testing.assert_array_equal(told, matrix.reshape(shape))
    assert initializers.compute_fans(shape, [0, 1], [2]) == (200, 30)
    assert initializers.compute_fans(shape, [0]) == (200, 1200)  # both or none
    assert initializers.compute_fans(shape, [], [0]) == (1, 40)


def test_variance_scaling_agrees_with_keras_figures():
    # Keras 3.15.1, measured: he_normal on (3, 3, 16, 32), glorot_uniform on (300, 200).
    assert initializers.HeNormal()((3, 3, 16, 32)).std() == pytest.approx(0.1180, rel=0.03)
    assert initializers.GlorotUniform()((300, 200)).std() == pytest.approx(0.0634, rel=0.03)


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((), (1, 1)), ((7,), (7, 7)), ((7, 3), (7, 3)), ((2, 5, 7, 3), (70, 30))],
)
def test_compute_fans_counts_inputs_and_outputs(shape, fans):
    assert initializers.compute_fans(shape) == fans


@pytest.mark.parametrize("shape", [(7, 3), (3, 7), (5, 5), (2, 3, 4, 5)])
def test_orthogonal_has_orthonormal_rows_or_columns(shape):
    matrix = initializers.Orthogonal(gain=3.0)(shape, "float64").reshape(-1, shape[-1])
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    np.testing.assert_allclose(matrix.T @ matrix, 9 * np.eye(matrix.shape[1]), atol=1e-13)


def test_orthogonal_signs_are_even():
    # LAPACK's R has a diagonal of one sign mostly; unless that is undone, Q[0, 0] has one too.
    signs = [np.sign(initializers.Orthogonal(seed=s)((4, 4))[0, 0]) for s in range(60)]
    assert abs(sum(signs)) < 30


@pytest.mark.parametrize("name", RANDOM_NAMES)
def test_random_initializers_repeat_with_a_seed_and_not_without(name):
    kind = initializers.INITIALIZERS.names[name]
    seeded, unseeded = kind(seed=3), kind()
    first = seeded((7, 5))
    np.testing.assert_array_equal(seeded((7, 5)), first)
    np.testing.assert_array_equal(kind(seed=3)((7, 5)), first)
    assert (kind(seed=4)((7, 5)) != first).all()
    assert (unseeded((7, 5)) != unseeded((7, 5))).all()


@pytest.mark.parametrize("name", RANDOM_NAMES)
def test_random_initializers_follow_the_default_generator(name):
    random.set_random_seed(5)
    first = initializers.get(name)((7, 5))
    random.set_random_seed(5)
    np.testing.assert_array_equal(initializers.get(name)((7, 5)), first)


@pytest.mark.parametrize("name", RANDOM_NAMES)
def test_random_initializers_agree_between_dtypes(name):
    initializer = initializers.INITIALIZERS.names[name](seed=3)
    rounded = initializer((7, 5), "float64").astype(np.float32)
    np.testing.assert_array_equal(initializer((7, 5), "float32"), rounded)


def test_get_takes_aliases_and_callables():
    assert isinstance(initializers.get("normal"), initializers.RandomNormal)
    assert isinstance(initializers.get("uniform"), initializers.RandomUniform)
    assert isinstance(initializers.get("zero"), initializers.Zeros)
    assert isinstance(initializers.get("GlorotUniform"), initializers.GlorotUniform)
    assert initializers.get(np.ones) is np.ones
    assert initializers.he_normal is initializers.HeNormal
    with pytest.raises(ValueError, match=r"initializer: .*did you mean 'he_normal'"):
        initializers.get("he_norm")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: initializers.RandomNormal(stddev=-1), "RandomNormal: expected stddev in"),
        (lambda: initializers.RandomUniform(1, 0), "RandomUniform: expected minval <= maxval"),
        (lambda: initializers.VarianceScaling(0), "VarianceScaling: expected scale in .*got 0"),
        (lambda: initializers.VarianceScaling(mode="fan"), "mode to be one of 'fan_in', .*'fan'"),
        (lambda: initializers.VarianceScaling(distribution="n"), "distribution to be one of"),
        (lambda: initializers.HeNormal(seed=-1), "HeNormal: expected a seed from 0"),
        (lambda: initializers.Orthogonal()((3,)), r"Orthogonal: .* two axes, got \(3,\)"),
    ],
)
def test_initializers_refuse_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_identity_has_its_gain_on_the_diagonal():
    np.testing.assert_array_equal(initializers.Identity(3.0)((2, 3)), [[3, 0, 0], [0, 3, 0]])
    assert type(initializers.get("IdentityInitializer")) is initializers.Identity
    with pytest.raises(ValueError, match=r"Identity: expected a shape of 2 axes, got \(2, 3, 4\)"):
        initializers.Identity()((2, 3, 4))


def test_get_takes_an_array_for_its_values():
    values = np.arange(6.0).reshape(2, 3)
    for given in (values, minigrad.Tensor(values), minigrad.Parameter(values)):
        initializer = initializers.get(given)
        np.testing.assert_array_equal(initializer((2, 3)), values)
        assert initializer((2, 3), "float64").dtype == np.float64
    values[:] = 0
    assert initializer((2, 3)).any()
    dense = minigrad.layers.Dense(3, kernel_initializer=np.ones((2, 3)))
    np.testing.assert_array_equal(dense(np.ones((1, 2))).numpy(), [[2, 2, 2]])
    assert type(initializers.get("OrthogonalInitializer")) is initializers.Orthogonal
