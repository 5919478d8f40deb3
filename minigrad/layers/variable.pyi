# By tests/typing/make_stubs.py
from typing import Any
from minigrad._types import AnyType, Sizes, InitializerLike
from minigrad.core import Parameter
class Variable(Parameter):
    def __init__(
        self, initializer: InitializerLike, shape: Sizes | None = None,
        dtype: AnyType | None = None, trainable: bool = True, autocast: bool = True,
        aggregation: str = "none", synchronization: str = "auto", name: str | None = None,
        layout: Any = None,
    ) -> None: ...
