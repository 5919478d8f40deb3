# By tests/typing/make_stubs.py
from typing import Any
from minigrad._types import Int, AnyFunction
def check_gradients(
    function: AnyFunction, *arrays: Any, step: float = 1e-06, rtol: float = 1e-06,
    atol: float = 1e-08, seed: Int | None = 0,
) -> None: ...
