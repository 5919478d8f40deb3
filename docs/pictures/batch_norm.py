"""Batch normalization of one channel: its numbers forward, and the two sums that gx loses."""

import numpy as np
from diagram import Diagram, number

from minigrad import Parameter, ops

WIDTHS = (760, 400)
X = np.array([2, 4, 4, 4, 5, 5, 7, 9], float)  # mean 5, standard deviation 2
GY = np.array([1, 1, 1, 1, -1, -1, 1, 5], float)
EPSILON = 1e-12  # so small that the numbers are short
TALL = 26


def run():
    """Normalize X in minigrad with γ = 1 and β = 0, and go back with GY.

    Return x̂ (8,), gx (8,), and the gradients of γ and β.
    """
    arrays = X.reshape(-1, 1), np.ones(1), np.zeros(1)
    x, gamma, beta = (Parameter(values, dtype="float64") for values in arrays)
    y, _, _ = ops.batch_norm(x, gamma, beta, EPSILON)
    y.backward(GY.reshape(-1, 1))
    return y.data[:, 0].round(9), x.grad[:, 0].round(9), gamma.grad[0], beta.grad[0]


def columns():
    """What stands in the table: (head, second line, numbers, line below, colour)."""
    x_hat, gx, g_gamma, g_beta = run()
    without_mean = GY - GY.mean()
    rest = without_mean - x_hat * (GY * x_hat).mean()
    return [
        ("x", "", X, f"mean {number(X.mean())}, σ {number(X.std())}", "ink"),
        ("x̂", "(x − mean) / σ", x_hat, "mean 0, σ 1", "ink"),
        ("gy", "", GY, f"sum {number(g_beta)}: gβ", "b"),
        ("− mean", f"of gy, {number(GY.mean())}", without_mean, "sum 0", "b"),
        ("− x̂ · mean", f"of gy · x̂, {number(g_gamma / len(X))}", rest, "along x̂: 0", "b"),
        ("gx", "divided by σ", gx, "sum 0, along x̂: 0", "b"),
    ]


def draw(width, theme):
    narrow = width < 500
    picture = Diagram("norm", width, 612 if narrow else 304, "Batch normalization of one channel")
    forward, backward = columns()[:2], columns()[2:]
    table(picture, 16, "Forward", forward, "wash-a", 96 if narrow else 112)
    if narrow:
        table(picture, 16, "Backward", backward, "wash-b", 92, top=308)
    else:
        table(picture, 284, "Backward", backward, "wash-b", 115)
    return str(picture)


def table(picture, x, title, parts, wash, wide, top=0):
    """Columns of numbers, a row for each sample; the last column is the result."""
    hue = parts[0][-1]
    picture.text(x, top + 22, title, 13.5, fill=hue, font_weight="bold")
    for n, (head, more, values, below, _) in enumerate(parts):
        left, first = x + n * wide, top + 70
        picture.text(left, first - 22, head, 13, font_weight="bold")
        picture.text(left, first - 7, more, 11, class_="s")
        for i, value in enumerate(values):
            last = n == len(parts) - 1
            place = left, first + i * TALL, wide - 22, TALL
            picture.cell(*place, number(value), wash if last else "paper")
        picture.text(left, first + len(values) * TALL + 18, below, 11, fill=hue)
