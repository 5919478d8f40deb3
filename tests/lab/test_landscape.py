"""The plane through a network's weights, against NumPy's SVD, the filters and `evaluate`."""

import numpy as np
import pytest

from minigrad import lab, random
from minigrad.lab.landscape import random_directions
from minigrad.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, Layer
from minigrad.models import Sequential

RNG = np.random.default_rng(3)
X = RNG.random((23, 6, 5, 1), dtype="float32")
Y = RNG.integers(0, 3, 23)


class Fuse(Layer):
    """Raises an error after some calls."""

    calls_left = 10**9

    def call(self, x):
        Fuse.calls_left -= 1
        if Fuse.calls_left < 0:
            raise ArithmeticError("blown")
        return x


@pytest.fixture
def model():
    random.set_random_seed(1)
    rows = [
        Conv2D(4, 3),
        BatchNormalization(),
        Fuse(),
        Flatten(),
        Dropout(0.5),
        Dense(3, "softmax"),
    ]
    model = Sequential([Input((6, 5, 1)), *rows])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def trajectory(model):
    trajectory = lab.Trajectory(every=2)
    model.fit(X, Y, batch_size=7, epochs=3, verbose=0, callbacks=[trajectory])
    return trajectory


def everything(model):
    """The bits of all weights, statistics and metrics."""
    measures = [v for metric in model.metrics for v in metric.variables]
    return [variable.numpy().tobytes() for variable in [*model.weights, *measures]]


def test_trajectory_has_the_weights_of_its_steps(model, trajectory):
    assert trajectory.steps == [0, 2, 4, 6, 8, 10, 12]
    last = np.concatenate([w.numpy().reshape(-1) for w in model.trainable_weights])
    assert np.array_equal(trajectory.points[-1], last)
    assert not np.array_equal(trajectory.points[0], last)
    model.fit(X, Y, batch_size=23, epochs=3, verbose=0, callbacks=[trajectory])
    assert trajectory.steps == [0, 2, 3]


def test_components_are_those_of_numpys_svd(model, trajectory):
    found = lab.landscape(model, X, Y, trajectory, points=3)
    points = np.array(trajectory.points, "float64")
    points = points - points[-1]
    centered = points - points.mean(axis=0)
    _, values, rows = np.linalg.svd(centered, full_matrices=False)
    np.testing.assert_allclose(np.abs(np.sum(found.directions * rows[:2], axis=1)), 1, rtol=1e-9)
    np.testing.assert_allclose(found.explained, (values**2 / (values**2).sum())[:2], rtol=1e-9)
    np.testing.assert_allclose(found.path, points @ found.directions.T, atol=1e-9)
    assert found.kind == "path"
    assert found.steps == trajectory.steps


def test_random_directions_are_as_long_as_the_filters(model, trajectory):
    directions = random_directions(model, seed=4)
    assert not np.array_equal(*directions)
    for direction in directions:
        begin = 0
        for weight in model.trainable_weights:
            part = direction[begin : begin + weight.size].reshape(weight.shape)
            begin += weight.size
            if weight.ndim == 1:
                assert not part.any()
                continue
            for f in range(weight.shape[-1]):
                length = np.linalg.norm(weight.numpy()[..., f].astype("float64"))
                np.testing.assert_allclose(np.linalg.norm(part[..., f]), length, rtol=1e-12)


@pytest.mark.parametrize("directions", ["random", "path"])
def test_losses_are_those_of_evaluate(model, trajectory, directions):
    found = lab.landscape(model, X, Y, trajectory, directions, points=5)
    i, j = np.flatnonzero(found.b == 0)[0], np.flatnonzero(found.a == 0)[0]
    assert found.losses[i, j] == model.evaluate(X, Y, verbose=0)[0]  # to the last bit

    i, j = 0, 4  # a corner, by hand
    weights = np.concatenate([w.numpy().reshape(-1) for w in model.trainable_weights])
    weights = weights + found.a[j] * found.directions[0] + found.b[i] * found.directions[1]
    begin = 0
    for weight in model.trainable_weights:
        weight.assign(weights[begin : begin + weight.size].reshape(weight.shape).astype("float32"))
        begin += weight.size
    assert found.losses[i, j] == pytest.approx(model.evaluate(X, Y, verbose=0)[0], rel=1e-6)


def test_path_lies_within_the_window(model, trajectory):
    found = lab.landscape(model, X, Y, trajectory, points=5, reach=0.2)
    assert (found.a[0] < found.path[:, 0]).all() and (found.path[:, 0] < found.a[-1]).all()
    assert (found.b[0] < found.path[:, 1]).all() and (found.path[:, 1] < found.b[-1]).all()
    assert found.a[-1] - found.a[0] == pytest.approx(found.b[-1] - found.b[0])


def test_the_model_is_given_back_bit_for_bit(model, trajectory):
    before = everything(model)
    lab.landscape(model, X, Y, trajectory, points=3)
    assert everything(model) == before


def test_the_model_is_given_back_after_an_error_too(model, trajectory):
    before = everything(model)
    Fuse.calls_left = 7
    try:
        with pytest.raises(ArithmeticError, match="blown"):
            lab.landscape(model, X, Y, points=3)
    finally:
        Fuse.calls_left = 10**9
    assert everything(model) == before


def test_landscape_is_printed(model, trajectory):
    text = str(lab.landscape(model, X, Y, trajectory, points=3, title="loss of 23 images"))
    assert text.startswith(
        "loss of 23 images: 3 × 3 points, directions: path\nloss at the weights "
    )
    assert text.endswith("% of the path's variance")
    assert "variance" not in str(lab.landscape(model, X, Y, points=3))


@pytest.mark.bad_input
def test_errors_that_teach(model, trajectory):
    with pytest.raises(ValueError, match=r"expected a trajectory for .*callbacks=\[trajectory"):
        lab.landscape(model, X, Y, directions="path")
    with pytest.raises(ValueError, match="'random' or 'path', got 'pca'"):
        lab.landscape(model, X, Y, directions="pca")
    with pytest.raises(ValueError, match="reach to be above 0, got 0"):
        lab.landscape(model, X, Y, reach=0)
    with pytest.raises(ValueError, match="points"):
        lab.landscape(model, X, Y, points=1)
    other = Sequential([Input((6, 5, 1)), Flatten(), Dense(3)])
    other.compile("sgd", "mse")
    with pytest.raises(ValueError, match="path of a model with 93 trained weights"):
        lab.landscape(other, X, Y, trajectory)
    trajectory.points, trajectory.steps = trajectory.points[:2], trajectory.steps[:2]
    with pytest.raises(ValueError, match="at least 3 points, got 2; give Trajectory a smaller"):
        lab.landscape(model, X, Y, trajectory)
    trajectory.points = trajectory.points[:1] * 4
    with pytest.raises(ValueError, match="a path that bends"):
        lab.landscape(model, X, Y, trajectory)
    with pytest.raises(ValueError, match="every"):
        lab.Trajectory(every=0)
    model = Sequential([Dense(2)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"with trained weights, got none; begin .* Input\(shape"):
        model.fit(np.ones((4, 3)), np.ones((4, 2)), callbacks=[lab.Trajectory()], verbose=0)


def test_feature_maps_are_those_of_the_layers_in_their_order(model):
    maps = lab.feature_maps(model, X[3])
    assert list(maps) == [layer.name for layer in model.layers]
    x = X[3:4]
    for layer in model.layers:
        x = layer(x, training=False) if isinstance(layer, Dropout) else layer(x)
        np.testing.assert_allclose(maps[layer.name], x.numpy()[0], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"built Sequential, .* got Sequential"):
        lab.feature_maps(Sequential([]), X[3])
