"""What a trained network has learned: its filters, what it sees, and where it errs."""

import math

import numpy as np

from minigrad.plots._style import (
    LABEL,
    POINT,
    TICK,
    axes_for,
    check_axes,
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


def draw_worst(images, y_true, y_pred, number=12, names=None, ax=None, theme="light"):
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
    ax : sequence of matplotlib.axes.Axes, optional
        Draw there, instead of in a new figure of 760 pixels: one for each mistake shown. The head
        above them is then not drawn.

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
    return _pictures("draw_worst", pictures[chosen], heads, title, ax, theme, columns=6)


def draw_filters(kernel, shape=None, channel=0, number=32, title="Filters", ax=None, theme="light"):
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
    ax : sequence of matplotlib.axes.Axes, optional
        Draw there, instead of in a new figure of 760 pixels: one for each filter shown, such as
        ``figure.subplots(4, 8)``. The head above them, with the scale, is then not drawn.
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
    map_ = ramp("diverging", theme)
    return _pictures("draw_filters", pictures, None, head, ax, theme, COLUMNS, map_, largest)


def draw_feature_maps(maps, columns=COLUMNS, title=None, ax=None, theme="light"):
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
    ax : sequence of matplotlib.axes.Axes, optional
        Draw there, instead of in a new figure of 760 pixels: one for each channel shown, and one
        for each row of numbers. The head above them, `title`, is then not drawn.
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
    places, heads, top = [], [], 40  # of the panels; names before the rows
    for name, values in rows:
        size = " × ".join(map(str, values.shape))
        channels = min(columns, values.shape[-1])
        heads.append((len(places), name, size, top))
        if values.ndim == 3:
            places += [(130 + 78 * i, top + 8, 72, 72) for i in range(channels)]
        else:
            places.append((130, top + 8, 618, 44))
        top += 96 if values.ndim == 3 else 78
    title = title or "One image, layer by layer"
    figure, axes = _panels("draw_feature_maps", ax, places, top + 4, title, theme)
    colors, map_ = page(theme), _from_page(theme)
    for (first, name, size, top), (_, values) in zip(heads, rows, strict=True):
        if ax is not None:
            _name(axes[first], f"{name}, {size}", theme)
        else:
            _write(figure, 8, top + 30, name, colors["ink"], LABEL)
            _write(figure, 8, top + 48, size, colors["grey"], TICK)
        if values.ndim == 3:
            high = values[..., :columns].max() or 1.0
            for i in range(min(columns, values.shape[-1])):
                limits = {"vmin": min(0, values.min()), "vmax": high}
                axes[first + i].imshow(values[..., i], cmap=map_, **limits)
        else:
            panel = axes[first]
            panel.bar(range(len(values)), values, color=map_(0.65), width=0.8)
            panel.axhline(0, color=colors["grey"], linewidth=0.8)
            panel.set_xlim(-0.6, len(values) - 0.4)
            if len(values) <= 10:
                for i in range(len(values)):
                    style = {"ha": "center", "va": "top", "fontsize": TICK * POINT}
                    below = {"textcoords": "offset points", "xytext": (0, -4)}
                    panel.annotate(str(i), (i, 0), color=colors["grey"], **style, **below)
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


def _pictures(owner, pictures, heads, title, ax, theme, columns, map_=None, largest=None):
    """Small pictures in rows; without a map from page to ink."""
    matplotlib = import_matplotlib()
    colors = page(theme)
    if map_ is None:
        ends = [colors["page"], colors["ink"]]
        map_ = matplotlib.colors.LinearSegmentedColormap.from_list("ink", ends)
    side, above = 744 // columns, 24 if heads else 4
    high = side - 4 + above  # of a row
    places = [
        (8 + i % columns * side, 36 + i // columns * high + above, side - 8, side - 8)
        for i in range(len(pictures))
    ]
    height = 40 + max(1, math.ceil(len(pictures) / columns)) * high
    limits = {"vmin": 0} if largest is None else {"vmin": -largest, "vmax": largest}
    figure, panels = _panels(owner, ax, places, height, title, theme)
    for index, (axes, picture) in enumerate(zip(panels, pictures, strict=True)):
        axes.imshow(picture, cmap=map_, **limits)
        axes.spines[:].set(visible=True, color=colors["grid"])
        if heads:
            _name(axes, heads[index], theme)
    return figure


def _panels(owner, ax, places, height, title, theme):
    """Return figure and axes: those that were given, or new ones with a head.

    A place is (x, y, width, height), in pixels from the new figure's left and top.
    """
    if ax is None:
        figure = new_figure(760, height, theme, layout="none")
        headline(figure, title, theme)
        w, h = 760, height
        boxes = [(x / w, 1 - (y + high) / h, wide / w, high / h) for x, y, wide, high in places]
        panels = [figure.add_axes(box) for box in boxes]
    else:
        panels = check_axes(ax, owner, *["flat"] * len(places))
        figure = panels[0].figure if panels else None
    for axes in panels:
        axes.set(xticks=[], yticks=[], facecolor=page(theme)["page"])
        axes.spines[:].set_visible(False)
    return figure, panels


def _name(axes, text, theme):
    """Write what a panel shows above it, at its left."""
    style = {"loc": "left", "pad": 5 * POINT, "fontsize": LABEL * POINT}
    axes.set_title(text, color=page(theme)["ink"], **style)


def _write(figure, x, y, text, color, size):
    w, h = figure.get_size_inches() * 100
    figure.text(x / w, 1 - y / h, text, color=color, fontsize=size * POINT)
