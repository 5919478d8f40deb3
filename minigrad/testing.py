"""Gradient checks for new operations and layers."""

import numpy as np

from minigrad.core import Tensor

__all__ = ["check_gradients"]


def check_gradients(function, *arrays, step=1e-6, rtol=1e-6, atol=1e-8, seed=0):
    """Compare the gradients of ``function`` with central differences, in float64.

    The output is reduced to a scalar with random weights. Then each input is perturbed along two
    random directions, and element by element if it has at most 64.

    Parameters
    ----------
    function : callable
        Takes one Tensor for each array and returns a Tensor of any shape. It must give the same
        result whenever it gets the same values (fix the seed of a dropout).
    *arrays : array_like
        The point at which to check, away from kinks. Converted to float64.
    step : float
        Half the distance between the two points of a difference.
    rtol, atol : float
        The tolerances, relative to the largest number compared, and absolute.
    seed : int
        Seeds the weights and the directions.

    Raises
    ------
    AssertionError
        If a gradient is missing, of another shape, not finite, or wrong; the message names the
        input and the element.
    """
    rng = np.random.default_rng(seed)
    arrays = [np.array(a, dtype=np.float64) for a in arrays]
    tensors = [Tensor(a.copy(), requires_grad=True) for a in arrays]
    output = function(*tensors)
    weights = rng.uniform(0.5, 1.5, output.shape) * rng.choice([-1.0, 1.0], output.shape)
    output.backward(weights)

    def scalar(index, moved):
        inputs = [Tensor(moved if i == index else a) for i, a in enumerate(arrays)]
        return float((function(*inputs).data * weights).sum())

    for index, (array, tensor) in enumerate(zip(arrays, tensors, strict=True)):
        if tensor.grad is None:
            raise AssertionError(f"input {index}: no gradient arrived")
        if tensor.grad.shape != array.shape:
            raise AssertionError(
                f"input {index}: expected a gradient of shape {array.shape}, "
                f"got {tensor.grad.shape}"
            )
        if not np.isfinite(tensor.grad).all():  # an infinite bound would let anything pass
            raise AssertionError(f"input {index}: expected finite gradients, got {tensor.grad}")
        units = np.eye(array.size) if array.size <= 64 else []
        directions = [unit.reshape(array.shape) for unit in units]
        directions += [rng.standard_normal(array.shape) for _ in range(2)]
        scale = np.abs(tensor.grad).max(initial=0.0)
        for number, direction in enumerate(directions):
            upper = scalar(index, array + step * direction)
            lower = scalar(index, array - step * direction)
            expected = (upper - lower) / (2 * step)
            got = float((tensor.grad * direction).sum())
            bound = atol + rtol * max(scale, abs(expected), abs(upper) * 1e-3)
            if not abs(got - expected) <= bound:
                where = f"element {number}" if number < len(units) else "a random direction"
                raise AssertionError(
                    f"input {index}, {where}: the gradient gives {got:.10g}, "
                    f"differences give {expected:.10g}"
                )
