# By tests/typing/make_stubs.py
import numpy as np
from collections.abc import Sequence
from typing import Any, Self
from minigrad._types import (
    Array, Int, Float, TensorLike, AnyType, Sizes, Axis, AnyFunction, InitializerLike,
)
from minigrad.core import Parameter
from minigrad.utils.registry import Registry
from minigrad.losses import (
    categorical_hinge as categorical_hinge, hinge as hinge,
    mean_absolute_percentage_error as mean_absolute_percentage_error,
    mean_squared_logarithmic_error as mean_squared_logarithmic_error, poisson as poisson,
    squared_hinge as squared_hinge, binary_crossentropy as binary_crossentropy,
    binary_focal_crossentropy as binary_focal_crossentropy,
    categorical_crossentropy as categorical_crossentropy,
    categorical_focal_crossentropy as categorical_focal_crossentropy, huber as huber,
    kl_divergence as kl_divergence, log_cosh as log_cosh,
    mean_absolute_error as mean_absolute_error, mean_squared_error as mean_squared_error,
    sparse_categorical_crossentropy as sparse_categorical_crossentropy, takes as takes,
)
from minigrad.constraints import serialize as serialize
METRICS: Registry
def cosine_similarity(y_true: Any, y_pred: Any, axis: Axis | None = -1) -> Any: ...
def accuracy(y_true: Any, y_pred: Any) -> Any: ...
def binary_accuracy(y_true: Any, y_pred: Any, threshold: Float = 0.5) -> Any: ...
def categorical_accuracy(y_true: Any, y_pred: Any) -> Any: ...
def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any: ...
def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: Int = 5, from_sorted_ids: bool = False,
) -> Any: ...
def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: Int = 5) -> Any: ...
def concordance_correlation(y_true: Any, y_pred: Any, axis: Axis | None = -1) -> Any: ...
def pearson_correlation(y_true: Any, y_pred: Any, axis: Axis | None = -1) -> Any: ...
def get(identifier: Any) -> Any: ...
def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any: ...
class Metric:
    direction: Any
    set_first: str
    def __init__(self, dtype: AnyType | None = None, name: str | None = None) -> None: ...
    @property
    def variables(self) -> list[Parameter]: ...
    def add_weight(
        self, shape: Sizes = (), initializer: InitializerLike | None = None,
        dtype: AnyType | None = None, name: str | None = None,
    ) -> Parameter: ...
    def add_variable(
        self, shape: Sizes, initializer: InitializerLike | None = None,
        dtype: AnyType | None = None, aggregation: Any = None, name: str | None = None,
    ) -> Parameter: ...
    def update_state(self, *args: Any, **kwargs: Any) -> None: ...
    def result(self) -> Any: ...
    def reset_state(self) -> None: ...
    def stateless_update_state(self, *_: Any, **__: Any) -> Any: ...
    def stateless_result(self, *_: Any, **__: Any) -> Any: ...
    def stateless_reset_state(self, *_: Any, **__: Any) -> Any: ...
    def __call__(self, *arguments: Any, **named: Any) -> Any: ...
    unsaved: Any
    def get_config(self) -> dict[str, Any]: ...
    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self: ...
    def _keep(
        self, interval: str = "(-inf, inf)", kind: Any = ..., optional: bool = False, **values: Any,
    ) -> Any: ...
    dtype: np.dtype[Any]
    name: str
class Mean(Metric):
    def __init__(self, name: str | None = "mean", dtype: AnyType | None = None) -> None: ...
    def update_state(self, values: Any, sample_weight: Any = None) -> None: ...
    total: Any
    count: Any
class Sum(Metric):
    def __init__(self, name: str | None = "sum", dtype: AnyType | None = None) -> None: ...
    def update_state(self, values: Any, sample_weight: Any = None) -> None: ...
    total: Any
class FBetaScore(Metric):
    direction: str
    def __init__(
        self, average: str | None = None, beta: TensorLike | None = 1.0,
        threshold: Float | None = None, name: str | None = "fbeta_score",
        dtype: AnyType | None = None,
    ) -> None: ...
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None: ...
    average: Any
    beta: Parameter | None
    threshold: Any
class IoU(Metric):
    direction: str
    def __init__(
        self, num_classes: Int, target_class_ids: Int | Sequence[int], name: str | None = None,
        dtype: AnyType | None = None, ignore_class: Int | None = None, sparse_y_true: bool = True,
        sparse_y_pred: bool = True, axis: Axis | None = -1,
    ) -> None: ...
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None: ...
    num_classes: int
    target_class_ids: Any
    ignore_class: Any
    sparse_y_true: Any
    sparse_y_pred: Any
    axis: Any
    total_cm: Any
class R2Score(Metric):
    direction: str
    def __init__(
        self, class_aggregation: str = "uniform_average", num_regressors: Int = 0,
        name: str | None = "r2_score", dtype: AnyType | None = None,
    ) -> None: ...
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None: ...
    class_aggregation: Any
    num_regressors: int
    num_samples: int
class AUC(Metric):
    def __init__(
        self, num_thresholds: Int = 200, curve: str = "ROC",
        summation_method: str = "interpolation", name: str | None = None,
        dtype: AnyType | None = None, thresholds: Any = None, multi_label: bool = False,
        num_labels: Int | None = None, label_weights: Any = None, from_logits: bool = False,
    ) -> None: ...
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None: ...
    direction: str
    counts: Any
    keeps_labels: bool
    num_thresholds: int
    curve: Any
    summation_method: Any
    multi_label: Any
    label_weights: Any
    from_logits: Any
    thresholds: Any
    is_one: Any
class F1Score(FBetaScore):
    def __init__(
        self, average: str | None = None, threshold: Float | None = None,
        name: str | None = "f1_score", dtype: AnyType | None = None,
    ) -> None: ...
class BinaryIoU(IoU):
    def __init__(
        self, target_class_ids: Int | Sequence[int] = (0, 1), threshold: Float = 0.5,
        name: str | None = None, dtype: AnyType | None = None,
    ) -> None: ...
    threshold: float
class MeanIoU(IoU):
    def __init__(
        self, num_classes: Int, name: str | None = None, dtype: AnyType | None = None,
        ignore_class: Int | None = None, sparse_y_true: bool = True, sparse_y_pred: bool = True,
        axis: Axis | None = -1,
    ) -> None: ...
class OneHotIoU(IoU):
    def __init__(
        self, num_classes: Int, target_class_ids: Int | Sequence[int], name: str | None = None,
        dtype: AnyType | None = None, ignore_class: Int | None = None, sparse_y_pred: bool = False,
        axis: Axis | None = -1,
    ) -> None: ...
class MeanMetricWrapper(Mean):
    options_first: bool
    def __init__(
        self, fn: AnyFunction, name: str | None = None, dtype: AnyType | None = None,
        direction: Any = None,
    ) -> None: ...
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None: ...  # type: ignore[override]
    first_arguments: Any
    @property
    def fn(self) -> Any: ...
    function: Any
    options: Any
class FalseNegatives(Metric):
    counts: Any
    direction: str
    def __init__(
        self, thresholds: Any = None, name: str | None = None, dtype: AnyType | None = None,
    ) -> None: ...
    keeps_labels: bool
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None: ...
    thresholds: Any
    is_one: Any
class FalsePositives(Metric):
    counts: Any
    direction: str
    def __init__(
        self, thresholds: Any = None, name: str | None = None, dtype: AnyType | None = None,
    ) -> None: ...
    keeps_labels: bool
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None: ...
    thresholds: Any
    is_one: Any
class Precision(Metric):
    counts: Any
    def __init__(
        self, thresholds: Any = None, top_k: Int | None = None, class_id: Int | None = None,
        name: str | None = None, dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
    keeps_labels: bool
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None: ...
    top_k: tuple[Any, Array]
    class_id: Any
    thresholds: Any
    is_one: Any
class Recall(Metric):
    counts: Any
    def __init__(
        self, thresholds: Any = None, top_k: Int | None = None, class_id: Int | None = None,
        name: str | None = None, dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
    keeps_labels: bool
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None: ...
    top_k: tuple[Any, Array]
    class_id: Any
    thresholds: Any
    is_one: Any
class TrueNegatives(Metric):
    counts: Any
    def __init__(
        self, thresholds: Any = None, name: str | None = None, dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
    keeps_labels: bool
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None: ...
    thresholds: Any
    is_one: Any
class TruePositives(Metric):
    counts: Any
    def __init__(
        self, thresholds: Any = None, name: str | None = None, dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
    keeps_labels: bool
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None: ...
    thresholds: Any
    is_one: Any
class OneHotMeanIoU(MeanIoU):
    def __init__(
        self, num_classes: Int, name: str | None = None, dtype: AnyType | None = None,
        ignore_class: Int | None = None, sparse_y_pred: bool = False, axis: Axis | None = -1,
    ) -> None: ...
class PrecisionAtRecall(Metric):
    rate_name: str
    def __init__(
        self, recall: Float, num_thresholds: Int = 200, class_id: Int | None = None,
        name: str | None = None, dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
    counts: Any
    keeps_labels: bool
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None: ...
    num_thresholds: int
    top_k: tuple[Any, Array]
    class_id: Any
    thresholds: Any
    is_one: Any
class RecallAtPrecision(Metric):
    rate_name: str
    def __init__(
        self, precision: Float, num_thresholds: Int = 200, class_id: Int | None = None,
        name: str | None = None, dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
    counts: Any
    keeps_labels: bool
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None: ...
    num_thresholds: int
    top_k: tuple[Any, Array]
    class_id: Any
    thresholds: Any
    is_one: Any
class SensitivityAtSpecificity(Metric):
    rate_name: str
    def __init__(
        self, specificity: Float, num_thresholds: Int = 200, class_id: Int | None = None,
        name: str | None = None, dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
    counts: Any
    keeps_labels: bool
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None: ...
    num_thresholds: int
    top_k: tuple[Any, Array]
    class_id: Any
    thresholds: Any
    is_one: Any
class SpecificityAtSensitivity(Metric):
    rate_name: str
    def __init__(
        self, sensitivity: Float, num_thresholds: Int = 200, class_id: Int | None = None,
        name: str | None = None, dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
    counts: Any
    keeps_labels: bool
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None: ...
    num_thresholds: int
    top_k: tuple[Any, Array]
    class_id: Any
    thresholds: Any
    is_one: Any
class Accuracy(MeanMetricWrapper):
    direction: str
    def __init__(self, name: str | None = "accuracy", dtype: AnyType | None = None) -> None: ...
class BinaryAccuracy(MeanMetricWrapper):
    function: AnyFunction
    @property
    def threshold(self) -> Any: ...
    def __init__(
        self, name: str | None = "binary_accuracy", dtype: AnyType | None = None,
        threshold: Float = 0.5,
    ) -> None: ...
    direction: str
class CategoricalAccuracy(MeanMetricWrapper):
    function: AnyFunction
    def __init__(
        self, name: str | None = "categorical_accuracy", dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
class CategoricalCrossentropy(MeanMetricWrapper):
    function: AnyFunction
    @property
    def from_logits(self) -> Any: ...
    @property
    def label_smoothing(self) -> Any: ...
    @property
    def axis(self) -> Any: ...
    def __init__(
        self, name: str | None = "categorical_crossentropy", dtype: AnyType | None = None,
        from_logits: bool = False, label_smoothing: Float = 0.0, axis: Axis | None = -1,
    ) -> None: ...
    direction: str
class CategoricalHinge(MeanMetricWrapper):
    function: AnyFunction
    def __init__(
        self, name: str | None = "categorical_hinge", dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
class CosineSimilarity(MeanMetricWrapper):
    function: AnyFunction
    @property
    def axis(self) -> Any: ...
    def __init__(
        self, name: str | None = "cosine_similarity", dtype: AnyType | None = None,
        axis: Axis | None = -1,
    ) -> None: ...
    direction: str
class KLDivergence(MeanMetricWrapper):
    function: AnyFunction
    def __init__(
        self, name: str | None = "kl_divergence", dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
class SparseCategoricalAccuracy(MeanMetricWrapper):
    function: AnyFunction
    def __init__(
        self, name: str | None = "sparse_categorical_accuracy", dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
class SparseCategoricalCrossentropy(MeanMetricWrapper):
    function: AnyFunction
    @property
    def from_logits(self) -> Any: ...
    @property
    def ignore_class(self) -> Any: ...
    @property
    def axis(self) -> Any: ...
    def __init__(
        self, name: str | None = "sparse_categorical_crossentropy", dtype: AnyType | None = None,
        from_logits: bool = False, ignore_class: Int | None = None, axis: Axis | None = -1,
    ) -> None: ...
    direction: str
class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    function: AnyFunction
    @property
    def k(self) -> Any: ...
    @property
    def from_sorted_ids(self) -> Any: ...
    def __init__(
        self, k: Int = 5, name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: AnyType | None = None, from_sorted_ids: bool = False,
    ) -> None: ...
    direction: str
class TopKCategoricalAccuracy(MeanMetricWrapper):
    function: AnyFunction
    @property
    def k(self) -> Any: ...
    def __init__(
        self, k: Int = 5, name: str | None = "top_k_categorical_accuracy",
        dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
class ConcordanceCorrelation(MeanMetricWrapper):
    function: AnyFunction
    @property
    def axis(self) -> Any: ...
    def __init__(
        self, name: str | None = "concordance_correlation", dtype: AnyType | None = None,
        axis: Axis | None = -1,
    ) -> None: ...
    direction: str
class PearsonCorrelation(MeanMetricWrapper):
    function: AnyFunction
    @property
    def axis(self) -> Any: ...
    def __init__(
        self, name: str | None = "pearson_correlation", dtype: AnyType | None = None,
        axis: Axis | None = -1,
    ) -> None: ...
    direction: str
class BinaryCrossentropy(MeanMetricWrapper):
    function: AnyFunction
    @property
    def from_logits(self) -> Any: ...
    @property
    def label_smoothing(self) -> Any: ...
    def __init__(
        self, name: str | None = "binary_crossentropy", dtype: AnyType | None = None,
        from_logits: bool = False, label_smoothing: Float = 0.0,
    ) -> None: ...
    direction: str
class Hinge(MeanMetricWrapper):
    function: AnyFunction
    def __init__(self, name: str | None = "hinge", dtype: AnyType | None = None) -> None: ...
    direction: str
class LogCoshError(MeanMetricWrapper):
    def __init__(self, name: str | None = "logcosh", dtype: AnyType | None = None) -> None: ...
    function: AnyFunction
    direction: str
class MeanAbsoluteError(MeanMetricWrapper):
    function: AnyFunction
    def __init__(
        self, name: str | None = "mean_absolute_error", dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
class MeanAbsolutePercentageError(MeanMetricWrapper):
    function: AnyFunction
    def __init__(
        self, name: str | None = "mean_absolute_percentage_error", dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
class MeanSquaredError(MeanMetricWrapper):
    function: AnyFunction
    def __init__(
        self, name: str | None = "mean_squared_error", dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
class MeanSquaredLogarithmicError(MeanMetricWrapper):
    function: AnyFunction
    def __init__(
        self, name: str | None = "mean_squared_logarithmic_error", dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
class Poisson(MeanMetricWrapper):
    function: AnyFunction
    def __init__(self, name: str | None = "poisson", dtype: AnyType | None = None) -> None: ...
    direction: str
class SquaredHinge(MeanMetricWrapper):
    function: AnyFunction
    def __init__(
        self, name: str | None = "squared_hinge", dtype: AnyType | None = None,
    ) -> None: ...
    direction: str
class RootMeanSquaredError(MeanSquaredError):
    def __init__(
        self, name: str | None = "root_mean_squared_error", dtype: AnyType | None = None,
    ) -> None: ...
