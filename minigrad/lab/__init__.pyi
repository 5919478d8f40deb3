# By tests/typing/make_stubs.py
from collections.abc import Sequence
from typing import Any, Literal, Self
from minigrad._types import Array, Int, Float, TensorLike, AnyFunction, Rate, Path
from minigrad.callbacks import Callback
RULES: Any
SURFACES: Any
def compare(
    build_model: AnyFunction, optimizers: Any, x: Any, y: Any, batch_size: Int | None = 32,
    epochs: Int = 1, verbose: Int = 1, validation_data: Any = None,
    seeds: Sequence[int] = (0, 1, 2), title: str | None = "data",
) -> Any: ...
def sweep(
    build_model: AnyFunction, optimizers: Any, learning_rates: Sequence[float], x: Any, y: Any,
    batch_size: Int | None = 32, epochs: Int = 1, verbose: Int = 1, validation_data: Any = None,
    seeds: Sequence[int] = (0,), title: str | None = "data",
) -> Any: ...
def explain(
    tensor: TensorLike, print_fn: AnyFunction = ..., watch: Any = None, depth: Int | None = None,
) -> Any: ...
def feature_maps(model: Any, sample: Any) -> Any: ...
def landscape(
    model: Any, x: Any, y: Any, trajectory: Any = None, directions: Any = None, reach: Float = 1.0,
    points: Int = 21, batch_size: Int | None = 1000, seed: Int | None = 0,
    title: str | None = "loss",
) -> Any: ...
def compare_tuned(
    build_model: AnyFunction, optimizers: Any, learning_rates: Sequence[float], x: Any, y: Any,
    test_data: Any, held_out: Float = 0.1, batch_size: Int | None = 32, epochs: Int = 2,
    short: Any = None, seeds: Sequence[int] = (0, 1, 2, 3, 4), tuning_seed: Int = 100,
    verbose: Int = 1, title: str | None = "data",
) -> Any: ...
def range_test(
    build_model: AnyFunction, optimizer: Any, x: Any, y: Any, batch_size: Int | None = 32,
    low: Float = 1e-06, high: Float = 10.0, steps: Int | None = 200, smoothing: Float = 0.9,
    seed: Int | None = 0, title: str | None = "data",
) -> Any: ...
def descend(
    function: AnyFunction, optimizer: Any, start: Any, steps: Int | None = 100, noise: Float = 0.0,
    seed: Int | None = 0, label: str | None = None,
) -> Any: ...
def race(
    surface: Any, rules: Any = ..., steps: Int | None = None, learning_rate: Float | None = None,
    seed: Int | None = 0,
) -> Any: ...
class Graph:
    def __init__(self, tensor: TensorLike, watch: Any = None, depth: Int | None = None) -> None: ...
    def save(self, path: Path) -> None: ...
    vertices: Any
    leaves: Any
class Landscape:
    path: Any
    explained: Any
    def plot(self, ax: Any = None, theme: Literal["light", "dark"] = "light") -> Any: ...
    def __init__(
        self, title: str | None, a: Any, b: Any, losses: Any, directions: Any, kind: Any,
        steps: Int | None = ..., path: Any = None, explained: Any = None,
    ) -> None: ...
    title: str
    a: Array
    b: Array
    losses: Array
    directions: Array
    kind: str
    steps: Any
class Microscope:
    def __init__(self, optimizer: Any, parameter: Any, only: Any = None) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *error: Any) -> None: ...
    def on_step_begin(self, gradients: Any, states: Any) -> Any: ...
    def on_step_end(self, gradients: Any, states: Any) -> Any: ...
    model: Any
    optimizer: Any
    parameter: Any
    only: Any
    steps: Any
class RangeTest:
    @property
    def lowest(self) -> Any: ...
    @property
    def suggestion(self) -> Any: ...
    def plot(self, ax: Any = None, theme: Literal["light", "dark"] = "light") -> Any: ...
    def __init__(
        self, title: str | None, optimizer: Any, rates: Any, losses: Any, smoothed: Any,
        blew_up: Any,
    ) -> None: ...
    title: str
    optimizer: str
    rates: Array
    losses: Array
    smoothed: Array
    blew_up: Any
class Run:
    outcome: str
    detail: str
    rule: str
    @property
    def names(self) -> Any: ...
    def __init__(
        self, optimizer: Any, seed: Int | None, learning_rate: Rate, outcome: str = "interrupted",
        detail: str = "", steps: Int | None = ..., epochs: Int = ..., rule: str = "",
    ) -> None: ...
    optimizer: str
    seed: int
    learning_rate: float
    steps: Any
    epochs: Any
class Descent:
    @property
    def label(self) -> Any: ...
    @property
    def diverged(self) -> Any: ...
    def __init__(
        self, rule: Any, rate: Float, positions: Any, values: Any, gradients: Any, name: str | None,
    ) -> None: ...
    rule: str
    rate: float
    positions: Array
    values: Array
    gradients: Array
    name: str
class Surface:
    minima: Any
    gradient_rate: float
    step_size: float
    steps: int
    noise: float
    floor: float
    def __call__(self, x: TensorLike, y: TensorLike) -> Any: ...
    def values(self, x: TensorLike, y: TensorLike) -> Any: ...
    @property
    def lowest(self) -> Any: ...
    def grid(self, points: Int = 201) -> Any: ...
    def __init__(
        self, title: str | None, formula: Any, function: AnyFunction, x_range: Any, y_range: Any,
        start: Any, minima: Any = (), gradient_rate: Float = 0.01, step_size: Float = 0.1,
        steps: Int | None = 100, noise: Float = 0.0, floor: Float = 0.001,
    ) -> None: ...
    title: str
    formula: str
    function: Any
    x_range: Any
    y_range: Any
    start: Any
class Watch:
    def __init__(self, model: Any) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *error: Any) -> None: ...
    def calls_around(self, node: Any) -> Any: ...
    model: Any
class Comparison:
    def runs_of(self, label: str | None) -> Any: ...
    def means(self, label: str | None, name: str | None) -> Any: ...
    def plot(self) -> Any: ...
    @property
    def labels(self) -> Any: ...
    @property
    def names(self) -> Any: ...
    @property
    def loss_name(self) -> Any: ...
    @property
    def headline(self) -> Any: ...
    def save(self, path: Path) -> None: ...
    @classmethod
    def load(cls, path: Path) -> Any: ...
    def __init__(
        self, title: str | None, samples: Any, batch_size: Int | None, threads: Any, runs: Any,
    ) -> None: ...
    title: str
    samples: int
    batch_size: int
    threads: int
    runs: Any
class Sweep:
    @property
    def learning_rates(self) -> Any: ...
    @property
    def untrained_loss(self) -> Any: ...
    def final_losses(self, label: str | None) -> Any: ...
    def plot(self) -> Any: ...
    @property
    def labels(self) -> Any: ...
    @property
    def names(self) -> Any: ...
    @property
    def loss_name(self) -> Any: ...
    @property
    def headline(self) -> Any: ...
    def save(self, path: Path) -> None: ...
    @classmethod
    def load(cls, path: Path) -> Any: ...
    def __init__(
        self, title: str | None, samples: Any, batch_size: Int | None, threads: Any, runs: Any,
    ) -> None: ...
    title: str
    samples: int
    batch_size: int
    threads: int
    runs: Any
class Trajectory(Callback):
    def __init__(self, every: Int = 10) -> None: ...
    def _keep(self) -> Any: ...
    every: int
    steps: Any
    points: Any
class TunedComparison(Comparison):
    measure: str
    held_out: int
    short: int
    long: int
    tuning_seed: int
    @property
    def how(self) -> Any: ...
    def __init__(
        self, title: str | None, samples: Any, batch_size: Int | None, threads: Any, runs: Any,
        measure: str = "loss", held_out: Int = 0, short: Int = 0, long: Int = 0,
        tuning_seed: Int = 0, coarse: Any = ..., fine: Any = ..., rates: Any = ...,
    ) -> None: ...
    coarse: Any
    fine: Any
    rates: Any
class Recorder(Callback):
    def __init__(self, every: Int = 20) -> None: ...
    def on_step_begin(self, gradients: Any, states: Any) -> Any: ...
    def on_step_end(self, gradients: Any, states: Any) -> Any: ...
    every: int
    steps: Any
    loss: Any
    learning_rate: Any
    gradient_norms: Any
    update_ratios: Any
    dead_units: Any
