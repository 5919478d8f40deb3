"""Broadcasting: a bias that every row uses gets the sum of all rows' gradients."""

import numpy as np
from diagram import Diagram, number

from minigrad import Parameter

WIDTHS = (760, 400)
X = np.array([[1, 5], [2, 0], [4, 3]], float)
B = np.array([10, 20], float)
GY = np.array([[1, 0], [2, -1], [-4, 3]], float)
CELL = 38


def computed():
    """What minigrad computes: y (3, 2) and the gradient of b (2)."""
    b = Parameter(B, "float64")
    y = X + b
    y.backward(GY)
    return y.data, b.grad


def draw(width, theme):
    narrow, (y, gb) = width < 500, computed()
    picture = Diagram(
        "broadcasting", width, 446 if narrow else 208, "Broadcasting and its gradient"
    )
    picture.heads("b")
    forward(picture, 16, y)
    backward(picture, *((16, 232) if narrow else (410, 0)), gb)
    return str(picture)


def forward(picture, x, y):
    """The sum x + b: b is in memory once, and read in each row."""
    picture.text(x, 24, "Forward: one row of b serves all rows", 14, font_weight="bold")
    picture.text(x, 46, "x", 13, font_style="italic")
    picture.grid(x, 54, CELL, X, size=14)
    picture.text(x + 96, 54 + 1.5 * CELL + 6, "+", 18, "middle")
    left = x + 118
    picture.text(left, 46, "b", 13, font_style="italic")
    for row in range(3):
        for column, value in enumerate(B):
            box = left + column * CELL, 54 + row * CELL, CELL, CELL
            if row == 0:
                picture.cell(*box, f"{value:g}", "wash-a", 14)
            else:
                picture.cell(*box, f"{value:g}", "none", 14, "none", class_="m s")
                picture.box(*box, "none", "bar", stroke_dasharray="2 3")
    picture.box(left, 54, 2 * CELL, CELL, "none", "a", stroke_width=2)
    picture.text(left + 96, 54 + 1.5 * CELL + 6, "=", 18, "middle")
    picture.text(left + 118, 46, "y", 13, font_style="italic")
    picture.grid(left + 118, 54, CELL, y, size=14)
    picture.text(x, 54 + 3 * CELL + 22, "dotted: read again, not copied", 12, class_="s")


def backward(picture, x, top, gb):
    """Where gy goes: to x as it is; to b, added up."""
    bold = {"font_weight": "bold"}
    picture.text(x, top + 24, "Backward: its gradient sums over the rows", 14, fill="b", **bold)
    picture.text(x, top + 46, "gy", 13, font_style="italic")
    picture.grid(x, top + 54, CELL, GY, lambda i, j: "wash-b", 14)
    bottom = top + 54 + 3 * CELL
    picture.line(f"M{x + 2 * CELL + 10} {top + 54 + 1.5 * CELL}h44", "b", head=True)
    picture.text(x + 2 * CELL + 32, top + 54 + 1.5 * CELL - 8, "Σ", 15, "middle", fill="b")
    left = x + 2 * CELL + 66
    picture.text(left, top + 54 + CELL - 8, "gb", 13, font_style="italic")
    for column, value in enumerate(gb):
        box = left + column * CELL, top + 54 + CELL, CELL, CELL
        picture.cell(*box, number(value), "wash-b", 14, **bold)
    picture.box(left, top + 54 + CELL, 2 * CELL, CELL, "none", "b", stroke_width=2)
    for column, value in enumerate(gb):
        terms = " + ".join(f"{part:g}" for part in GY[:, column]).replace("+ -", "− ")
        where = left + 2 * CELL + 12, top + 54 + 1.5 * CELL - 4 + 18 * column
        picture.text(*where, f"{terms} = {number(value)}", 12, fill="b")
    picture.text(x, bottom + 22, "x was used once a row: gx is gy itself", 12, class_="s")
