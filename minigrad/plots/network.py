"""What a trained network has learned: its filters, what it sees, and where it errs."""

import math

import numpy as np

from minigrad.plots._style import (
    LABEL,
    POINT,
    TICK,
    axes_for,
    dress,
    headline,
    import_matplotlib,
    new_figure,
    page,
    ramp,
)

COLUMNS = 8


def draw_confusion(y_true, y_pred, names=None, ax=None, theme="light"):
    """Draw how often each class is taken for each other.

    A row is a class, a column an answer. Only mistakes are coloured: the right answers, which are
    many more, stand in the diagonal as numbers.

    Parameters
    ----------
    y_true : array_like (n,)
        The classes, integers from 0.
    y_pred : array_like (n,) or (n, classes)
        The answers, as classes or as probabilities.
    names : sequence of str, optional
        Of the classes. Default: their numbers.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: a figure of its own.
    theme : {"light", "dark"}

    Returns
    -------
    matplotlib.figure.Figure
    """
    truth, answers, _ = _answers("draw_confusion", y_true, y_pred)
    size = len(names) if names is not None else 1 + max(truth.max(), answers.max())
    if max(truth.max(), answers.max()) >= size:
        got = f"{max(truth.max(), answers.max())}"
        raise ValueError(
            f"draw_confusion: expected classes below {size}, as many as names, got {got}"
        )
    counts = np.zeros((size, size), int)
    np.add.at(counts, (truth, answers), 1)
    mistakes = counts * (1 - np.eye(size, dtype=int))
    axes = axes_for("draw_confusion", ax, 560, 560, theme)
    unit = f"row: the class; column: the answer; {mistakes.sum()} mistakes of {counts.sum()}"
    dress(axes, theme, "What is taken for what", unit, grid=False)
    colors, map_ = page(theme), _from_page(theme)
    shown = np.ma.masked_equal(mistakes, 0)
    highest = max(mistakes.max(), 1)
    axes.imshow(shown, cmap=map_, vmin=0, vmax=highest)
    for (i, j), count in np.ndenumerate(counts):
        if count:
            dark = (mistakes[i, j] > highest / 2) and i != j
            ink = colors["grey"] if i == j else colors["page"] if dark else colors["ink"]
            style = {"ha": "center", "va": "center", "fontsize": TICK * POINT}
            axes.text(j, i, f"{count:,}", color=ink, **style)
    ticks = range(size), names or [str(i) for i in range(size)]
    axes.set_xticks(*ticks)
    axes.set_yticks(*ticks)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return axes.figure


def draw_worst(images, y_true, y_pred, number=12, names=None, theme="light"):
    """Draw the mistakes that the network was surest of: "6 → 0, 99 %" is a 6 that it calls a 0.

    Parameters
    ----------
    images : array_like (n, height, width) or (n, height, width, 1)
        0 is drawn as the page, the largest value as ink.
    y_true : array_like (n,)
    y_pred : array_like (n, classes)
        Probabilities.
    number : int
        How many, at most.
    names, theme
        As for `draw_confusion`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    truth, answers, sure = _answers("draw_worst", y_true, y_pred)
    if sure is None:
        raise ValueError("draw_worst: expected probabilities (n, classes) in y_pred, got classes")
    pictures = _gray("draw_worst", images)
    wrong = np.flatnonzero(truth != answers)
    chosen = wrong[np.argsort(-sure[wrong], kind="stable")][:number]
    names = names or range(int(max(truth.max(), answers.max())) + 1)
    heads = [
        f"{names[truth[i]]} → {names[answers[i]]}, {math.floor(100 * sure[i])} %" for i in chosen
    ]
    title = f"The surest of {len(wrong)} mistakes among {len(truth)}: class → answer"
    return _pictures(pictures[chosen], heads, title, theme, columns=6)


def draw_filters(kernel, shape=None, channel=0, number=32, title="Filters", theme="light"):
    """Draw a layer's weights, one picture a filter: blue below 0, orange above, 0 as the page.

    All pictures have one scale, from minus to plus the largest weight.

    Parameters
    ----------
    kernel : array_like or Tensor (height, width, channels, filters), or (inputs, units)
        Of a convolution, or of a Dense layer right behind an image.
    shape : (int, int), optional
        Height and width of the image whose pixels are a Dense layer's inputs.
    channel : int
        Which input channel of a convolution.
    number : int
        How many filters, at most.
    title : str
    theme : {"light", "dark"}

    Returns
    -------
    matplotlib.figure.Figure
    """
    weights = np.asarray(kernel)
    if weights.ndim == 2 and shape is not None and math.prod(shape) == len(weights):
        weights = weights.reshape(*shape, 1, -1)
    if weights.ndim != 4:
        cure = "give shape=(height, width) for the kernel of a Dense layer behind an image"
        fault = f"a kernel (height, width, channels, filters), got {weights.shape}"
        raise ValueError(f"draw_filters: expected {fault}; {cure}")
    if not 0 <= channel < weights.shape[2]:
        raise ValueError(
            f"draw_filters: expected a channel below {weights.shape[2]}, got {channel}"
        )
    pictures = np.moveaxis(weights[:, :, channel], -1, 0)[:number]
    largest = float(np.abs(weights[:, :, channel]).max()) or 1.0
    head = f"{title}: from −{largest:.2g} (blue) over 0 (page) to {largest:.2g} (orange)"
    return _pictures(pictures, None, head, theme, COLUMNS, ramp("diverging", theme), largest)


def draw_feature_maps(maps, columns=COLUMNS, title=None, theme="light"):
    """Draw one image on its way through the network: what each layer makes of it.

    Each layer has a row with its first channels, on a scale of its own; rows of numbers are drawn
    as one bar each. Layers that pass on what they got (dropout, flatten) are left out.

    Parameters
    ----------
    maps : dict from str to array (height, width, channels) or (n,)
        As `minigrad.lab.feature_maps` returns it.
    columns : int
        Channels shown, at most.
    title : str, optional
    theme : {"light", "dark"}

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows, before = [], None
    for name, values in maps.items():
        values = np.asarray(values)
        if before is None or not np.array_equal(before.reshape(-1), values.reshape(-1)):
            rows.append((name, values))
        before = values
    import_matplotlib()
    heights = [96 if values.ndim == 3 else 78 for _, values in rows]
    figure = new_figure(760, sum(heights) + 44, theme, layout="none")
    headline(figure, title or "One image, layer by layer", theme)
    colors, map_ = page(theme), _from_page(theme)
    top = 40
    for (name, values), height in zip(rows, heights, strict=True):
        _write(figure, 8, top + 30, name, colors["ink"], LABEL)
        size = " × ".join(map(str, values.shape))
        _write(figure, 8, top + 48, size, colors["grey"], TICK)
        if values.ndim == 3:
            high = values[..., :columns].max() or 1.0
            for i in range(min(columns, values.shape[-1])):
                axes = _place(figure, 130 + 78 * i, top + 8, 72, 72)
                axes.imshow(values[..., i], cmap=map_, vmin=min(0, values.min()), vmax=high)
        else:
            axes = _place(figure, 130, top + 8, 618, 44)
            axes.bar(range(len(values)), values, color=map_(0.65), width=0.8)
            axes.axhline(0, color=colors["grey"], linewidth=0.8)
            axes.set_xlim(-0.6, len(values) - 0.4)
            if len(values) <= 10:
                for i in range(len(values)):
                    style = {"ha": "center", "va": "top", "fontsize": TICK * POINT}
                    below = {"textcoords": "offset points", "xytext": (0, -4)}
                    axes.annotate(str(i), (i, 0), color=colors["grey"], **style, **below)
        top += height
    return figure


def _from_page(theme):
    """The sequential map, with the page itself for 0: what is not there is not drawn."""
    colors = import_matplotlib().colors
    sequential = ramp("sequential", theme)(np.linspace(0.15, 1, 6))
    return colors.LinearSegmentedColormap.from_list("page", [page(theme)["page"], *sequential])


def _answers(owner, y_true, y_pred):
    """Return classes (n,), answers (n,), and how sure each answer is (n,) or None."""
    truth, given = np.asarray(y_true), np.asarray(y_pred)
    if truth.ndim != 1 or not len(truth) or given.ndim not in (1, 2) or len(given) != len(truth):
        fault = f"y_true (n,) and y_pred (n,) or (n, classes), got {truth.shape} and {given.shape}"
        cure = "labels that are one-hot: y_true.argmax(axis=1)"
        raise ValueError(f"{owner}: expected {fault}; {cure}")
    sure = None
    if given.ndim == 2:
        sure, given = given.max(axis=1), given.argmax(axis=1)
    whole = truth.astype(int), given.astype(int)
    for name, values, numbers in zip(("y_true", "y_pred"), (truth, given), whole, strict=True):
        if (numbers != values).any() or numbers.min() < 0:
            cure = "probabilities of one class: (y_pred[:, 0] > 0.5).astype(int)"
            raise ValueError(f"{owner}: expected whole numbers from 0 in {name}; {cure}")
    return *whole, sure


def _gray(owner, images):
    """Images as an array (n, height, width)."""
    pictures = np.asarray(images)
    if pictures.ndim == 4 and pictures.shape[-1] == 1:
        pictures = pictures[..., 0]
    if pictures.ndim != 3:
        fault = f"images (n, height, width) or (n, height, width, 1), got {pictures.shape}"
        raise ValueError(f"{owner}: expected {fault}")
    return pictures


def _pictures(pictures, heads, title, theme, columns, map_=None, largest=None):
    """A figure of small pictures in rows; without a map from page to ink."""
    matplotlib = import_matplotlib()
    colors = page(theme)
    if map_ is None:
        ends = [colors["page"], colors["ink"]]
        map_ = matplotlib.colors.LinearSegmentedColormap.from_list("ink", ends)
    side, above = 744 // columns, 24 if heads else 4
    rows = max(1, math.ceil(len(pictures) / columns))
    figure = new_figure(760, 40 + rows * (side - 8 + above + 4), theme, layout="none")
    headline(figure, title, theme)
    limits = {"vmin": 0} if largest is None else {"vmin": -largest, "vmax": largest}
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        x, y = 8 + column * side, 40 + row * (side - 8 + above + 4) + above - 4
        axes = _place(figure, x, y, side - 8, side - 8)
        axes.imshow(picture, cmap=map_, **limits)
        axes.spines[:].set(visible=True, color=colors["grid"])
        if heads:
            _write(figure, x, y - 5, heads[index], colors["ink"], LABEL)
    return figure


def _place(figure, x, y, width, height):
    """Add axes without ticks at so many pixels from the figure's left and top."""
    w, h = figure.get_size_inches() * 100
    axes = figure.add_axes((x / w, 1 - (y + height) / h, width / w, height / h))
    axes.set(xticks=[], yticks=[], facecolor=figure.get_facecolor())
    axes.spines[:].set_visible(False)
    return axes


def _write(figure, x, y, text, color, size):
    w, h = figure.get_size_inches() * 100
    figure.text(x / w, 1 - y / h, text, color=color, fontsize=size * POINT)
