"""Convolution as an implicit matrix product: two tables of offsets instead of copied patches."""

import numpy as np
from diagram import Diagram, number

WIDTHS = (760, 400)
H, W, K, F = 4, 5, 3, 2
IMAGE = np.array([[1, 2, 0, 1, 3], [0, 3, 1, 2, 0], [2, 1, 4, 0, 1], [1, 0, 2, 3, 1]], float)
KERNELS = np.stack(
    [[[1, 0, -1], [2, 0, -2], [1, 0, -1]], [[0, 1, 0], [1, -4, 1], [0, 1, 0]]], axis=-1
).astype(float)  # (K, K, F)
OH, OW = H - K + 1, W - K + 1
PIXELS = [i * W + j for i in range(OH) for j in range(OW)]  # where each output's patch begins
PATCH = [a * W + b for a in range(K) for b in range(K)]  # where its elements lie from there
OUTPUT, ELEMENT = 4, 7  # what is followed through the picture


def patches():
    """The matrix that the kernels never write down, (OH·OW, K·K)."""
    flat = IMAGE.reshape(-1)
    return np.array([[flat[i + k] for k in PATCH] for i in PIXELS])


def product():
    """The outputs, (OH·OW, F)."""
    return patches() @ KERNELS.reshape(K * K, F)


def draw(width, theme):
    narrow = width < 500
    height = 726 if narrow else 478
    picture = Diagram("convolution", width, height, "Convolution as an implicit matrix product")
    picture.text(16, 24, "Image", 14, font_weight="bold")
    picture.text(74, 24, "small: place in memory", 11.5, class_="s")
    window(picture, 16, 40, 44 if narrow else 46)
    x, y = (16, 248) if narrow else (288, 24)
    bottom = tables(picture, x, y)
    multiply(picture, bottom + 40 if narrow else 262, narrow)
    return str(picture)


def window(picture, x, y, cell):
    """The image, the patch of OUTPUT, and its ELEMENT."""
    i, j = divmod(OUTPUT, OW)
    a, b = divmod(ELEMENT, K)
    for r in range(H):
        for c in range(W):
            inside = i <= r < i + K and j <= c < j + K
            fill = "wash-b" if (r, c) == (i + a, j + b) else "wash-a" if inside else "paper"
            picture.cell(x + c * cell, y + r * cell, cell, cell, number(IMAGE[r, c]), fill, 15)
            picture.text(x + c * cell + 3, y + r * cell + 11, str(r * W + c), 9, class_="s")
    frame = {"stroke_width": 2.5}
    picture.box(x + j * cell, y + i * cell, K * cell, K * cell, "none", "a", **frame)
    picture.box(x + (j + b) * cell, y + (i + a) * cell, cell, cell, "none", "b", **frame)


def strip(picture, x, y, values, chosen, color):
    """A table; the entry that is followed is framed."""
    for k, value in enumerate(values):
        fill = f"wash-{color}" if k == chosen else "paper"
        picture.cell(x + 36 * k, y, 36, 24, str(value), fill, 12.5)
    picture.box(x + 36 * chosen, y, 36, 24, "none", color, stroke_width=2.5)


def tables(picture, x, y):
    """Both tables and their sum; return where they end."""
    picture.text(x, y, "Two tables replace the matrix of patches", 14, font_weight="bold")
    picture.text(x, y + 26, "pixel_offset[i]: where the patch of output i begins", 12.5)
    strip(picture, x, y + 34, PIXELS, OUTPUT, "a")
    picture.text(x, y + 82, "patch_offset[k]: how far its element k lies from there", 12.5)
    strip(picture, x, y + 90, PATCH, ELEMENT, "b")
    i, k = PIXELS[OUTPUT], PATCH[ELEMENT]
    parts = [(f"pixel_offset[{OUTPUT}]", "a"), (" + ", "ink"), (f"patch_offset[{ELEMENT}]", "b")]
    picture.spans(x, y + 146, [(*part, "bold") for part in parts], 13, class_="m")
    end = f"= {i} + {k} = {i + k}, and memory[{i + k}] = {number(IMAGE.flat[i + k])}:"
    picture.text(x, y + 168, end, 13, class_="m")
    picture.text(x, y + 188, "the orange pixel. Nothing is copied.", 12.5, class_="s")
    return y + 188


def multiply(picture, y, narrow):
    """The virtual matrix times the kernels is a tile of outputs."""
    head = "The product: patches are read, never stored" if narrow else (
        "The product reads patches through the tables; its sums stay in registers"
    )  # fmt: skip
    picture.text(16, y, head, 14, font_weight="bold")
    y += 36
    wide, tall, gap = (24, 26, 20) if narrow else (33, 26, 36)
    right = 16 + K * K * wide
    for i, row in enumerate(patches()):
        for k, value in enumerate(row):
            chosen = (i, k) == (OUTPUT, ELEMENT)
            fill = "wash-b" if chosen else "wash-a" if i == OUTPUT else "none"
            look = {"stroke": "none", "class_": "m" if i == OUTPUT else "m s"}
            where = 16 + k * wide, y + i * tall, wide, tall
            picture.cell(*where, number(value), fill, 12.5, **look)
    rows, columns = range(OH * OW + 1), range(K * K + 1)
    dotted = "".join(f"M16 {y + i * tall}H{right}" for i in rows)
    dotted += "".join(f"M{16 + k * wide} {y}v{OH * OW * tall}" for k in columns)
    picture.line(dotted, "muted", 0.8, stroke_dasharray="2 3")
    words = "patches, virtual: i × k" if narrow else "patches: i × k (dotted: exist nowhere)"
    picture.text(16, y - 9, words, 11.5, class_="s")
    middle = y + 3 * tall + 5
    picture.text(right + gap / 2, middle, "·", 22, "middle")
    x, wide, small = right + gap, 27 if narrow else 38, OH * OW * tall / (K * K)
    for k, row in enumerate(KERNELS.reshape(K * K, F)):
        for f, value in enumerate(row):
            fill = "wash-b" if k == ELEMENT else "paper"
            picture.cell(x + f * wide, y + k * small, wide, small, number(value), fill, 11.5)
    picture.text(x, y - 9, "kernels" if narrow else "kernels: k × f", 11.5, class_="s")
    picture.text(x + F * wide + gap / 2, middle, "=", 18, "middle")
    x, wide = x + F * wide + gap, 32 if narrow else 44
    for i, row in enumerate(product()):
        for f, value in enumerate(row):
            fill, weight = ("wash-a", "bold") if i == OUTPUT else ("wash-c", "normal")
            where = x + f * wide, y + i * tall, wide, tall
            picture.cell(*where, number(value), fill, 12.5, font_weight=weight)
    picture.box(x, y, F * wide, OH * OW * tall, "none", "c", stroke_width=2.5)
    picture.text(x, y - 9, "tile of y", 11.5, class_="s")
    lines = ("A tile here is 6 outputs × 2 filters,", "with AVX-512 14 × 32: 28 registers.")
    if not narrow:
        lines = (
            "A tile here is", "6 outputs × 2 filters.", "With AVX-512 it is",
            "14 × 32, and its sums", "fill 28 registers", "until all k are through.",
        )  # fmt: skip
    where = (16, y + OH * OW * tall + 24) if narrow else (x + F * wide + 18, y + 22)
    for n, line in enumerate(lines):
        picture.text(where[0], where[1] + 18 * n, line, 12, class_="s")
