# By tests/typing/make_stubs.py
from collections.abc import Callable
from os import PathLike
from typing import Any, Literal, Protocol, TypeAlias, TypeVar
import numpy as np
from numpy.typing import NDArray
from minigrad.constraints import Constraint
from minigrad.core import Tensor
from minigrad.initializers import Initializer
from minigrad.losses import Loss
from minigrad.metrics import Metric
from minigrad.optimizers.schedules import LearningRateSchedule
from minigrad.regularizers import Regularizer
class HasArray(Protocol):
    def __array__(self) -> Any: ...
Array: TypeAlias = NDArray[Any]
Objects: TypeAlias = NDArray[np.object_]
F = TypeVar("F", bound=Callable[..., Any])
Int: TypeAlias = int | np.integer[Any]
Float: TypeAlias = float | np.floating[Any] | np.integer[Any]
ArrayLike: TypeAlias = HasArray | np.generic | float | list[Any] | tuple[Any, ...] | range
TensorLike: TypeAlias = Tensor | ArrayLike
AnyType: TypeAlias = str | type[Any] | np.dtype[Any]
FloatType: TypeAlias = Literal["float32", "float64"] | type[np.floating[Any]] | np.dtype[Any]
Shape: TypeAlias = tuple[int | None, ...] | list[int] | list[int | None]
Sizes: TypeAlias = Int | tuple[int, ...] | list[int]
Axis: TypeAlias = Int | tuple[int, ...] | list[int]
Pair: TypeAlias = Int | tuple[int, int] | tuple[int] | list[int]
ReductionName: TypeAlias = Literal["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none"]
Padding: TypeAlias = Literal["valid", "same"]
DataFormat: TypeAlias = Literal["channels_last"]
AnyFunction: TypeAlias = Callable[..., Any]
ActivationLike: TypeAlias = str | Callable[[Tensor], Tensor]
InitializerLike: TypeAlias = str | Initializer | type[Initializer] | dict[str, Any] | AnyFunction
RegularizerLike: TypeAlias = str | Regularizer | type[Regularizer] | dict[str, Any] | AnyFunction
ConstraintLike: TypeAlias = str | Constraint | type[Constraint] | dict[str, Any] | AnyFunction
Rate: TypeAlias = Float | LearningRateSchedule | AnyFunction
LossLike: TypeAlias = str | Loss | type[Loss] | AnyFunction
MetricLike: TypeAlias = str | Metric | type[Metric] | AnyFunction
Verbose: TypeAlias = Literal["auto", 0, 1, 2] | bool
Path: TypeAlias = str | PathLike[str]
Logs: TypeAlias = dict[str, Any] | None
Range: TypeAlias = Float | tuple[float, float] | list[float]
