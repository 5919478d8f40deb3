# By tests/typing/make_stubs.py
from typing import Any, Self
from minigrad._types import Array, Float, TensorLike, Axis
from minigrad.utils.registry import Registry
EPSILON: float
CONSTRAINTS: Registry
def get(identifier: Any) -> Any: ...
def serialize(value: Any, place: str = "serialize") -> Any: ...
def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any: ...
class Constraint:
    def __call__(self, w: TensorLike) -> Array: ...
    unsaved: Any
    def get_config(self) -> dict[str, Any]: ...
    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self: ...
    def _keep(
        self, interval: str = "(-inf, inf)", kind: Any = ..., optional: bool = False, **values: Any,
    ) -> Any: ...
    set_first: Any
class NonNeg(Constraint): ...
class MaxNorm(Constraint):
    def __init__(self, max_value: Float = 2, axis: Axis | None = 0) -> None: ...
    max_value: float
    axis: Any
class UnitNorm(Constraint):
    def __init__(self, axis: Axis | None = 0) -> None: ...
    axis: Any
class MinMaxNorm(Constraint):
    def __init__(
        self, min_value: Float = 0.0, max_value: Float = 1.0, rate: Float = 1.0,
        axis: Axis | None = 0,
    ) -> None: ...
    max_value: float
    min_value: float
    rate: float
    axis: Any
non_neg = NonNeg
max_norm = MaxNorm
unit_norm = UnitNorm
min_max_norm = MinMaxNorm
