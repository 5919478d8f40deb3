# By tests/typing/make_stubs.py
import numpy as np
from typing import Any, Self
from minigrad._types import (
    Array, Int, Float, TensorLike, AnyType, FloatType, Shape, Sizes, Axis, Pair, Padding,
    DataFormat, AnyFunction, ActivationLike, InitializerLike, RegularizerLike, ConstraintLike,
    Range,
)
from minigrad.core import Parameter, Tensor
from minigrad.constraints import serialize as serialize
def Input(
    shape: Shape | None = None, batch_size: Int | None = None, dtype: AnyType | None = None,
    name: str | None = None, batch_shape: Shape | None = None,
) -> Tensor: ...
def add(
    inputs: TensorLike, *, name: str | None = None, trainable: bool = True,
    dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
    input_shape: Any = None, input_dim: Int | None = None,
) -> Tensor: ...
def average(
    inputs: TensorLike, *, name: str | None = None, trainable: bool = True,
    dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
    input_shape: Any = None, input_dim: Int | None = None,
) -> Tensor: ...
def concatenate(
    inputs: TensorLike, axis: Int = -1, *, name: str | None = None, trainable: bool = True,
    dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
    input_shape: Any = None, input_dim: Int | None = None,
) -> Tensor: ...
def dot(
    inputs: TensorLike, axes: Axis | None = -1, *, normalize: bool = False, name: str | None = None,
    trainable: bool = True, dtype: FloatType | None = None,
    activity_regularizer: RegularizerLike | None = None, input_shape: Any = None,
    input_dim: Int | None = None,
) -> Tensor: ...
def maximum(
    inputs: TensorLike, *, name: str | None = None, trainable: bool = True,
    dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
    input_shape: Any = None, input_dim: Int | None = None,
) -> Tensor: ...
def minimum(
    inputs: TensorLike, *, name: str | None = None, trainable: bool = True,
    dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
    input_shape: Any = None, input_dim: Int | None = None,
) -> Tensor: ...
def multiply(
    inputs: TensorLike, *, name: str | None = None, trainable: bool = True,
    dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
    input_shape: Any = None, input_dim: Int | None = None,
) -> Tensor: ...
def subtract(
    inputs: TensorLike, *, name: str | None = None, trainable: bool = True,
    dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
    input_shape: Any = None, input_dim: Int | None = None,
) -> Tensor: ...
def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any: ...
class InputSpec:
    def __init__(
        self, dtype: AnyType | None = None, shape: Shape | None = None, ndim: Int | None = None,
        max_ndim: Int | None = None, min_ndim: Int | None = None, axes: Axis | None = None,
        name: str | None = None,
    ) -> None: ...
    def expected(self, shape: Shape | None) -> Any: ...
    set_first: Any
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    ndim: int
    max_ndim: Any
    min_ndim: Any
    axes: Any
    name: Any
class Layer:
    unsaved: Any
    set_first: str
    rank: int | None
    min_rank: int
    fixed_axes: tuple[int, ...]
    has_no_weights: bool
    def __init__(
        self, name: str | None = None, trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, *args: Any, **kwargs: Any) -> Any: ...
    def build(self, input_shape: Any) -> None: ...
    def compute_output_shape(self, input_shape: Any) -> Any: ...
    def add_weight(
        self, shape: Sizes = (), initializer: InitializerLike | None = "glorot_uniform",
        dtype: AnyType | None = None, trainable: bool = True, *, autocast: bool = True,
        regularizer: RegularizerLike | None = None, constraint: ConstraintLike | None = None,
        aggregation: str = "none", name: str | None = None,
    ) -> Parameter: ...
    def add_variable(
        self, shape: Sizes = (), initializer: InitializerLike | None = "glorot_uniform",
        dtype: AnyType | None = None, trainable: bool = True, *, autocast: bool = True,
        regularizer: RegularizerLike | None = None, constraint: ConstraintLike | None = None,
        aggregation: str = "none", name: str | None = None,
    ) -> Parameter: ...
    def add_loss(self, loss: Any) -> None: ...
    def __call__(
        self, x: Any = None, *others: Any, training: bool | None = None, **options: Any,
    ) -> Tensor: ...
    def fit_shape(self, shape: Sizes) -> Any: ...
    @property
    def name(self) -> str: ...
    @name.setter
    def name(self, value: str) -> None: ...
    @property
    def class_name(self) -> str: ...
    @property
    def losses(self) -> list[Any]: ...
    @property
    def output_shape(self) -> Any: ...
    def count_params(self) -> int: ...
    input_spec: Any
    supports_masking: bool
    autocast: bool
    @property
    def compute_dtype(self) -> Any: ...
    @property
    def variable_dtype(self) -> Any: ...
    @property
    def dtype_policy(self) -> Any: ...
    def note_shapes(self, options: Any) -> Any: ...
    def arrange_shapes(self, input_shape: Any, others: Any) -> Any: ...
    def check_input_spec(self, shape: Sizes) -> Any: ...
    @property
    def input(self) -> Any: ...
    @property
    def output(self) -> Any: ...
    def get_config(self) -> dict[str, Any]: ...
    def get_build_config(self) -> dict[str, Any]: ...
    def build_from_config(self, config: dict[str, Any]) -> Any: ...
    def save_own_variables(self, store: Any) -> Any: ...
    def load_own_variables(self, store: Any) -> Any: ...
    @property
    def holders(self) -> Any: ...
    @property
    def own_weights(self) -> list[Parameter]: ...
    @property
    def sublayers(self) -> list[Layer]: ...
    @property
    def trainable(self) -> bool: ...
    @trainable.setter
    def trainable(self, value: bool) -> None: ...
    @property
    def weights(self) -> list[Parameter]: ...
    @property
    def thawed_weights(self) -> list[Parameter]: ...
    @property
    def trainable_weights(self) -> list[Parameter]: ...
    @property
    def non_trainable_weights(self) -> list[Parameter]: ...
    @property
    def variables(self) -> list[Parameter]: ...
    @property
    def trainable_variables(self) -> list[Parameter]: ...
    @property
    def non_trainable_variables(self) -> list[Parameter]: ...
    def get_weights(self) -> list[Array]: ...
    def set_weights(self, arrays: Any) -> None: ...
    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self: ...
    def _keep(
        self, interval: str = "(-inf, inf)", kind: Any = ..., optional: bool = False, **values: Any,
    ) -> Any: ...
    built: bool
    has_automatic_name: bool
    dtype: np.dtype[Any]
    activity_regularizer: Any
    input_shape: Any
    data_format: str
class Reshape(Layer):
    def __init__(
        self, target_shape: Sizes, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    target_shape: Any
class Embedding(Layer):
    def __init__(
        self, input_dim: Int, output_dim: Int, embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike | None = None,
        embeddings_constraint: ConstraintLike | None = None, mask_zero: bool = False,
        weights: Any = None, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    input_dim: int
    output_dim: int
    mask_zero: Any
    embeddings: Parameter
class Lambda(Layer):
    def __init__(
        self, function: AnyFunction, output_shape: Any = None, mask: AnyFunction | None = None,
        arguments: Any = None, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    function: Any
    mask: Any
    arguments: Any
class TimeDistributed(Layer):
    def __init__(
        self, layer: Layer, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    layer: Any
class Permute(Layer):
    def __init__(
        self, dims: Axis, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    dims: Any
class RepeatVector(Layer):
    def __init__(
        self, n: Int, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    n: int
class CategoryEncoding(Layer):
    def __init__(
        self, num_tokens: Int | None = None, output_mode: str = "multi_hot", sparse: bool = False,
        *, name: str | None = None, trainable: bool = True, dtype: AnyType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    @property
    def depth(self) -> Any: ...
    def call(self, x: Any, count_weights: Any = None) -> Any: ...
    def encode(self, numbers: Any, weights: Any = None) -> Any: ...
    def values_of(self, x: TensorLike) -> Any: ...
    def whole_numbers_of(self, x: TensorLike) -> Any: ...
    num_tokens: Any
    output_mode: Any
    sparse: bool
class Discretization(Layer):
    def __init__(
        self, bin_boundaries: Any = None, num_bins: Int | None = None, epsilon: Float = 0.01,
        output_mode: str = "int", sparse: bool = False, dtype: AnyType | None = None,
        name: str | None = None,
    ) -> None: ...
    @property
    def depth(self) -> Any: ...
    def adapt(self, data: Any, steps: Int | None = None) -> None: ...
    def call(self, x: Any) -> Any: ...
    def encode(self, numbers: Any, weights: Any = None) -> Any: ...
    def values_of(self, x: TensorLike) -> Any: ...
    def whole_numbers_of(self, x: TensorLike) -> Any: ...
    num_bins: Any
    epsilon: float
    bin_boundaries: Any
    output_mode: Any
    sparse: bool
class Conv2D(Layer):
    def __init__(
        self, filters: Int, kernel_size: Pair, strides: Pair = (1, 1), padding: Padding = "valid",
        data_format: DataFormat | None = None, dilation_rate: Pair = (1, 1), groups: Int = 1, *,
        activation: ActivationLike | None = None, use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def convolve(self, operation: Any, x: TensorLike, **options: Any) -> Any: ...
    def add_kernel_and_bias(self, kernel_shape: Any) -> Any: ...
    @property
    def kernel_and_bias(self) -> Any: ...
    def run(self, operation: Any, x: TensorLike, **options: Any) -> Any: ...
    filters: int
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    dilation_rate: tuple[int, ...]
    groups: int
    activation: Any
    use_bias: bool
    kernel: Parameter
    bias: Parameter | None
class Conv2DTranspose(Layer):
    def __init__(
        self, filters: Int, kernel_size: Pair, strides: Pair = (1, 1), padding: Padding = "valid",
        output_padding: Pair | None = None, data_format: DataFormat | None = None,
        dilation_rate: Pair = (1, 1), activation: ActivationLike | None = None,
        use_bias: bool = True, kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None, *, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def transpose(self, x: TensorLike, kernel: TensorLike) -> Any: ...
    def make_bias(self, size: Sizes) -> Any: ...
    def convolve_channels(
        self, x: TensorLike, kernel: TensorLike, bias: TensorLike | None = None,
    ) -> Any: ...
    def convolve(
        self, x: TensorLike, kernel: TensorLike, bias: TensorLike | None, groups: Int,
    ) -> Any: ...
    def sliding_shape(self, input_shape: Any, channels: Any) -> Any: ...
    filters: int
    output_padding: Any
    kernel: Parameter
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    dilation_rate: tuple[int, ...]
    activation: Any
    use_bias: bool
    bias: Parameter | None
class DepthwiseConv2D(Layer):
    def __init__(
        self, kernel_size: Pair, strides: Pair = (1, 1), padding: Padding = "valid",
        depth_multiplier: Int = 1, data_format: DataFormat | None = None,
        dilation_rate: Pair = (1, 1), activation: ActivationLike | None = None,
        use_bias: bool = True, depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        depthwise_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None, *, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def make_bias(self, size: Sizes) -> Any: ...
    def convolve_channels(
        self, x: TensorLike, kernel: TensorLike, bias: TensorLike | None = None,
    ) -> Any: ...
    def convolve(
        self, x: TensorLike, kernel: TensorLike, bias: TensorLike | None, groups: Int,
    ) -> Any: ...
    def sliding_shape(self, input_shape: Any, channels: Any) -> Any: ...
    depth_multiplier: int
    kernel: Parameter
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    dilation_rate: tuple[int, ...]
    activation: Any
    use_bias: bool
    bias: Parameter | None
class SeparableConv2D(Layer):
    def __init__(
        self, filters: Int, kernel_size: Pair, strides: Pair = (1, 1), padding: Padding = "valid",
        data_format: DataFormat | None = None, dilation_rate: Pair = (1, 1),
        depth_multiplier: Int = 1, activation: ActivationLike | None = None, use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike | None = None,
        pointwise_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        depthwise_constraint: ConstraintLike | None = None,
        pointwise_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None, *, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def make_bias(self, size: Sizes) -> Any: ...
    def convolve_channels(
        self, x: TensorLike, kernel: TensorLike, bias: TensorLike | None = None,
    ) -> Any: ...
    def convolve(
        self, x: TensorLike, kernel: TensorLike, bias: TensorLike | None, groups: Int,
    ) -> Any: ...
    def sliding_shape(self, input_shape: Any, channels: Any) -> Any: ...
    filters: int
    depth_multiplier: int
    depthwise_kernel: Any
    pointwise_kernel: Any
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    dilation_rate: tuple[int, ...]
    activation: Any
    use_bias: bool
    bias: Parameter | None
class Activation(Layer):
    def __init__(
        self, activation: ActivationLike, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    activation: Any
class Dense(Layer):
    def __init__(
        self, units: Int, activation: ActivationLike | None = None, use_bias: bool = True, *,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def add_kernel_and_bias(self, kernel_shape: Any) -> Any: ...
    @property
    def kernel_and_bias(self) -> Any: ...
    def run(self, operation: Any, x: TensorLike, **options: Any) -> Any: ...
    units: int
    activation: Any
    use_bias: bool
    kernel: Parameter
    bias: Parameter | None
class Dropout(Layer):
    def __init__(
        self, rate: Float, noise_shape: Shape | None = None, seed: Int | None = None, *,
        name: str | None = None, trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def next_mask_seed(self) -> int: ...
    rate: float
    noise_shape: Any
    seed: Any
    mask_seed: int
class Flatten(Reshape):
    def __init__(
        self, data_format: DataFormat | None = None, *, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
class InputLayer(Layer):
    def __init__(
        self, shape: Shape | None = None, batch_size: Int | None = None,
        batch_shape: Shape | None = None, dtype: AnyType | None = None, *, name: str | None = None,
        trainable: bool = True, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def symbol(self) -> Any: ...
    batch_shape: Any
class ActivityRegularization(Layer):
    def __init__(
        self, l1: Float = 0.0, l2: Float = 0.0, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    l1: float
    l2: float
class Identity(Layer):
    def call(self, x: Any, training: bool = False) -> Any: ...
class PReLU(Layer):
    def __init__(
        self, alpha_initializer: InitializerLike = "zeros",
        alpha_regularizer: RegularizerLike | None = None,
        alpha_constraint: ConstraintLike | None = None, shared_axes: Axis | None = None, *,
        name: str | None = None, trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    shared_axes: Any
    alpha: float
class Concatenate(Layer):
    def __init__(
        self, axis: Axis = -1, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, inputs: Any, training: bool = False) -> Any: ...
    number: Any
    axis: Any
class Dot(Layer):
    number: int
    def __init__(
        self, axes: Axis, normalize: bool = False, *, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, inputs: Any, training: bool = False) -> Any: ...
    axes: Any
    normalize: Array
class BatchNormalization(Layer):
    def __init__(
        self, axis: Axis = -1, momentum: Float = 0.99, epsilon: Float = 0.001, center: bool = True,
        scale: bool = True, beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        moving_mean_initializer: InitializerLike = "zeros",
        moving_variance_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike | None = None,
        gamma_regularizer: RegularizerLike | None = None,
        beta_constraint: ConstraintLike | None = None,
        gamma_constraint: ConstraintLike | None = None, renorm: bool = False,
        renorm_clipping: Any = None, renorm_momentum: Float = 0.99,
        synchronized: bool | None = False, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    axis: Any
    momentum: float
    epsilon: float
    center: bool
    scale: bool
    moving_mean_initializer: Any
    moving_variance_initializer: Any
    renorm: Any
    renorm_clipping: Any
    renorm_momentum: Any
    synchronized: Any
    gamma: Parameter | None
    beta: Parameter | None
class AveragePooling2D(Layer):
    @staticmethod
    def operation(
        x: TensorLike, pool_size: Pair = 2, strides: Pair | None = None, padding: Padding = "valid",
    ) -> Any: ...
    def __init__(
        self, pool_size: Pair, strides: Pair | None = None, padding: Padding = "valid",
        data_format: DataFormat | None = None, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    pool_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
class GlobalAveragePooling2D(Layer):
    @staticmethod
    def operation(x: TensorLike, keepdims: bool = False) -> Any: ...
    def __init__(
        self, data_format: DataFormat | None = None, keepdims: bool = False, *,
        name: str | None = None, trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    keepdims: Any
class GlobalMaxPooling2D(Layer):
    @staticmethod
    def operation(x: TensorLike, keepdims: bool = False) -> Any: ...
    def __init__(
        self, data_format: DataFormat | None = None, keepdims: bool = False, *,
        name: str | None = None, trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    keepdims: Any
class MaxPooling2D(Layer):
    @staticmethod
    def operation(
        x: TensorLike, pool_size: Pair = 2, strides: Pair | None = None, padding: Padding = "valid",
    ) -> Any: ...
    def __init__(
        self, pool_size: Pair = (2, 2), strides: Pair | None = None, padding: Padding = "valid", *,
        data_format: DataFormat | None = None, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    pool_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
class Rescaling(Layer):
    def __init__(
        self, scale: Any, offset: Any = 0.0, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    scale: Any
    offset: Any
class AveragePooling1D(Layer):
    @staticmethod
    def operation(
        x: TensorLike, pool_size: Pair = 2, strides: Pair | None = None, padding: Padding = "valid",
    ) -> Any: ...
    def __init__(
        self, pool_size: Pair, strides: Pair | None = None, padding: Padding = "valid",
        data_format: DataFormat | None = None, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    pool_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
class Conv1D(Layer):
    def __init__(
        self, filters: Int, kernel_size: Pair, strides: Pair = 1, padding: Padding = "valid",
        data_format: DataFormat | None = None, dilation_rate: Pair = 1, groups: Int = 1, *,
        activation: ActivationLike | None = None, use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def add_kernel_and_bias(self, kernel_shape: Any) -> Any: ...
    @property
    def kernel_and_bias(self) -> Any: ...
    def run(self, operation: Any, x: TensorLike, **options: Any) -> Any: ...
    filters: int
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation_rate: tuple[int, ...]
    padding: str
    groups: int
    activation: Any
    use_bias: bool
    kernel: Parameter
    bias: Parameter | None
class GlobalAveragePooling1D(Layer):
    @staticmethod
    def operation(x: TensorLike, keepdims: bool = False) -> Any: ...
    def __init__(
        self, data_format: DataFormat | None = None, keepdims: bool = False, *,
        name: str | None = None, trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    keepdims: Any
class GlobalMaxPooling1D(Layer):
    @staticmethod
    def operation(x: TensorLike, keepdims: bool = False) -> Any: ...
    def __init__(
        self, data_format: DataFormat | None = None, keepdims: bool = False, *,
        name: str | None = None, trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    keepdims: Any
class MaxPooling1D(Layer):
    @staticmethod
    def operation(
        x: TensorLike, pool_size: Pair = 2, strides: Pair | None = None, padding: Padding = "valid",
    ) -> Any: ...
    def __init__(
        self, pool_size: Pair = 2, strides: Pair | None = None, padding: Padding = "valid",
        data_format: DataFormat | None = None, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    pool_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
class CenterCrop(Layer):
    def __init__(
        self, height: Int, width: Int, data_format: DataFormat | None = None, *,
        name: str | None = None, trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    height: int
    width: int
class Resizing(Layer):
    def __init__(
        self, height: Int, width: Int, interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False, pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant", fill_value: Any = 0.0, antialias: bool = False,
        data_format: DataFormat | None = None, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    height: int
    width: int
    interpolation: Any
    crop_to_aspect_ratio: Any
    pad_to_aspect_ratio: Any
    fill_mode: Any
    fill_value: Any
    antialias: Any
class UpSampling1D(Layer):
    def __init__(
        self, size: Sizes = 2, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    interpolation: str
    def call(self, x: Any, training: bool = False) -> Any: ...
    size: int
class UpSampling2D(Layer):
    def __init__(
        self, size: Sizes = (2, 2), data_format: DataFormat | None = None,
        interpolation: str = "nearest", *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    interpolation: str
    def call(self, x: Any, training: bool = False) -> Any: ...
    size: int
class ELU(Activation):
    def __init__(
        self, alpha: Float = 1.0, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    alpha: float
class LeakyReLU(Activation):
    def __init__(
        self, negative_slope: Float = 0.3, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    negative_slope: float
class ReLU(Activation):
    def __init__(
        self, max_value: Float | None = None, negative_slope: Float = 0.0, threshold: Float = 0.0,
        *, name: str | None = None, trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
class Softmax(Activation):
    def __init__(
        self, axis: Axis | None = -1, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    axis: Any
class IntegerLookup(Layer):
    def __init__(
        self, max_tokens: Int | None = None, num_oov_indices: Int = 1, mask_token: Any = None,
        oov_token: Int = -1, vocabulary: Any = None, vocabulary_dtype: AnyType | None = "int64",
        idf_weights: Any = None, invert: bool = False, output_mode: str = "int",
        sparse: bool = False, pad_to_max_tokens: bool = False, oov_method: str = "floormod",
        salt: Any = None, name: str | None = None, *,
        modes: Any = ('int', 'one_hot', 'multi_hot', 'count'), trainable: bool = True,
        dtype: AnyType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    @property
    def depth(self) -> Any: ...
    def set_vocabulary(self, vocabulary: Any) -> Any: ...
    def get_vocabulary(self, include_special_tokens: bool = True) -> Any: ...
    def vocabulary_size(self) -> Any: ...
    def adapt(self, data: Any, steps: Int | None = None) -> None: ...
    def call(self, x: Any) -> Any: ...
    def encode(self, numbers: Any, weights: Any = None) -> Any: ...
    def values_of(self, x: TensorLike) -> Any: ...
    def whole_numbers_of(self, x: TensorLike) -> Any: ...
    vocabulary_dtype: Any
    oov_method: Any
    max_tokens: Any
    num_oov_indices: Any
    mask_token: Any
    oov_token: Any
    invert: Any
    pad_to_max_tokens: Any
    idf_weights: Any
    salt: Any
    vocabulary: Any
    output_mode: Any
    sparse: bool
class StringLookup(Layer):
    def __init__(
        self, max_tokens: Int | None = None, num_oov_indices: Int = 1, mask_token: Any = None,
        oov_token: str = "[UNK]", vocabulary: Any = None, idf_weights: Any = None,
        invert: bool = False, output_mode: str = "int", pad_to_max_tokens: bool = False,
        sparse: bool = False, encoding: str = "utf-8", name: str | None = None, salt: Any = None, *,
        modes: Any = ('int', 'one_hot', 'multi_hot', 'count'), trainable: bool = True,
        dtype: AnyType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    @property
    def depth(self) -> Any: ...
    def set_vocabulary(self, vocabulary: Any) -> Any: ...
    def get_vocabulary(self, include_special_tokens: bool = True) -> Any: ...
    def vocabulary_size(self) -> Any: ...
    def adapt(self, data: Any, steps: Int | None = None) -> None: ...
    def call(self, x: Any) -> Any: ...
    def encode(self, numbers: Any, weights: Any = None) -> Any: ...
    def values_of(self, x: TensorLike) -> Any: ...
    def whole_numbers_of(self, x: TensorLike) -> Any: ...
    encoding: Any
    max_tokens: Any
    num_oov_indices: Any
    mask_token: Any
    oov_token: Any
    invert: Any
    pad_to_max_tokens: Any
    idf_weights: Any
    salt: Any
    vocabulary: Any
    output_mode: Any
    sparse: bool
class Add(Layer):
    @staticmethod
    def combine(x: TensorLike, y: TensorLike) -> Any: ...
    def call(self, inputs: Any, training: bool = False) -> Any: ...
    number: Any
class Maximum(Layer):
    @staticmethod
    def combine(x: TensorLike, y: TensorLike) -> Any: ...
    def call(self, inputs: Any, training: bool = False) -> Any: ...
    number: Any
class Minimum(Layer):
    @staticmethod
    def combine(x: TensorLike, y: TensorLike) -> Any: ...
    def call(self, inputs: Any, training: bool = False) -> Any: ...
    number: Any
class Multiply(Layer):
    @staticmethod
    def combine(x: TensorLike, y: TensorLike) -> Any: ...
    def call(self, inputs: Any, training: bool = False) -> Any: ...
    number: Any
class Subtract(Layer):
    number: int
    @staticmethod
    def combine(x: TensorLike, y: TensorLike) -> Any: ...
    def call(self, inputs: Any, training: bool = False) -> Any: ...
class AlphaDropout(Layer):
    def __init__(
        self, rate: Float, noise_shape: Shape | None = None, seed: Int | None = None, *,
        name: str | None = None, trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def change(self, x: TensorLike) -> Any: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def draw_normal(self, x: TensorLike) -> Any: ...
    rate: float
    noise_shape: Any
    seed: Any
    generator: np.random.Generator
class GaussianDropout(Layer):
    def __init__(
        self, rate: Float, seed: Int | None = None, *, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def change(self, x: TensorLike) -> Any: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def draw_normal(self, x: TensorLike) -> Any: ...
    rate: float
    seed: Any
    generator: np.random.Generator
class GaussianNoise(Layer):
    def __init__(
        self, stddev: Float, seed: Int | None = None, *, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def change(self, x: TensorLike) -> Any: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def draw_normal(self, x: TensorLike) -> Any: ...
    stddev: float
    seed: Any
    generator: np.random.Generator
class SpatialDropout1D(Dropout):
    def __init__(
        self, rate: Float, seed: Int | None = None, name: str | None = None,
        dtype: FloatType | None = None, trainable: bool = True,
    ) -> None: ...
class SpatialDropout2D(Dropout):
    def __init__(
        self, rate: Float, data_format: DataFormat | None = None, seed: Int | None = None,
        name: str | None = None, dtype: FloatType | None = None, trainable: bool = True,
    ) -> None: ...
class Normalization(Layer):
    def __init__(
        self, axis: Axis | None = -1, mean: Any = None, variance: Any = None, invert: bool = False,
        *, name: str | None = None, trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    @property
    def mean(self) -> Any: ...
    @property
    def variance(self) -> Any: ...
    def adapt(self, data: Any, batch_size: Int | None = None, steps: Int | None = None) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    input_mean: Any
    input_variance: Any
    invert: Any
    axis: Any
    adapt_mean: Any
    adapt_variance: Any
class RMSNormalization(Layer):
    def __init__(
        self, axis: Axis | None = -1, epsilon: Float = 1e-06, *, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    epsilon: float
    scale: Any
    axis: Any
class UnitNormalization(Layer):
    def __init__(
        self, axis: Axis | None = -1, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    axis: Any
class Cropping1D(Layer):
    def __init__(
        self, cropping: Any = (1, 1), *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    sign: int
    def call(self, x: Any, training: bool = False) -> Any: ...
    cropping: Any
    borders: Any
class Cropping2D(Layer):
    def __init__(
        self, cropping: Any = ..., data_format: DataFormat | None = None, *,
        name: str | None = None, trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    sign: int
    def call(self, x: Any, training: bool = False) -> Any: ...
    cropping: Any
    borders: Any
class ZeroPadding1D(Layer):
    def __init__(
        self, padding: Any = 1, data_format: DataFormat | None = None, *, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    sign: int
    padding: str
    borders: Any
class ZeroPadding2D(Layer):
    def __init__(
        self, padding: Any = (1, 1), data_format: DataFormat | None = None, *,
        name: str | None = None, trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    sign: int
    padding: str
    borders: Any
class Conv1DTranspose(Conv2DTranspose):
    def __init__(
        self, filters: Int, kernel_size: Pair, strides: Pair = 1, padding: Padding = "valid",
        output_padding: Pair | None = None, data_format: DataFormat | None = None,
        dilation_rate: Pair = 1, *, activation: ActivationLike | None = None, use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        kernel_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
class DepthwiseConv1D(DepthwiseConv2D):
    def __init__(
        self, kernel_size: Pair, strides: Pair = 1, padding: Padding = "valid",
        depth_multiplier: Int = 1, data_format: DataFormat | None = None, dilation_rate: Pair = 1,
        *, activation: ActivationLike | None = None, use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        depthwise_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
class SeparableConv1D(SeparableConv2D):
    def __init__(
        self, filters: Int, kernel_size: Pair, strides: Pair = 1, padding: Padding = "valid",
        data_format: DataFormat | None = None, dilation_rate: Pair = 1, *,
        depth_multiplier: Int = 1, activation: ActivationLike | None = None, use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike | None = None,
        pointwise_regularizer: RegularizerLike | None = None,
        bias_regularizer: RegularizerLike | None = None,
        activity_regularizer: RegularizerLike | None = None,
        depthwise_constraint: ConstraintLike | None = None,
        pointwise_constraint: ConstraintLike | None = None,
        bias_constraint: ConstraintLike | None = None, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
class Average(Add): ...
class GroupNormalization(Layer):
    def __init__(
        self, groups: Int = 32, axis: Axis | None = -1, epsilon: Float = 0.001, center: bool = True,
        scale: bool = True, *, beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike | None = None,
        gamma_regularizer: RegularizerLike | None = None,
        beta_constraint: ConstraintLike | None = None,
        gamma_constraint: ConstraintLike | None = None, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def normalize(self, x: TensorLike, axes: Axis | None) -> Array: ...
    def scale_and_shift(self, y: TensorLike) -> Any: ...
    groups: int
    epsilon: float
    center: Any
    scale: bool
    gamma: Parameter | None
    beta: Parameter | None
    axis: Any
class LayerNormalization(Layer):
    def call(self, x: Any, training: bool = False) -> Any: ...
    def __init__(
        self, axis: Axis | None = -1, epsilon: Float = 0.001, center: bool = True,
        scale: bool = True, beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike | None = None,
        gamma_regularizer: RegularizerLike | None = None,
        beta_constraint: ConstraintLike | None = None,
        gamma_constraint: ConstraintLike | None = None, *, name: str | None = None,
        trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def normalize(self, x: TensorLike, axes: Axis | None) -> Array: ...
    def scale_and_shift(self, y: TensorLike) -> Any: ...
    epsilon: float
    center: Any
    scale: bool
    gamma: Parameter | None
    beta: Parameter | None
    axis: Any
class RandomBrightness(Layer):
    def __init__(
        self, factor: Range, value_range: Range = (0, 255), seed: Int | None = None, *,
        data_format: DataFormat | None = None, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def change(self, x: TensorLike) -> Any: ...
    def check_range(self, argument: Any, factor: Range, low: Float = -1.0) -> Any: ...
    def draw_uniform(self, limits: Any, x: TensorLike) -> Any: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def draw_normal(self, x: TensorLike) -> Any: ...
    factor: Any
    value_range: Any
    seed: Any
    generator: np.random.Generator
class RandomContrast(Layer):
    def __init__(
        self, factor: Range, value_range: Range = (0, 255), seed: Int | None = None, *,
        data_format: DataFormat | None = None, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def change(self, x: TensorLike) -> Any: ...
    def check_range(self, argument: Any, factor: Range, low: Float = -1.0) -> Any: ...
    def draw_uniform(self, limits: Any, x: TensorLike) -> Any: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def draw_normal(self, x: TensorLike) -> Any: ...
    factor: Any
    value_range: Any
    seed: Any
    generator: np.random.Generator
class RandomCrop(Layer):
    def __init__(
        self, height: Int, width: Int, seed: Int | None = None,
        data_format: DataFormat | None = None, name: str | None = None, *, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def check_range(self, argument: Any, factor: Float, low: Float = -1.0) -> Any: ...
    def draw_uniform(self, limits: Any, x: TensorLike) -> Any: ...
    def change(self, x: TensorLike) -> Any: ...
    def draw_normal(self, x: TensorLike) -> Any: ...
    height: int
    width: int
    seed: Any
    generator: np.random.Generator
class RandomFlip(Layer):
    def __init__(
        self, mode: str = "horizontal_and_vertical", seed: Int | None = None,
        data_format: DataFormat | None = None, *, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def change(self, x: TensorLike) -> Any: ...
    def check_range(self, argument: Any, factor: Float, low: Float = -1.0) -> Any: ...
    def draw_uniform(self, limits: Any, x: TensorLike) -> Any: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def draw_normal(self, x: TensorLike) -> Any: ...
    mode: Any
    seed: Any
    generator: np.random.Generator
class RandomRotation(Layer):
    def __init__(
        self, factor: Range, fill_mode: str = "reflect", interpolation: str = "bilinear",
        seed: Int | None = None, *, fill_value: Any = 0.0, data_format: DataFormat | None = None,
        name: str | None = None, trainable: bool = True, dtype: FloatType | None = None,
        activity_regularizer: RegularizerLike | None = None, input_shape: Shape | None = None,
        input_dim: Int | None = None,
    ) -> None: ...
    def places(self, x: TensorLike, i: Any, j: Any) -> Any: ...
    def change(self, x: TensorLike) -> Any: ...
    def look_up(self, x: TensorLike, rows: Any, columns: Any) -> Any: ...
    def check_range(self, argument: Any, factor: Range, low: Float = -1.0) -> Any: ...
    def draw_uniform(self, limits: Any, x: TensorLike) -> Any: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def draw_normal(self, x: TensorLike) -> Any: ...
    factor: Any
    fill_mode: Any
    interpolation: Any
    fill_value: Any
    seed: Any
    generator: np.random.Generator
class RandomTranslation(Layer):
    def __init__(
        self, height_factor: Range, width_factor: Range, fill_mode: str = "reflect",
        interpolation: str = "bilinear", seed: Int | None = None, *, fill_value: Any = 0.0,
        data_format: DataFormat | None = None, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def places(self, x: TensorLike, i: Any, j: Any) -> Any: ...
    def change(self, x: TensorLike) -> Any: ...
    def look_up(self, x: TensorLike, rows: Any, columns: Any) -> Any: ...
    def check_range(self, argument: Any, factor: Float, low: Float = -1.0) -> Any: ...
    def draw_uniform(self, limits: Any, x: TensorLike) -> Any: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def draw_normal(self, x: TensorLike) -> Any: ...
    height_factor: Any
    width_factor: Any
    fill_mode: Any
    interpolation: Any
    fill_value: Any
    seed: Any
    generator: np.random.Generator
class RandomZoom(Layer):
    def __init__(
        self, height_factor: Range, width_factor: Range | None = None, fill_mode: str = "reflect",
        interpolation: str = "bilinear", seed: Int | None = None, *, fill_value: Any = 0.0,
        data_format: DataFormat | None = None, name: str | None = None, trainable: bool = True,
        dtype: FloatType | None = None, activity_regularizer: RegularizerLike | None = None,
        input_shape: Shape | None = None, input_dim: Int | None = None,
    ) -> None: ...
    def places(self, x: TensorLike, i: Any, j: Any) -> Any: ...
    def change(self, x: TensorLike) -> Any: ...
    def look_up(self, x: TensorLike, rows: Any, columns: Any) -> Any: ...
    def check_range(self, argument: Any, factor: Float, low: Float = -1.0) -> Any: ...
    def draw_uniform(self, limits: Any, x: TensorLike) -> Any: ...
    def call(self, x: Any, training: bool = False) -> Any: ...
    def draw_normal(self, x: TensorLike) -> Any: ...
    height_factor: Any
    width_factor: Any
    fill_mode: Any
    interpolation: Any
    fill_value: Any
    seed: Any
    generator: np.random.Generator
Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
