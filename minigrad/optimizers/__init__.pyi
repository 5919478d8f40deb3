# By tests/typing/make_stubs.py
from collections.abc import Iterable, Sequence
from typing import Any, Self
from minigrad._types import Array, Int, Float, AnyType, Sizes, InitializerLike, Rate
from minigrad.core import Parameter, Tensor
from minigrad.utils.registry import Registry
from minigrad.optimizers import schedules as schedules
from minigrad.constraints import serialize as serialize
OPTIMIZERS: Registry
def adadelta(
    learning_rate: Rate = 0.001, rho: Float = 0.95, epsilon: Float = 1e-07,
    weight_decay: Float | None = None, clipnorm: Float | None = None,
    clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
    ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
    loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
    name: str | None = None, parameters: Sequence[Tensor] | None = None,
) -> Any: ...
def adafactor(
    learning_rate: Rate = 0.001, beta_2_decay: Float = -0.8, epsilon_1: Float = 1e-30,
    epsilon_2: Float = 0.001, clip_threshold: Float = 1.0, relative_step: bool = True,
    weight_decay: Float | None = None, clipnorm: Float | None = None,
    clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
    ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
    loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
    name: str | None = None, parameters: Sequence[Tensor] | None = None,
) -> Any: ...
def adagrad(
    learning_rate: Rate = 0.001, initial_accumulator_value: Float = 0.1, epsilon: Float = 1e-07,
    weight_decay: Float | None = None, clipnorm: Float | None = None,
    clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
    ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
    loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
    name: str | None = None, parameters: Sequence[Tensor] | None = None,
) -> Any: ...
def adam(
    learning_rate: Rate = 0.001, beta_1: Float = 0.9, beta_2: Float = 0.999, epsilon: Float = 1e-07,
    amsgrad: bool = False, weight_decay: Float | None = None, clipnorm: Float | None = None,
    clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
    ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
    loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
    name: str | None = None, parameters: Sequence[Tensor] | None = None,
) -> Any: ...
def adamax(
    learning_rate: Rate = 0.001, beta_1: Float = 0.9, beta_2: Float = 0.999, epsilon: Float = 1e-07,
    weight_decay: Float | None = None, clipnorm: Float | None = None,
    clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
    ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
    loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
    name: str | None = None, parameters: Sequence[Tensor] | None = None,
) -> Any: ...
def lion(
    learning_rate: Rate = 0.001, beta_1: Float = 0.9, beta_2: Float = 0.99,
    weight_decay: Float | None = None, clipnorm: Float | None = None,
    clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
    ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
    loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
    name: str | None = None, parameters: Sequence[Tensor] | None = None,
) -> Any: ...
def muon(
    learning_rate: Rate = 0.001, adam_beta_1: Float = 0.9, adam_beta_2: Float = 0.999,
    adam_weight_decay: Float | None = 0.004, epsilon: Float = 1e-07,
    weight_decay: Float | None = 0.004, clipnorm: Float | None = None,
    clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
    ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
    loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
    name: str | None = None, parameters: Sequence[Tensor] | None = None, *,
    exclude_layers: Sequence[str] | None = None, exclude_embeddings: bool = True,
    muon_a: Float = 3.4445, muon_b: Float = -4.775, muon_c: Float = 2.0315,
    adam_lr_ratio: Float = 1, momentum: Float = 0.95, ns_steps: Int = 5, nesterov: bool = True,
    rms_rate: Float | None = 0.2,
) -> Any: ...
def nadam(
    learning_rate: Rate = 0.001, beta_1: Float = 0.9, beta_2: Float = 0.999, epsilon: Float = 1e-07,
    weight_decay: Float | None = None, clipnorm: Float | None = None,
    clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
    ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
    loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
    name: str | None = None, parameters: Sequence[Tensor] | None = None,
) -> Any: ...
def rmsprop(
    learning_rate: Rate = 0.001, rho: Float = 0.9, momentum: Float = 0.0, epsilon: Float = 1e-07,
    centered: bool = False, weight_decay: Float | None = None, clipnorm: Float | None = None,
    clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
    ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
    loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
    name: str | None = None, parameters: Sequence[Tensor] | None = None,
) -> Any: ...
def sgd(
    learning_rate: Rate = 0.01, momentum: Float = 0.0, nesterov: bool = False,
    weight_decay: Float | None = None, clipnorm: Float | None = None,
    clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
    ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
    loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
    name: str | None = None, parameters: Sequence[Tensor] | None = None,
) -> Any: ...
def adamw(
    learning_rate: Rate = 0.001, weight_decay: Float | None = 0.004, beta_1: Float = 0.9,
    beta_2: Float = 0.999, epsilon: Float = 1e-07, amsgrad: bool = False,
    clipnorm: Float | None = None, clipvalue: Float | None = None,
    global_clipnorm: Float | None = None, use_ema: bool = False, ema_momentum: Float = 0.99,
    ema_overwrite_frequency: Int | None = None, loss_scale_factor: Float | None = None,
    gradient_accumulation_steps: Int | None = None, name: str | None = None,
    parameters: Sequence[Tensor] | None = None,
) -> Any: ...
def get(identifier: Any) -> Optimizer: ...
def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any: ...
class Optimizer:
    def __init__(
        self, learning_rate: Rate, weight_decay: Float | None = None, clipnorm: Float | None = None,
        clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
        ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
        loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
        name: str | None = None, parameters: Sequence[Tensor] | None = None,
    ) -> None: ...
    unsaved: Any
    set_first: str
    state_names: Any
    def init_state(self, w: Array) -> Any: ...
    def begin_step(self, t: int) -> Any: ...
    def update(self, *args: Any, **kwargs: Any) -> Any: ...
    def inside(self, before: Array, state: dict[str, Array], lr: float, t: int) -> Any: ...
    def build(self, variables: Iterable[Tensor]) -> None: ...
    def apply(
        self, grads: Iterable[Any], trainable_variables: Sequence[Tensor] | None = None,
    ) -> None: ...
    def apply_gradients(self, grads_and_vars: Iterable[Any]) -> None: ...
    def step(self) -> None: ...
    def zero_grad(self) -> None: ...
    def scale_loss(self, loss: Any) -> Tensor: ...
    @property
    def parameters(self) -> Any: ...
    def exclude_from_weight_decay(
        self, var_list: Sequence[Tensor] | None = None, var_names: Any = None,
    ) -> None: ...
    def finalize_variable_values(
        self, trainable_variables: Sequence[Tensor] | None = None,
    ) -> None: ...
    @property
    def iterations(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @learning_rate.setter
    def learning_rate(self, value: Rate) -> None: ...
    @property
    def variables(self) -> list[Parameter]: ...
    def get_state(self) -> Any: ...
    def set_state(self, state: Any) -> Any: ...
    def set_weights(self, arrays: Any) -> None: ...
    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> Any: ...
    def add_variable(
        self, shape: Sizes, initializer: InitializerLike | None = "zeros",
        dtype: AnyType | None = None, name: str | None = None,
    ) -> Parameter: ...
    def add_variable_from_reference(
        self, reference_variable: Any, name: str | None = None,
        initializer: InitializerLike = "zeros",
    ) -> Any: ...
    def assign(self, variable: Any, value: Any) -> Self: ...
    def assign_add(self, variable: Any, value: Any) -> Self: ...
    def assign_sub(self, variable: Any, value: Any) -> Self: ...
    @property
    def lr(self) -> float: ...
    @lr.setter
    def lr(self, value: Any) -> None: ...
    def get_config(self) -> dict[str, Any]: ...
    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self: ...
    def _keep(
        self, interval: str = "(-inf, inf)", kind: Any = ..., optional: bool = False, **values: Any,
    ) -> Any: ...
    weight_decay: Any
    clipnorm: Any
    clipvalue: Any
    global_clipnorm: Any
    loss_scale_factor: Any
    ema_momentum: Any
    ema_overwrite_frequency: Any
    gradient_accumulation_steps: Any
    use_ema: Any
    name: str
    built: bool
    observers: list[Any]
    shared: Any
class Adadelta(Optimizer):
    def __init__(
        self, learning_rate: Rate = 0.001, rho: Float = 0.95, epsilon: Float = 1e-07,
        weight_decay: Float | None = None, clipnorm: Float | None = None,
        clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
        ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
        loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
        name: str | None = None, parameters: Sequence[Tensor] | None = None,
    ) -> None: ...
    def update(
        self, w: Array, g: Array, state: dict[str, Array], lr: float, t: int, threads: int,
    ) -> Any: ...
    rho: float
    epsilon: float
class Adafactor(Optimizer):
    def __init__(
        self, learning_rate: Rate = 0.001, beta_2_decay: Float = -0.8, epsilon_1: Float = 1e-30,
        epsilon_2: Float = 0.001, clip_threshold: Float = 1.0, relative_step: bool = True,
        weight_decay: Float | None = None, clipnorm: Float | None = None,
        clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
        ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
        loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
        name: str | None = None, parameters: Sequence[Tensor] | None = None,
    ) -> None: ...
    def update(
        self, w: Array, g: Array, state: dict[str, Array], lr: float, t: int, threads: int,
    ) -> Any: ...
    beta_2_decay: float
    epsilon_1: float
    clip_threshold: float
    epsilon_2: float
    relative_step: Any
class Adagrad(Optimizer):
    def __init__(
        self, learning_rate: Rate = 0.001, initial_accumulator_value: Float = 0.1,
        epsilon: Float = 1e-07, weight_decay: Float | None = None, clipnorm: Float | None = None,
        clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
        ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
        loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
        name: str | None = None, parameters: Sequence[Tensor] | None = None,
    ) -> None: ...
    def update(
        self, w: Array, g: Array, state: dict[str, Array], lr: float, t: int, threads: int,
    ) -> Any: ...
    initial_accumulator_value: Any
    epsilon: float
class Adam(Optimizer):
    def __init__(
        self, learning_rate: Rate = 0.001, beta_1: Float = 0.9, beta_2: Float = 0.999,
        epsilon: Float = 1e-07, amsgrad: bool = False, weight_decay: Float | None = None,
        clipnorm: Float | None = None, clipvalue: Float | None = None,
        global_clipnorm: Float | None = None, use_ema: bool = False, ema_momentum: Float = 0.99,
        ema_overwrite_frequency: Int | None = None, loss_scale_factor: Float | None = None,
        gradient_accumulation_steps: Int | None = None, name: str | None = None,
        parameters: Sequence[Tensor] | None = None,
    ) -> None: ...
    def update(
        self, w: Array, g: Array, state: dict[str, Array], lr: float, t: int, threads: int,
    ) -> Any: ...
    beta_1: float
    beta_2: float
    epsilon: float
    amsgrad: Any
class Adamax(Optimizer):
    def __init__(
        self, learning_rate: Rate = 0.001, beta_1: Float = 0.9, beta_2: Float = 0.999,
        epsilon: Float = 1e-07, weight_decay: Float | None = None, clipnorm: Float | None = None,
        clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
        ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
        loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
        name: str | None = None, parameters: Sequence[Tensor] | None = None,
    ) -> None: ...
    def update(
        self, w: Array, g: Array, state: dict[str, Array], lr: float, t: int, threads: int,
    ) -> Any: ...
    beta_1: float
    beta_2: float
    epsilon: float
class Lion(Optimizer):
    def __init__(
        self, learning_rate: Rate = 0.001, beta_1: Float = 0.9, beta_2: Float = 0.99,
        weight_decay: Float | None = None, clipnorm: Float | None = None,
        clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
        ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
        loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
        name: str | None = None, parameters: Sequence[Tensor] | None = None,
    ) -> None: ...
    def update(
        self, w: Array, g: Array, state: dict[str, Array], lr: float, t: int, threads: int,
    ) -> Any: ...
    beta_1: float
    beta_2: float
class Muon(Optimizer):
    def __init__(
        self, learning_rate: Rate = 0.001, adam_beta_1: Float = 0.9, adam_beta_2: Float = 0.999,
        adam_weight_decay: Float | None = 0.004, epsilon: Float = 1e-07,
        weight_decay: Float | None = 0.004, clipnorm: Float | None = None,
        clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
        ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
        loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
        name: str | None = None, parameters: Sequence[Tensor] | None = None, *,
        exclude_layers: Sequence[str] | None = None, exclude_embeddings: bool = True,
        muon_a: Float = 3.4445, muon_b: Float = -4.775, muon_c: Float = 2.0315,
        adam_lr_ratio: Float = 1, momentum: Float = 0.95, ns_steps: Int = 5, nesterov: bool = True,
        rms_rate: Float | None = 0.2,
    ) -> None: ...
    def update(
        self, w: Array, g: Array, state: dict[str, Array], lr: float, t: int, threads: int,
    ) -> Any: ...
    adam_beta_1: float
    adam_beta_2: float
    momentum: float
    epsilon: float
    adam_lr_ratio: float
    adam_weight_decay: Any
    rms_rate: Any
    muon_a: Any
    muon_b: Any
    muon_c: Any
    ns_steps: Any
    nesterov: Any
    exclude_layers: Any
    exclude_embeddings: Any
class Nadam(Optimizer):
    def __init__(
        self, learning_rate: Rate = 0.001, beta_1: Float = 0.9, beta_2: Float = 0.999,
        epsilon: Float = 1e-07, weight_decay: Float | None = None, clipnorm: Float | None = None,
        clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
        ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
        loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
        name: str | None = None, parameters: Sequence[Tensor] | None = None,
    ) -> None: ...
    def update(
        self, w: Array, g: Array, state: dict[str, Array], lr: float, t: int, threads: int,
    ) -> Any: ...
    beta_1: float
    beta_2: float
    epsilon: float
class RMSprop(Optimizer):
    def __init__(
        self, learning_rate: Rate = 0.001, rho: Float = 0.9, momentum: Float = 0.0,
        epsilon: Float = 1e-07, centered: bool = False, weight_decay: Float | None = None,
        clipnorm: Float | None = None, clipvalue: Float | None = None,
        global_clipnorm: Float | None = None, use_ema: bool = False, ema_momentum: Float = 0.99,
        ema_overwrite_frequency: Int | None = None, loss_scale_factor: Float | None = None,
        gradient_accumulation_steps: Int | None = None, name: str | None = None,
        parameters: Sequence[Tensor] | None = None,
    ) -> None: ...
    def update(
        self, w: Array, g: Array, state: dict[str, Array], lr: float, t: int, threads: int,
    ) -> Any: ...
    rho: float
    momentum: float
    epsilon: float
    centered: Any
class SGD(Optimizer):
    def __init__(
        self, learning_rate: Rate = 0.01, momentum: Float = 0.0, nesterov: bool = False,
        weight_decay: Float | None = None, clipnorm: Float | None = None,
        clipvalue: Float | None = None, global_clipnorm: Float | None = None, use_ema: bool = False,
        ema_momentum: Float = 0.99, ema_overwrite_frequency: Int | None = None,
        loss_scale_factor: Float | None = None, gradient_accumulation_steps: Int | None = None,
        name: str | None = None, parameters: Sequence[Tensor] | None = None,
    ) -> None: ...
    def update(
        self, w: Array, g: Array, state: dict[str, Array], lr: float, t: int, threads: int,
    ) -> Any: ...
    momentum: float
    nesterov: Any
class AdamW(Adam):
    def __init__(
        self, learning_rate: Rate = 0.001, weight_decay: Float | None = 0.004, beta_1: Float = 0.9,
        beta_2: Float = 0.999, epsilon: Float = 1e-07, amsgrad: bool = False,
        clipnorm: Float | None = None, clipvalue: Float | None = None,
        global_clipnorm: Float | None = None, use_ema: bool = False, ema_momentum: Float = 0.99,
        ema_overwrite_frequency: Int | None = None, loss_scale_factor: Float | None = None,
        gradient_accumulation_steps: Int | None = None, name: str | None = None,
        parameters: Sequence[Tensor] | None = None,
    ) -> None: ...
