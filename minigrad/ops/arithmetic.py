"""Elementwise arithmetic with NumPy's broadcasting, and the matrix product."""

import numpy as np

from minigrad import kernels
from minigrad.core import Function, TensorBase, as_array
from minigrad.kernels import small_arithmetic  # looked up for every operation

LARGE = 32768  # elements; from this size on, threads are faster


def contiguous(x):
    """``x`` itself, or a C-contiguous copy, as kernels require."""
    return np.asarray(x, order="C")


def elementwise(function, x, y=None, alpha=0.0):
    """Apply a function of the elementwise kernel to ``x`` (and ``y``); return a new array."""
    z = kernels.empty(x.shape, x.dtype)
    x, y = contiguous(x).reshape(-1), None if y is None else contiguous(y).reshape(-1)
    kernels.elementwise(function, x, y, z.reshape(-1), alpha, kernels.get_num_threads())
    return z


def combine(function, x, y):
    """Compute ``function(x, y)`` by a kernel if there are no types to convert or axes to stretch.

    Otherwise by NumPy: the bits are the same, and it also warns of overflow and division by zero.
    """
    z = small_arithmetic(function, x, y)
    if z is not None:
        return z
    fits = x.size >= LARGE and x.dtype == y.dtype
    if fits and x.flags.c_contiguous and y.flags.c_contiguous:
        if x.shape == y.shape:
            return elementwise(function, x, y)
        if y.ndim == 0:
            return elementwise(f"{function}_scalar", x, None, float(y))
    return NUMPY[function](x, y)


NUMPY = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}


def chain(function, gy, y):
    """Compute ``gy * y`` ("mul") or ``gy / y`` ("div"), the chain rule's product with a slope.

    Where ``gy`` is 0 the result is 0, even if the slope is infinite or NaN: nothing leaks out of
    values on which the loss does not depend, such as those that ``where`` did not take.
    """
    backward = "mul_backward" if function == "mul" else "div_backward"
    z = small_arithmetic(backward, y, gy)
    if z is not None:
        return z
    if gy.shape == y.shape and gy.dtype == y.dtype:
        return elementwise(backward, y, gy)
    size = np.abs(y)
    if size.max(initial=0) < np.inf if function == "mul" else size.min(initial=1) > 0:
        return combine(function, gy, y)
    z = np.zeros(np.broadcast_shapes(gy.shape, y.shape), np.result_type(gy, y))
    return NUMPY[function](gy, y, z, where=gy != 0)


class Smooth(Function):
    """Base of functions of single elements whose value and slope are computed from the input."""

    def forward(self, x):
        x = contiguous(x)  # NumPy rounds some functions in another way on the way back
        self.save(x)
        return self.value(x)

    def backward(self, gy):
        (x,) = self.saved
        return chain("mul", gy, self.slope(x))


class Add(Function):
    def forward(self, x, y):
        return combine("add", x, y)

    def backward(self, gz):
        return gz, gz


def add(x, y):
    """``x + y``, elementwise."""
    return Add()(x, y)


class Sub(Function):
    def forward(self, x, y):
        return combine("sub", x, y)

    def backward(self, gz):
        return gz, -gz


def sub(x, y):
    """``x - y``, elementwise."""
    return Sub()(x, y)


class Mul(Function):
    def forward(self, x, y):
        # What save() does, without a call: products are the most frequent operation.
        self.saved = x if self.needs[1] else None, y if self.needs[0] else None
        return combine("mul", x, y)

    def backward(self, gz):
        x, y = self.saved
        gx = chain("mul", gz, y) if self.needs[0] else None
        gy = chain("mul", gz, x) if self.needs[1] else None
        return gx, gy


def mul(x, y):
    """``x * y``, elementwise."""
    return Mul()(x, y)


class Div(Function):
    def forward(self, x, y):
        z = combine("div", x, y)
        self.save(y, z if self.needs[1] else None)
        return z

    def backward(self, gz):
        y, z = self.saved
        gx = chain("div", gz, y)
        return gx, chain("mul", -gx, z) if self.needs[1] else None


def div(x, y):
    """``x / y``, elementwise."""
    return Div()(x, y)


class Pow(Function):
    def forward(self, x, y):
        z = contiguous(x) ** contiguous(y)
        self.save(x, y, z if self.needs[1] else None)
        return z

    def backward(self, gz):
        x, y, z = self.saved
        gx = gy = None
        if self.needs[0]:  # x**0 is constant, also at x = 0 where x**-1 is infinite
            gx = chain("mul", gz, np.where(y == 0, 0, y * x ** np.where(y == 0, 1, y - 1)))
        if self.needs[1]:  # 0**y is constant for y > 0; a negative base has no logarithm: NaN
            log = np.log(np.where(x == 0, 1, x), dtype=z.dtype)
            slope = np.where((x == 0) & (y >= 0), 0, z * log)
            gy = chain("mul", gz, slope)
        return gx, gy


def pow(x, y):
    """``x ** y``, elementwise; the derivative with respect to ``y`` is NaN where ``x < 0``."""
    return Pow()(x, y)


class Neg(Function):
    def forward(self, x):
        return -x

    def backward(self, gy):
        return -gy


def neg(x):
    """``-x``."""
    return Neg()(x)


class Abs(Smooth):
    value, slope = np.abs, np.sign


def abs(x):
    """The absolute value; its derivative at 0 is taken to be 0."""
    return Abs()(x)


def square(x):
    """``x * x``."""
    return mul(x, x)


class Sin(Smooth):
    value, slope = np.sin, np.cos


def sin(x):
    """The sine, of radians."""
    return Sin()(x)


class Cos(Smooth):
    value = np.cos

    def slope(self, x):
        return -np.sin(x)


def cos(x):
    """The cosine, of radians."""
    return Cos()(x)


class Exp(Function):
    def forward(self, x):
        y = elementwise("exp", x)  # NumPy's has other last digits, which depend on the processor
        np.exp(x.max(initial=-np.inf))  # but warns of an overflow
        self.save(y)
        return y

    def backward(self, gy):
        (y,) = self.saved
        return chain("mul", gy, y)


def exp(x):
    """``e ** x``."""
    return Exp()(x)


class Log(Function):
    def forward(self, x):
        self.save(x)
        return np.log(x)

    def backward(self, gy):
        (x,) = self.saved
        return chain("div", gy, x)


def log(x):
    """The natural logarithm."""
    return Log()(x)


class Sqrt(Function):
    def forward(self, x):
        y = np.sqrt(x)
        self.save(y)
        return y

    def backward(self, gy):
        (y,) = self.saved
        return elementwise("sqrt_backward", y, gy)


def sqrt(x):
    """The square root; its derivative at 0 is infinite."""
    return Sqrt()(x)


class Extremum(Function):
    """The larger or the smaller of two; where they are equal each gets half the gradient."""

    def __init__(self, choose, wins):
        self.choose = choose
        self.wins = wins

    def forward(self, x, y):
        self.save(x, y)
        return self.choose(x, y)

    def backward(self, gz):
        x, y = self.saved
        half = (x == y) * gz.dtype.type(0.5)
        return gz * (self.wins(x, y) + half), gz * (self.wins(y, x) + half)


def maximum(x, y):
    """The larger of ``x`` and ``y``, elementwise; equal ones share the gradient."""
    return Extremum(np.maximum, np.greater)(x, y)


def minimum(x, y):
    """The smaller of ``x`` and ``y``, elementwise; equal ones share the gradient."""
    return Extremum(np.minimum, np.less)(x, y)


class Clip(Function):
    def __init__(self, low, high):
        self.low = None if low is None else float(low)  # np.float64 would widen float32
        self.high = None if high is None else float(high)

    def forward(self, x):
        self.save(x)
        return np.clip(x, self.low, self.high)

    def backward(self, gy):
        (x,) = self.saved
        inside = True if self.low is None else x >= self.low
        if self.high is not None:
            inside = inside & (x <= self.high)
        return gy * inside


def clip(x, x_min=None, x_max=None):
    """``x`` limited to [x_min, x_max], numbers or None; the gradient passes where x is within."""
    if x_min is None and x_max is None:
        raise ValueError("clip: expected x_min, x_max or both, got neither")
    return Clip(x_min, x_max)(x)


class Where(Function):
    def __init__(self, condition):
        self.condition = condition

    def forward(self, x, y):
        return np.where(self.condition, x, y)

    def backward(self, gz):
        return np.where(self.condition, gz, 0), np.where(self.condition, 0, gz)


def where(condition, x, y):
    """``x`` where the boolean array ``condition`` holds, else ``y``; all three broadcast."""
    condition = np.asarray(condition)
    if condition.dtype != bool:
        raise TypeError(f"where: expected a condition of booleans, got {condition.dtype}")
    return Where(condition)(x, y)


class MatMul(Function):
    cuts = None  # rows of x where a sum over samples is cut, if ranks share them

    def forward(self, x, y):
        x2 = x[None, :] if x.ndim == 1 else x  # (K,) -> (1, K)
        y2 = y[:, None] if y.ndim == 1 else y  # (K,) -> (K, 1)
        self.save(x2 if self.needs[1] else None, y2 if self.needs[0] else None)
        # Axes of length 1 that were added above.
        self.added = tuple([-1 - i for i, a in enumerate((y, x)) if a.ndim == 1])
        return np.squeeze(_matmul(x2, y2), self.added)

    def backward(self, gz):
        x, y = self.saved
        gz = np.expand_dims(gz, self.added)
        gx = _matmul(gz, y.swapaxes(-1, -2)) if self.needs[0] else None
        gy = _matmul(x.swapaxes(-1, -2), gz, self.cuts) if self.needs[1] else None
        is_vector = gy is not None and -1 in self.added
        return gx, gy[..., 0] if is_vector else gy  # (..., K, 1) -> (..., K); the engine adds up


def _matmul(x, y, cuts=None):
    """Multiply matrices by our kernel, whose bits do not depend on the number of threads."""
    if x.ndim == y.ndim == 2:
        z = kernels.empty((x.shape[0], y.shape[1]), np.result_type(x, y))
        x, y = x.astype(z.dtype, copy=False), y.astype(z.dtype, copy=False)
        kernels.matmul(x, y, None, False, z, kernels.get_num_threads(), cuts)
        return z
    return np.matmul(x, y)


def matmul(x, y):
    """The matrix product, with NumPy's rules for vectors and for stacks of matrices."""
    shapes = [z.shape if isinstance(z, TensorBase) else np.shape(z) for z in (x, y)]
    if () in shapes:
        raise ValueError("matmul: expected at least one axis, got a scalar; write x * y")
    if shapes[0][-1] != shapes[1][-2:][0]:
        raise ValueError(
            "matmul: expected x (..., K) and y (K,) or (..., K, N), got "
            f"{shapes[0]} and {shapes[1]}"
        )
    return MatMul()(x, y)


def in_place(operation):
    """Make an operator such as ``+=``: in place where no graph is recorded, as in NumPy.

    Where one is recorded, the result is a new tensor; for a leaf of the graph, an error.
    """

    def operator(x, y):
        result = operation(x, y)
        if not result.requires_grad:
            x.assign(result)
            return x
        if x.requires_grad and x.node is None:
            raise TypeError(
                f"{operation.__name__}: a graph cannot record that {x.name or 'a leaf'} changes in "
                "place; put it under no_grad(), or make a new tensor: write t = t + 1, not t += 1"
            )
        return result

    return operator


def compare(operation, name):
    """Make a comparison operator: it compares values and returns a NumPy array of booleans."""

    def operator(x, y):
        try:
            other = as_array(y, default=x.dtype)
        except (TypeError, ValueError):
            return NotImplemented
        return operation(x.data, other)

    operator.__name__ = name  # that of the op, for files
    return operator
