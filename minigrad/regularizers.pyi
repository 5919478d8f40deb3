# By tests/typing/make_stubs.py
from typing import Any, Self
from minigrad._types import Float, TensorLike
from minigrad.utils.registry import Registry
from minigrad.core import Tensor
from minigrad.constraints import serialize as serialize
EPSILON: float
REGULARIZERS: Registry
def get(identifier: Any) -> Any: ...
def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any: ...
class Regularizer:
    def __call__(self, x: TensorLike) -> Tensor: ...
    unsaved: Any
    def get_config(self) -> dict[str, Any]: ...
    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self: ...
    def _keep(
        self, interval: str = "(-inf, inf)", kind: Any = ..., optional: bool = False, **values: Any,
    ) -> Any: ...
    set_first: Any
class L1(Regularizer):
    def __init__(self, l1: Float = 0.01) -> None: ...
    l1: float
class L2(Regularizer):
    def __init__(self, l2: Float = 0.01) -> None: ...
    l2: float
class L1L2(Regularizer):
    def __init__(self, l1: Float = 0.0, l2: Float = 0.0) -> None: ...
    l1: float
    l2: float
class OrthogonalRegularizer(Regularizer):
    def __init__(self, factor: Float = 0.01, mode: str = "rows") -> None: ...
    factor: float
    mode: Any
l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer
