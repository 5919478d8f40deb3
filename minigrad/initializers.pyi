# By tests/typing/make_stubs.py
from typing import Any, Literal, Self
from minigrad._types import Array, Int, Float, TensorLike, AnyType, Sizes, Axis
from minigrad.core import Parameter
from minigrad.utils.registry import Registry
from minigrad.constraints import serialize as serialize
TRUNCATED_STDDEV: float
INITIALIZERS: Registry
def compute_fans(
    shape: Sizes, input_axes: Axis | None = None, output_axes: Axis | None = None,
) -> Any: ...
def get(identifier: Any) -> Any: ...
def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any: ...
class Initializer:
    def __call__(self, shape: Sizes, dtype: AnyType | None = "float32") -> Array: ...
    unsaved: Any
    def get_config(self) -> dict[str, Any]: ...
    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self: ...
    def _keep(
        self, interval: str = "(-inf, inf)", kind: Any = ..., optional: bool = False, **values: Any,
    ) -> Any: ...
    set_first: Any
class Zeros(Initializer): ...
class Ones(Initializer): ...
class Constant(Initializer):
    def __init__(self, value: Any = 0.0) -> None: ...
    value: Parameter
class Identity(Initializer):
    def __init__(self, gain: Float = 1.0) -> None: ...
    gain: float
class RandomInitializer(Initializer):
    def __init__(self, seed: Int | None = None) -> None: ...
    def draw(self, generator: Any, shape: Sizes) -> Any: ...
    seed: Any
class RandomNormal(RandomInitializer):
    def __init__(
        self, mean: Float = 0.0, stddev: Float = 0.05, seed: Int | None = None,
    ) -> None: ...
    mean: float
    stddev: float
class RandomUniform(RandomInitializer):
    def __init__(
        self, minval: Float = -0.05, maxval: Float = 0.05, seed: Int | None = None,
    ) -> None: ...
    minval: float
    maxval: float
class VarianceScaling(RandomInitializer):
    def __init__(
        self, scale: TensorLike | None = 1.0,
        mode: Literal["fan_in", "fan_out", "fan_avg"] = "fan_in",
        distribution: str = "truncated_normal", seed: Int | None = None,
        input_axes: Axis | None = None, output_axes: Axis | None = None,
    ) -> None: ...
    scale: Any
    mode: Any
    distribution: Any
    input_axes: Any
    output_axes: Any
class Orthogonal(RandomInitializer):
    def __init__(self, gain: Float = 1.0, seed: Int | None = None) -> None: ...
    gain: float
class TruncatedNormal(RandomNormal): ...
class GlorotUniform(VarianceScaling):
    def __init__(
        self, seed: Int | None = None, input_axes: Axis | None = None,
        output_axes: Axis | None = None,
    ) -> None: ...
class GlorotNormal(VarianceScaling):
    def __init__(
        self, seed: Int | None = None, input_axes: Axis | None = None,
        output_axes: Axis | None = None,
    ) -> None: ...
class HeUniform(VarianceScaling):
    def __init__(
        self, seed: Int | None = None, input_axes: Axis | None = None,
        output_axes: Axis | None = None,
    ) -> None: ...
class HeNormal(VarianceScaling):
    def __init__(
        self, seed: Int | None = None, input_axes: Axis | None = None,
        output_axes: Axis | None = None,
    ) -> None: ...
class LecunUniform(VarianceScaling):
    def __init__(
        self, seed: Int | None = None, input_axes: Axis | None = None,
        output_axes: Axis | None = None,
    ) -> None: ...
class LecunNormal(VarianceScaling):
    def __init__(
        self, seed: Int | None = None, input_axes: Axis | None = None,
        output_axes: Axis | None = None,
    ) -> None: ...
zeros = Zeros
zero = Zeros
ones = Ones
one = Ones
constant = Constant
random_normal = RandomNormal
normal = RandomNormal
truncated_normal = TruncatedNormal
random_uniform = RandomUniform
uniform = RandomUniform
variance_scaling = VarianceScaling
glorot_uniform = GlorotUniform
glorot_normal = GlorotNormal
he_uniform = HeUniform
he_normal = HeNormal
lecun_uniform = LecunUniform
lecun_normal = LecunNormal
orthogonal = Orthogonal
OrthogonalInitializer = Orthogonal
identity = Identity
IdentityInitializer = Identity
