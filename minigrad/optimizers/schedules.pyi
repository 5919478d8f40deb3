# By tests/typing/make_stubs.py
from collections.abc import Sequence
from typing import Any, Self
from minigrad._types import Float
from minigrad.utils.registry import Registry
from minigrad.constraints import serialize as serialize
SCHEDULES: Registry
def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any: ...
class LearningRateSchedule:
    def __call__(self, step: Any) -> float: ...
    unsaved: Any
    def get_config(self) -> dict[str, Any]: ...
    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self: ...
    def _keep(
        self, interval: str = "(-inf, inf)", kind: Any = ..., optional: bool = False, **values: Any,
    ) -> Any: ...
    set_first: Any
class ExponentialDecay(LearningRateSchedule):
    def __init__(
        self, initial_learning_rate: Float, decay_steps: Float, decay_rate: Float,
        staircase: bool = False, name: str | None = None,
    ) -> None: ...
    name: Any
    initial_learning_rate: float
    decay_rate: float
    decay_steps: float
    staircase: Any
class PiecewiseConstantDecay(LearningRateSchedule):
    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str | None = None,
    ) -> None: ...
    name: Any
    boundaries: Any
    values: Any
class PolynomialDecay(LearningRateSchedule):
    def __init__(
        self, initial_learning_rate: Float, decay_steps: Float, end_learning_rate: Float = 0.0001,
        power: Float = 1.0, cycle: bool = False, name: str | None = None,
    ) -> None: ...
    name: Any
    decay_steps: float
    initial_learning_rate: float
    power: float
    end_learning_rate: float
    cycle: Any
class CosineDecay(LearningRateSchedule):
    def __init__(
        self, initial_learning_rate: Float, decay_steps: Float, alpha: Float = 0.0,
        name: str | None = None, warmup_target: Float | None = None, warmup_steps: Float = 0,
    ) -> None: ...
    name: Any
    initial_learning_rate: float
    alpha: float
    decay_steps: float
    warmup_target: Any
    warmup_steps: float
class CosineDecayRestarts(LearningRateSchedule):
    def __init__(
        self, initial_learning_rate: Float, first_decay_steps: Float, t_mul: Float = 2.0,
        m_mul: Float = 1.0, alpha: Float = 0.0, name: str | None = None,
    ) -> None: ...
    name: Any
    initial_learning_rate: float
    m_mul: float
    alpha: float
    first_decay_steps: float
    t_mul: float
class InverseTimeDecay(ExponentialDecay): ...
