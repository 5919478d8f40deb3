"""The convolution's two gradients on nine pixels: each result hands its share back."""

import numpy as np
from diagram import Diagram, number

WIDTHS = (760, 400)
X = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], float)  # as on the page
KERNEL = np.array([[1, 3], [2, -1]], float)
GY = np.array([[1, -1], [2, 1]], float)
OUTPUTS = [(0, 0), (0, 1), (1, 0), (1, 1)]
HUES = dict(zip(OUTPUTS, "abcd", strict=True))
CELL = 32


def shares():
    """What each result adds to gx (3, 3) and to gw (2, 2): {(i, j): (share, share)}."""
    found = {}
    for i, j in OUTPUTS:
        to_pixels = np.zeros_like(X)
        to_pixels[i : i + 2, j : j + 2] = GY[i, j] * KERNEL
        found[i, j] = to_pixels, GY[i, j] * X[i : i + 2, j : j + 2]
    return found


def draw(width, theme):
    narrow = width < 500
    picture = Diagram("gradient", width, 882 if narrow else 464, "The gradients of a convolution")
    columns = (16, 132, 236) if narrow else (16, 150, 252)
    names = ("image x", "kernel w", "gradient gy" + " of the four results" * (not narrow))
    for x, name, values in zip(columns, names, (X, KERNEL, GY), strict=True):
        picture.text(x, 22, name, 13, font_weight="bold")
        hue = (lambda i, j: f"wash-{HUES[i, j]}") if values is GY else (lambda i, j: "paper")
        picture.grid(x, 32, CELL - 4, values, hue)
    heading(
        picture,
        148,
        "To the image: gy · w onto each patch.",
        "Where patches overlap, shares add up.",
    )
    row(picture, 196, 0, narrow)
    below = 572 if narrow else 338
    heading(
        picture,
        below,
        "To the kernel: gy times each patch.",
        "All results used the same weights: shares add up.",
    )
    row(picture, below + 48, 1, narrow)
    return str(picture)


def heading(picture, y, finding, more):
    """What a row shows."""
    picture.text(16, y, finding, 13.5, font_weight="bold")
    picture.text(16, y + 18, more, 12, class_="s")


def row(picture, y, kind, narrow):
    """The four shares and their sum: of gx (kind 0) or gw (kind 1)."""
    size, name, of = ((3, "gx", "w"), (2, "gw", "patch"))[kind]
    tall, step = size * CELL, 3 * CELL + 46
    for n, (i, j) in enumerate(OUTPUTS):
        left, top = (48 + j * step, y + i * (tall + 30)) if narrow else (16 + n * step, y)
        times = f"{number(GY[i, j])} · {of}"
        picture.text(left, top - 6, times, 13, fill=HUES[i, j], font_weight="bold")
        stamp(picture, left, top, shares()[i, j][kind], (i, j) if kind == 0 else (0, 0), HUES[i, j])
        if narrow and n < 3:
            picture.text(left + tall + (step - tall) / 2, top + tall / 2 + 6, "+", 18, "middle")
        elif not narrow:
            sign = "=" if n == 3 else "+"
            picture.text(left + tall + (step - tall) / 2, top + tall / 2 + 6, sign, 18, "middle")
    left, top = (48, y + 2 * (tall + 30)) if narrow else (16 + 4 * step, y)
    picture.text(left, top - 6, name, 13, font_weight="bold")
    if narrow:
        picture.text(left - 18, top + tall / 2 + 6, "=", 18, "middle")
    picture.grid(left, top, CELL, sum(share[kind] for share in shares().values()))
    picture.box(left, top, tall, tall, "none", "ink", stroke_width=2)


def stamp(picture, x, y, values, where, hue):
    """A matrix in which only what one result gave is filled."""
    rows, columns = values.shape
    for r in range(rows):
        for c in range(columns):
            given = where[0] <= r < where[0] + 2 and where[1] <= c < where[1] + 2
            box = x + c * CELL, y + r * CELL, CELL, CELL
            if given:
                picture.cell(*box, number(values[r, c]), f"wash-{hue}", 13)
            else:
                picture.box(*box, "none", "bar", stroke_dasharray="2 3")
    i, j = where
    picture.box(x + j * CELL, y + i * CELL, 2 * CELL, 2 * CELL, "none", hue, stroke_width=2)
