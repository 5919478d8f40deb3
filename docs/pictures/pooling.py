"""Max pooling: each window's largest number goes on, and the gradient comes back to that cell."""

import numpy as np
from diagram import Diagram, number

from minigrad import Tensor, ops

WIDTHS = (760, 400)
X = np.array([[1, 3, 0, 2], [7, 2, 4, 4], [5, 0, 1, 6], [2, 1, 3, 8]], float)
GY = np.array([[2, -1], [3, 1]], float)
CELL = 34


def run():
    """Pool X in minigrad, go back with GY: y (2, 2) and gx (4, 4)."""
    x = Tensor(X.reshape(1, 4, 4, 1), requires_grad=True)
    y = ops.max_pool2d(x, 2)
    y.backward(GY.reshape(1, 2, 2, 1))
    return y.data.reshape(2, 2), x.grad.reshape(4, 4)


def argmax():
    """The cell of each window that is the largest, the first of equals: 0 1 / 2 3."""
    windows = X.reshape(2, 2, 2, 2).swapaxes(1, 2).reshape(2, 2, 4)
    return windows.argmax(axis=2)


def largest(i, j):
    """Whether row i, column j is where its window's gradient comes back."""
    return argmax()[i // 2, j // 2] == 2 * (i % 2) + j % 2


def draw(width, theme):
    narrow = width < 500
    picture = Diagram("pooling", width, 432 if narrow else 214, "Max pooling and its gradient")
    picture.heads("ink", "b")
    y, gx = run()
    side, half = 4 * CELL, 2 * CELL
    picture.text(16, 22, "Forward: the largest of each window goes on", 13.5, font_weight="bold")
    windows(picture, 16, 60, "x", X, "wash-a", "a", CELL)
    picture.line(f"M{24 + side} {60 + side / 2}h26", head=True, stroke="ink")
    left = 16 + side + 42
    small(picture, left, 60 + CELL, "y", y, "wash-a")
    small(picture, left + half + 20, 60 + CELL, "argmax", argmax(), "paper")
    where = "cells of a window: 0 1 over 2 3"
    picture.text(left, 60 + 3 * CELL + 22, where, 12, class_="s")
    x, top = (16, 282) if narrow else (410, 60)
    head = "Backward: all to that cell, 0 to the others"
    picture.text(x, top - 38, head, 13.5, fill="b", font_weight="bold")
    small(picture, x, top + CELL, "gy", GY, "wash-b")
    picture.line(f"M{x + half + 8} {top + side / 2}h26", head=True, stroke="b")
    windows(picture, x + half + 42, top, "gx", gx, "wash-b", "b", CELL)
    return str(picture)


def windows(picture, x, y, name, values, wash, hue, cell):
    """An image with its four windows; the largest cells are filled."""
    picture.text(x, y - 8, name, 13, font_style="italic")
    for (i, j), value in np.ndenumerate(values):
        here = largest(i, j)
        more = {"font_weight": "bold"} if here else {"style": "fill:var(--muted)"}
        place = x + j * cell, y + i * cell, cell, cell
        picture.cell(*place, number(value), wash if here else "paper", **more)
    for i in range(2):
        for j in range(2):
            place = x + 2 * j * cell, y + 2 * i * cell, 2 * cell, 2 * cell
            picture.box(*place, "none", hue, stroke_width=2)


def small(picture, x, y, name, values, wash):
    """A number for each window."""
    picture.text(x, y - 8, name, 13, font_style="italic")
    picture.grid(x, y, CELL, values, lambda i, j: wash)
