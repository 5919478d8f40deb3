# By tests/typing/make_stubs.py
from collections.abc import Sequence
from typing import Any, Literal, Self
from minigrad._types import (
    Array, Int, Float, TensorLike, FloatType, Shape, AnyFunction, RegularizerLike, LossLike,
    MetricLike, Verbose, Path,
)
from minigrad.callbacks import Callback, History
from minigrad.optimizers import Optimizer
from minigrad.core import Tensor
from minigrad.layers import Layer
def load_model(
    filepath: Path, custom_objects: dict[str, Any] | None = None, compile: bool = True,
    safe_mode: bool = True,
) -> Model: ...
def save_model(
    model: Any, filepath: Path, overwrite: bool = True, zipped: bool | None = None,
    include_optimizer: bool = True, *, save_format: str | None = None,
) -> None: ...
def clone_model(
    model: Any, input_tensors: Any = None, clone_function: AnyFunction | None = None,
    call_function: AnyFunction | None = None, recursive: bool = False,
) -> Model: ...
def model_from_json(
    json_string: str | None, custom_objects: dict[str, Any] | None = None,
) -> Model: ...
class Model(Layer):
    def __init__(
        self, inputs: Any = None, outputs: Any = None, name: str | None = None,
        trainable: bool = True, *, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    @property
    def layers(self) -> list[Layer]: ...
    @property
    def inputs(self) -> Any: ...
    @property
    def outputs(self) -> Any: ...
    @property
    def output_names(self) -> list[str]: ...
    def get_layer(self, name: str | None = None, index: Int | None = None) -> Layer: ...
    def summary(
        self, line_length: Int | None = None, positions: Any = None,
        print_fn: AnyFunction | None = None, expand_nested: bool = False,
        show_trainable: bool = False, layer_range: Any = None, show_operations: bool = False,
    ) -> None: ...
    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None,
    ) -> Self: ...
    def to_json(self, **options: Any) -> str: ...
    def get_compile_config(self) -> dict[str, Any]: ...
    def compile_from_config(self, config: dict[str, Any]) -> Any: ...
    def save(
        self, filepath: Path, overwrite: bool = True, zipped: bool | None = None, *,
        include_optimizer: bool = True, save_format: str | None = None,
    ) -> None: ...
    def export(
        self, filepath: Path, format: str = "onnx", verbose: Any = None,
        input_signature: Any = None, **options: Any,
    ) -> Any: ...
    def save_weights(self, filepath: Path, overwrite: bool = True) -> None: ...
    def load_weights(self, filepath: Path, skip_mismatch: bool = False) -> None: ...
    def weights_hash(self) -> str: ...
    optimizer: Optimizer
    loss: Any
    history: History
    stop_training: bool
    stop_evaluating: bool
    stop_predicting: bool
    @property
    def compiled(self) -> bool: ...
    train_function: Any
    def compile(
        self, optimizer: str | Optimizer = "rmsprop",
        loss: LossLike | list[Any] | tuple[Any, ...] | dict[str, Any] | None = None,
        loss_weights: Float | list[float] | dict[str, float] | None = None,
        metrics: MetricLike | Sequence[Any] | dict[str, Any] | None = None,
        weighted_metrics: MetricLike | Sequence[Any] | dict[str, Any] | None = None,
        run_eagerly: bool = False, steps_per_execution: Int = 1, jit_compile: str = "auto",
        auto_scale_loss: bool = True,
    ) -> None: ...
    @property
    def metrics(self) -> list[Any]: ...
    @property
    def metrics_names(self) -> list[str]: ...
    def reset_metrics(self) -> None: ...
    def get_metrics_result(self) -> dict[str, Any]: ...
    def train_step(self, data: Any) -> Any: ...
    def test_step(self, data: Any) -> Any: ...
    def predict_step(self, data: Any) -> Any: ...
    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor: ...
    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any: ...
    def zero_grad(self) -> None: ...
    def fit(
        self, x: Any = None, y: Any = None, batch_size: Int | None = None, epochs: Int = 1,
        verbose: Verbose = "auto", callbacks: Callback | Sequence[Callback] | None = None,
        validation_split: Float = 0.0, validation_data: Any = None,
        shuffle: bool | Literal["batch"] = True, class_weight: dict[Any, float] | None = None,
        sample_weight: Any = None, initial_epoch: Int = 0, steps_per_epoch: Int | None = None,
        validation_steps: Int | None = None, validation_batch_size: Int | None = None,
        validation_freq: Int | Sequence[int] = 1,
    ) -> History: ...
    def evaluate(
        self, x: Any = None, y: Any = None, batch_size: Int | None = None,
        verbose: Verbose = "auto", sample_weight: Any = None, steps: Int | None = None,
        callbacks: Callback | Sequence[Callback] | None = None, return_dict: bool = False,
    ) -> Any: ...
    def predict(
        self, x: Any, batch_size: Int | None = None, verbose: Verbose = "auto",
        steps: Int | None = None, callbacks: Callback | Sequence[Callback] | None = None,
    ) -> Any: ...
    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None,
        class_weight: dict[Any, float] | None = None, return_dict: bool = False,
    ) -> Any: ...
    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False,
    ) -> Any: ...
    def predict_on_batch(self, x: Any) -> Any: ...
    def fit_generator(
        self, generator: Any, steps_per_epoch: Int | None = None, epochs: Int = 1,
        verbose: str = "auto", callbacks: Callback | Sequence[Callback] | None = None,
        validation_data: Any = None, samples_per_epoch: Any = None, nb_val_samples: Any = None, *,
        y: TensorLike | None = None, batch_size: Int | None = None, validation_split: Float = 0.0,
        shuffle: bool = True, class_weight: dict[Any, float] | None = None,
        sample_weight: Any = None, initial_epoch: Int = 0, validation_steps: Int | None = None,
        validation_batch_size: Int | None = None, validation_freq: Int | Sequence[int] = 1,
    ) -> History: ...
    def evaluate_generator(
        self, generator: Any, steps: Int | None = None,
        callbacks: Callback | Sequence[Callback] | None = None, *, y: TensorLike | None = None,
        batch_size: Int | None = None, verbose: str = "auto", sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any: ...
    def predict_generator(
        self, generator: Any, steps: Int | None = None,
        callbacks: Callback | Sequence[Callback] | None = None, *, batch_size: Int | None = None,
        verbose: str = "auto",
    ) -> Any: ...
    def predict_proba(
        self, x: TensorLike, batch_size: Int | None = None, verbose: Int = 0,
    ) -> Array: ...
    def predict_classes(
        self, x: TensorLike, batch_size: Int | None = None, verbose: Int = 0,
    ) -> Any: ...
class Sequential(Model):
    def __init__(
        self, layers: Sequence[Layer | Tensor] | None = None, trainable: bool = True,
        name: str | None = None,
    ) -> None: ...
    def add(self, layer: Layer | Tensor) -> None: ...
    def pop(self) -> Layer: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
Functional = Model
