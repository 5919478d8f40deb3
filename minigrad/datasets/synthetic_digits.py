"""Digits drawn by a program, in MNIST's shapes and types: a substitute without a download.

THIS IS NOT MNIST. Accuracies on these digits cannot be compared with figures for MNIST, and every
table and plot made from them has to say so: put `TITLE` into it.

How a digit is drawn: one of the digit's styles, given as a few points, each moved a little; smooth
curves through the points; a random slant, rotation, size, bend and position; a round pen of random
width along the curves; and noise. The same seed gives the same bits on every machine: pixels depend
only on rounded numbers, and on sums that float32 holds exactly in any order. NumPy defines which
random numbers follow from a seed, and rarely changes it.
"""

import operator

import numpy as np

TITLE = "synthetic digits (NOT MNIST)"

# Digit -> its styles. A style's strokes are separated by "/", the points of a stroke are "x,y" in
# percent of the height, y downwards. A point given twice is a corner.
STYLES = (
    (
        "35,0 8,22 4,60 30,100 60,80 68,35 35,0",
        "45,2 12,15 2,55 15,95 45,95 66,60 62,20 40,4 30,10",
        "36,0 14,30 14,70 36,100 58,70 58,30 36,0",
    ),
    (
        "35,0 35,50 35,100",
        "18,20 38,0 38,0 38,50 38,100",
        "20,18 38,0 38,0 38,50 38,100 / 20,100 38,100 56,100",
    ),
    (
        "8,22 20,3 48,2 60,22 48,50 5,100 5,100 35,100 68,98",
        "10,25 25,2 55,8 55,40 25,80 5,90 15,75 40,90 68,96",
        "6,12 35,0 60,20 45,55 5,98 5,98 68,98",
    ),
    (
        "8,10 35,0 60,18 50,42 28,48 28,48 58,55 64,80 38,100 5,90",
        "8,2 60,2 60,2 32,40 32,40 62,58 58,90 30,100 5,88",
        "10,15 32,0 56,14 46,38 24,46 24,46 54,54 58,84 28,102 2,84",
    ),
    (
        "25,0 15,30 5,60 5,60 35,60 70,60 / 50,30 50,65 50,100",
        "50,0 25,32 3,66 3,66 35,66 70,66 / 50,0 50,50 50,100",
        "10,5 8,35 20,52 55,46 55,46 / 58,2 56,50 52,100",
    ),
    (
        "62,2 20,2 20,2 14,42 14,42 42,38 64,62 52,94 25,100 4,88",
        "18,4 14,42 14,42 45,40 62,68 45,97 5,94 / 18,4 40,4 64,2",
        "60,5 25,5 20,15 16,45 16,45 40,45 58,62 54,88 30,98 6,98",
    ),
    (
        "50,0 20,30 6,70 28,100 58,88 56,58 30,52 8,72",
        "40,0 12,45 10,85 34,100 60,80 44,56 14,70",
        "58,6 34,4 12,40 6,78 30,100 54,82 46,58 24,56 8,74",
    ),
    (
        "5,4 35,4 64,4 64,4 42,50 26,100",
        "5,15 8,3 8,3 62,4 62,4 45,40 36,100",
        "5,4 35,4 64,4 64,4 42,50 26,100 / 22,52 42,50 62,48",
    ),
    (
        "58,12 35,0 14,14 22,38 50,58 60,84 34,100 10,84 20,60 48,40 58,14 40,2",
        "36,0 16,10 18,36 36,47 56,36 56,10 36,0 / 36,47 10,64 10,92 36,102 62,92 62,64 36,47",
        "60,10 32,2 16,20 34,44 56,72 40,98 16,92 20,66 44,46 60,20 62,8",
    ),
    (
        "60,22 38,0 12,14 12,42 38,50 58,30 60,10 60,10 58,55 50,100",
        "58,25 40,2 16,8 8,32 26,48 52,36 60,12 60,12 58,60 34,98 10,90",
        "60,20 36,0 12,22 26,48 58,30 60,12 60,12 50,60 30,100",
    ),
)

STYLES_PER_DIGIT = 3
SIZE = 28  # pixels in height and width
PEN_POINTS = 64  # positions of the pen in one digit
CURVE_SAMPLES = 400  # points of a stroke from which the positions are chosen
BLOCK = 500  # digits drawn at once, from a random stream of their own; few enough for the cache
GRID = 64  # the pen's positions are rounded to this fraction of a pixel
LEVELS = 63  # the most that one position adds along an axis: 64 * 63**2 < 2**24, exact in float32


def load_data(num_train=60000, num_test=10000, seed=0):
    """Draw synthetic digits. They are not MNIST (see the module's text).

    The training and the test digits are independent draws of the same distribution. The first n
    digits do not depend on how many are asked for.

    Parameters
    ----------
    num_train, num_test : int
        How many digits to draw.
    seed : int
        From 0. The same seed gives the same digits.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuples of ndarray of uint8
        Images (num_train, 28, 28) and (num_test, 28, 28), 0 the paper and 255 the ink; labels
        (num_train,) and (num_test,), from 0 to 9.
    """
    for name, value in (("num_train", num_train), ("num_test", num_test), ("seed", seed)):
        if operator.index(value) < 0:
            raise ValueError(f"synthetic_digits: expected {name} of at least 0, got {value}")
    return _draw(num_train, seed, 0), _draw(num_test, seed, 1)


def _draw(count, seed, split):
    """Return images (count, 28, 28) and labels (count,), drawn in blocks."""
    images = np.empty((count, SIZE, SIZE), np.uint8)
    labels = np.empty(count, np.uint8)
    styles = _style_curves()
    for start in range(0, count, BLOCK):
        block = slice(start, min(start + BLOCK, count))
        rng = np.random.default_rng((seed, split, start))
        block_images, block_labels = _draw_block(rng, *styles)
        images[block] = block_images[: block.stop - start]
        labels[block] = block_labels[: block.stop - start]
    return images, labels


def _draw_block(rng, points, weights, lengths):
    """Draw BLOCK digits: images (BLOCK, 28, 28) and labels (BLOCK,), both of uint8."""

    def around(middle, spread, shape=(1,)):
        """Random numbers for each digit, within `spread` of `middle` and mostly near it."""
        two = rng.random((2, BLOCK, *shape))
        return middle + spread * (two[0] + two[1] - 1)

    labels = rng.integers(len(STYLES), size=BLOCK)
    styles = STYLES_PER_DIGIT * labels + rng.integers(STYLES_PER_DIGIT, size=BLOCK)
    moved = points[styles] + around(0, 0.09, points.shape[1:])
    pen = weights[styles] @ moved - (0.36, 0.5)  # (BLOCK, PEN_POINTS, 2), around the middle
    x, y = pen[..., 0], pen[..., 1]

    # Bend and slant. y points down: a negative slant leans to the right.
    x = x + around(0, 0.5) * (y**2 - 0.1) + around(-0.15, 0.55) * y
    y = y + around(0, 0.5) * (x**2 - 0.05)
    # Turn, size and place, in pixels.
    angle, width, height = around(0, 0.4), around(16, 5), around(17, 4)
    turned_x = np.cos(angle) * x - np.sin(angle) * y
    turned_y = np.sin(angle) * x + np.cos(angle) * y
    x = width * turned_x + around(13.5, 3.5)
    y = height * turned_y + around(13.5, 3.5)

    radius = around(2.0, 0.8)
    spacing = lengths[styles, None] * height / PEN_POINTS
    pressure = around(330, 80) * spacing / radius / LEVELS**2  # 255 is full ink
    ink = _ink(x, y, radius) * pressure[..., None].astype(np.float32)
    ink = np.minimum(ink, 255)
    grain = around(0.15, 0.15)[..., None].astype(np.float32)
    ink += grain * rng.integers(-128, 128, size=ink.shape, dtype=np.int8)
    return np.clip(ink, 0, 255).astype(np.uint8), labels.astype(np.uint8)


def _ink(x, y, radius):
    """Return the ink (BLOCK, 28, 28) of a round pen at the places x, y (BLOCK, PEN_POINTS).

    A place leaves b(dx / radius) * b(dy / radius) on a pixel, with b(d) = max(0, 1 - d^2)^2. That
    is nearly round, and a product: the sum over the places is one matrix product per image.
    """
    return _bumps(y, radius).transpose(0, 2, 1) @ _bumps(x, radius)


def _bumps(places, radius):
    """Return LEVELS * b((pixel - place) / radius), rounded: (BLOCK, PEN_POINTS, 28)."""
    pixels = np.arange(SIZE, dtype=np.float32) * GRID
    places = np.rint(places * GRID).astype(np.float32)[..., None]
    radius = np.rint(radius * GRID).astype(np.float32)[..., None]
    b = np.maximum(0, 1 - ((pixels - places) / radius) ** 2) ** 2
    return np.rint(LEVELS * b)


def _style_curves():
    """Return for every style its points, the weights of its curves, and their length.

    Returns
    -------
    points : ndarray (styles, P, 2)
        x and y; P is the largest number of points, and absent ones are 0.
    weights : ndarray (styles, PEN_POINTS, P)
        `weights @ points` are places at equal distances along the style's strokes.
    lengths : ndarray (styles,)
        The length of all strokes together, as a multiple of the height.
    """
    styles = [_parse(style) for digit in STYLES for style in digit]
    most = max(sum(map(len, strokes)) for strokes in styles)
    points = np.zeros((len(styles), most, 2))
    weights = np.zeros((len(styles), PEN_POINTS, most))
    lengths = np.zeros(len(styles))
    for index, strokes in enumerate(styles):
        fine_weights, steps = [], []
        first = 0
        for stroke in strokes:
            here = slice(first, first + len(stroke))
            points[index, here] = stroke
            fine = np.zeros((CURVE_SAMPLES, most))
            fine[:, here] = _curve_weights(len(stroke))
            path = fine @ points[index]
            fine_weights.append(fine)
            steps.append(np.hypot(*np.diff(path, axis=0, prepend=path[:1]).T))
            first += len(stroke)
        distances = np.cumsum(np.concatenate(steps))
        chosen = np.searchsorted(distances, np.linspace(0, distances[-1], PEN_POINTS))
        weights[index] = np.concatenate(fine_weights)[chosen]
        lengths[index] = distances[-1]
    return points, weights, lengths


def _parse(style):
    """Return the strokes of a style's text, each an array (points, 2) in units of the height."""
    strokes = [stroke.split() for stroke in style.split("/")]
    return [np.array([point.split(",") for point in stroke], float) / 100 for stroke in strokes]


def _curve_weights(count):
    """Return weights (CURVE_SAMPLES, count) of a curve through `count` points.

    Source: E. Catmull, R. Rom, "A class of local interpolating splines", 1974 (uniform, cubic).
    """
    t = np.linspace(0, count - 1, CURVE_SAMPLES)
    segment = np.minimum(
        t.astype(int), count - 2
    )  # the curve goes from point `segment` to the next
    u = t - segment
    basis = (
        -u + 2 * u**2 - u**3,
        2 - 5 * u**2 + 3 * u**3,
        u + 4 * u**2 - 3 * u**3,
        u**3 - u**2,
    )
    weights = np.zeros((CURVE_SAMPLES, count))
    for neighbour, weight in zip((-1, 0, 1, 2), basis, strict=True):
        point = np.clip(segment + neighbour, 0, count - 1)  # the ends count twice
        weights[np.arange(CURVE_SAMPLES), point] += weight / 2
    return weights
