"""The loss of a network around its weights: a plane through them, and the path that led there.

A network has thousands of weights. Two directions through the last ones make a plane, and the loss
on it is a surface that can be drawn (Li et al., *Visualizing the loss landscape of neural nets*,
2018, https://arxiv.org/abs/1712.09913).
"""

import contextlib
from dataclasses import dataclass, field

import numpy as np

from minigrad import plots
from minigrad.callbacks import Callback
from minigrad.utils.arguments import whole_number

KINDS = ("random", "path")


class Trajectory(Callback):
    """Keeps all trained weights at the start of ``fit``, at every few steps, and at the end.

    Every ``fit`` starts a new path. A record takes four bytes a weight (float32): fifty of a
    network with a million weights take 200 MB.

    Parameters
    ----------
    every : int
        Steps from one record to the next.

    Attributes
    ----------
    steps : list of int
        How many steps came before each record: 0, every, 2 · every, ..., and the last.
    points : list of array (P,)
        All trained weights in one row each, in the order of ``model.trainable_weights``.
    """

    is_kept = False  # the state of a run does not need it

    def __init__(self, every=10):
        self.every = whole_number("Trajectory", "every", every, 1)
        self.steps, self.points = [], []

    def on_train_begin(self, logs=None):
        if not self.model.trainable_weights:
            cure = "begin the model with Input(shape), or call it once before fit"
            raise ValueError(f"Trajectory: expected a model with trained weights, got none; {cure}")
        self.steps, self.points, self._step = [0], [_flat(self.model.trainable_weights)], 0

    def on_train_batch_end(self, batch, logs=None):
        self._step += 1
        if self._step % self.every == 0:
            self._keep()

    def on_train_end(self, logs=None):
        if self.steps[-1] != self._step:
            self._keep()

    def _keep(self):
        self.steps.append(self._step)
        self.points.append(_flat(self.model.trainable_weights))


@dataclass(repr=False)
class Landscape:
    """The loss on a plane through the weights, what ``landscape`` returns.

    Attributes
    ----------
    title : str
    a, b : array (points,)
        Coordinates of the grid. (0, 0) are the weights that the model has.
    losses : array (points, points)
        ``losses[i, j]`` is the loss at ``weights + a[j] * directions[0] + b[i] * directions[1]``.
    directions : array (2, P)
        Along filters: each filter's part is as long as the filter. Along the path: orthonormal.
    kind : {"random", "path"}
    steps : list of int
        The steps of the path's points.
    path : array (T, 2) or None
        Where the path's points lie on the plane: the nearest points of it.
    explained : array (2,) or None
        The share of the path's variance along each direction. What is missing to 1 in sum happens
        beside the plane, and cannot be seen on it.
    """

    title: str
    a: np.ndarray
    b: np.ndarray
    losses: np.ndarray
    directions: np.ndarray
    kind: str
    steps: list = field(default_factory=list)
    path: np.ndarray | None = None
    explained: np.ndarray | None = None

    def __repr__(self):
        finite = self.losses[np.isfinite(self.losses)]
        center = self.losses[np.searchsorted(self.b, 0), np.searchsorted(self.a, 0)]
        text = (
            f"{self.title}: {len(self.b)} × {len(self.a)} points, directions: {self.kind}\n"
            f"loss at the weights {center:.4f}, lowest {finite.min():.4f}, "
            f"highest {finite.max():.4f}"
        )
        if self.explained is None:
            return text
        first, second = 100 * self.explained
        shares = f"{first:.1f} % + {second:.1f} % = {first + second:.1f} %"
        return f"{text}\nthe plane holds {shares} of the path's variance"

    def plot(self, ax=None, theme="light"):
        """Return the Figure of ``minigrad.plots.draw_landscape``."""
        return plots.draw_landscape(self, ax=ax, theme=theme)


def landscape(
    model, x, y, trajectory=None, directions=None, reach=1.0, points=21, batch_size=1000, seed=0,
    title="loss",
):  # fmt: skip
    """Compute the loss on a plane through a model's weights.

    The model is evaluated ``points²`` times on the data: some hundred samples are enough. It gets
    its weights, its state and its metrics back, bit for bit, whatever happens. Statistics such as a
    batch normalization's are not moved along.

    Parameters
    ----------
    model : Model
        Compiled. Its weights are the middle of the plane.
    x, y
        As for ``Model.evaluate``.
    trajectory : Trajectory, optional
        The path on which ``fit`` led there.
    directions : {"random", "path"}, optional
        "random": two of normal random numbers, in which the part of each filter (of a Dense layer:
        the weights of each unit) is made as long as that filter is; biases stay as they are.
        Without this, large weights would look flat and small ones steep. "path": the first two
        principal components of the path's points. Default: "path" if there is a trajectory.
    reach : float
        Random: how far the plane goes, in lengths of the directions. Path: how wide the margin
        around the path is, in halves of its width.
    points : int
        Along each side; made odd, so that the middle is a point.
    batch_size : int
    seed : int
        Of the random directions.
    title : str
        What data these are, for pictures.

    Returns
    -------
    Landscape

    Raises
    ------
    ValueError
        If the path is missing, too short, or that of another model.
    """
    points = whole_number("landscape", "points", points, 3) // 2 * 2 + 1
    if not np.isfinite(reach) or reach <= 0:
        raise ValueError(f"landscape: expected reach to be above 0, got {reach!r}")
    kind = directions or ("random" if trajectory is None else "path")
    if kind not in KINDS:
        raise ValueError(f"landscape: expected directions to be 'random' or 'path', got {kind!r}")
    middle = _flat(model.trainable_weights)
    moved = None if trajectory is None else _moved(trajectory, middle)
    if kind == "random":
        plane = random_directions(model, seed)
        half = np.array([reach, reach])
    elif moved is None:
        cure = "give fit callbacks=[trajectory := lab.Trajectory()], and landscape the trajectory"
        raise ValueError(
            f"landscape: expected a trajectory for directions='path', got None; {cure}"
        )
    else:
        plane = principal_directions(moved)
    path = explained = None
    if moved is not None:
        path = np.linalg.lstsq(plane.T, moved.T, rcond=None)[0].T  # (T, 2)
        explained = _explained(moved, plane)
    if kind == "path":
        low, high = path.min(axis=0), path.max(axis=0)
        half = np.full(2, (high - low).max() / 2)  # a square: both axes are of weights
        edges = (low + high) / 2 + np.array([[-1], [1]]) * half * (1 + reach / 2)
    else:
        edges = np.array([-half, half])
    a, b = (_with_zero(np.linspace(*edge, points)) for edge in edges.T)
    losses = np.empty((len(b), len(a)))
    with _borrowed(model), np.errstate(all="ignore"):
        for i, j in np.ndindex(losses.shape):
            _set_flat(model.trainable_weights, middle + a[j] * plane[0] + b[i] * plane[1])
            logs = model.evaluate(x, y, batch_size=batch_size, verbose=0, return_dict=True)
            losses[i, j] = logs["loss"]
    steps = [] if trajectory is None else list(trajectory.steps)
    return Landscape(title, a, b, losses, plane, kind, steps, path, explained)


def random_directions(model, seed=0):
    """Return two random directions as long as the filters, array (2, P); see ``landscape``."""
    rng = np.random.default_rng(seed)
    directions = []
    for _ in range(2):
        parts = []
        for weight in model.trainable_weights:
            part = np.zeros(weight.shape)
            if weight.ndim > 1:  # biases and scales stay
                part = rng.standard_normal(weight.shape)
                filters = tuple(range(weight.ndim - 1))  # a filter's weights: all axes but the last
                length = np.sqrt(np.square(part).sum(axis=filters))
                part *= np.sqrt(np.square(weight.data, dtype="float64").sum(axis=filters)) / length
            parts.append(part.reshape(-1))
        directions.append(np.concatenate(parts))
    return np.array(directions)


def principal_directions(moved):
    """Return the first two principal components (2, P) of points (T, P).

    By the T × T products of the points: P is too large for a matrix of P × P.
    """
    centered = moved - moved.mean(axis=0)
    values, vectors = np.linalg.eigh(centered @ centered.T)  # in rising order
    if not values[-2] > 1e-12 * values[-1]:
        cure = "give Trajectory a smaller every, or train longer"
        raise ValueError(f"landscape: expected a path that bends, got a line or a point; {cure}")
    return (vectors[:, [-1, -2]].T @ centered) / np.sqrt(values[[-1, -2]])[:, np.newaxis]


def _explained(moved, plane):
    """The share of the points' variance along the plane: of its first direction, and the rest."""
    centered = moved - moved.mean(axis=0)
    basis = np.linalg.qr(plane.T)[0]  # (P, 2)
    return np.square(centered @ basis).sum(axis=0) / np.square(centered).sum()


def _moved(trajectory, middle):
    """The path's points (T, P) in float64, seen from the model's weights."""
    sizes = {len(weights) for weights in trajectory.points}
    if sizes != {len(middle)}:
        got = f"{len(trajectory.points)} records of {sorted(sizes)} weights"
        fault = f"the path of a model with {len(middle)} trained weights, got {got}"
        raise ValueError(f"landscape: expected {fault}; fit that model with callbacks=[trajectory]")
    if len(trajectory.points) < 3:
        raise ValueError(
            f"landscape: expected a path of at least 3 points, got {len(trajectory.points)}; "
            "give Trajectory a smaller every, or train longer"
        )
    return np.array(trajectory.points, dtype="float64") - middle


def _with_zero(coordinates):
    """The coordinates, the inner one nearest to 0 replaced by it: the model's own weights."""
    coordinates[1 + np.abs(coordinates[1:-1]).argmin()] = 0.0
    return coordinates


def _flat(weights):
    return np.concatenate([weight.data.reshape(-1) for weight in weights])


def _set_flat(weights, values):
    ends = np.cumsum([weight.size for weight in weights])[:-1]
    for weight, part in zip(weights, np.split(values, ends), strict=True):
        weight.assign(part.reshape(weight.shape).astype(weight.dtype))


@contextlib.contextmanager
def _borrowed(model):
    """Give a model's weights, state and metrics back as they were, also after an error."""
    measures = [variable for metric in model.metrics for variable in metric.variables]
    kept = [(variable, variable.numpy().copy()) for variable in [*model.weights, *measures]]
    try:
        yield
    finally:
        for variable, values in kept:
            variable.assign(values)
