"""The tables that `model.summary()` prints: Keras's, and one of operations and bytes."""

import math
import re
import shutil
import textwrap

from minigrad.utils.progress import can_print

DEFAULT_WIDTH = 88
LEAST_WIDTH = 44  # in a narrower terminal the lines wrap
TRAINABLE_WIDTH = 12  # what the column "Trainable" adds to it
TEXT = "┏━┳┓┃┡╇┩│├─┼┤└┴┘…"
ASCII = "+=++|+++|+-+++++~"


def summary_lines(
    model, line_length=None, positions=None, expand_nested=False, show_trainable=False,
    layer_range=None, show_operations=False,
):  # fmt: skip
    """Return the lines of the table, one row a layer, and of the totals below it.

    Parameters
    ----------
    model : Sequential
    line_length : int, optional
        Width in characters. Default: 88, or the terminal's width less 4 if that is less.
    positions : list of float, optional
        Where each column ends, as a fraction of the width.
    expand_nested : bool
        Show the layers within layers, indented below them.
    show_trainable : bool
        Add a column that shows whether a layer is trained: Y, N, or - if it has no weights.
    layer_range : (str, str), optional
        Names (or regular expressions) of the first and last layer to show.
    show_operations : bool
        Add a second table: the cost of one sample in each layer, see `Sequential.summary`.

    Raises
    ------
    ValueError
        If a column would be narrower than 4 characters, or no layer has such a name.
    """
    positions = list(positions or [0.45, 0.80, 1.0])
    header, alignment = ["Layer (type)", "Output Shape", "Param #"], "<<>"
    width = DEFAULT_WIDTH
    if show_trainable:
        positions = [0.9 * position for position in positions] + [1.0]
        header, alignment = [*header, "Trainable"], alignment + "^"
        width += TRAINABLE_WIDTH
    room = max(shutil.get_terminal_size().columns - 4, LEAST_WIDTH)
    width = line_length or min(width, room)
    layers = _select(model.layers, layer_range)
    indented = _expand(layers) if expand_nested else [("", layer) for layer in layers]
    rows = [_describe(layer, show_trainable, indent) for indent, layer in indented]
    lines = _draw(header, rows, alignment, _column_widths(width, positions))
    lines = [f'Model: "{model.name}"', *lines, *_totals(model)]
    if show_operations:
        lines += _work_table(model, layers, width)
    if can_print(TEXT):
        return lines
    return [line.translate(str.maketrans(TEXT, ASCII)) for line in lines]


def _select(layers, layer_range):
    """The layers from the first match of one name to the last match of the other, inclusive."""
    if layer_range is None:
        return layers
    if len(layer_range) != 2 or not all(isinstance(name, str) for name in layer_range):
        raise ValueError(f"layer_range: expected two names, got {layer_range}")
    first, last = (
        [i for i, layer in enumerate(layers) if re.match(name, layer.name)] for name in layer_range
    )
    if not first or not last:
        raise ValueError(
            f"Passed layer_names do not match the layer names in the model. Received: {layer_range}"
        )
    if first[0] > last[-1]:
        first, last = last, first
    return layers[first[0] : last[-1] + 1]


def _expand(layers, indent=""):
    """Pairs of indent and layer: each layer, then the layers within."""
    for layer in layers:
        yield indent, layer
        yield from _expand(layer.sublayers, f"{indent}└ ")


def _describe(layer, show_trainable, indent):
    shape = _shape_text(layer.output_shape) if layer.built else "?"
    params = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
    row = [f"{indent}{layer.name} ({type(layer).__name__})", shape, params]
    if show_trainable:
        row.append(("Y" if layer.trainable else "N") if layer.weights else "-")
    return row


def _shape_text(shape):
    """A shape, or several, as text; "?" for one that is not known."""
    if shape is None:
        return "?"
    if isinstance(shape, dict):
        shape = list(shape.values())
    if any(isinstance(part, (tuple, list, dict)) for part in shape):
        return f"[{', '.join(map(_shape_text, shape))}]"
    return f"({', '.join(map(str, shape))})"


def _column_widths(width, positions):
    """Inner widths of the columns, divided as Keras's table library does."""
    ends = [int(position * width) for position in positions]
    widths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    if min(widths) < 4:
        raise ValueError("Insufficient console width to print summary.")
    excess = 3 * len(widths) + 1  # a blank on both sides of each cell, and the lines
    for i in range(len(widths)):
        share = round(excess / (len(widths) - i))
        widths[i] -= share
        excess -= share
    return widths


def _draw(header, rows, alignment, widths):
    def rule(left, line, crossing, right):
        return left + crossing.join(line * (width + 2) for width in widths) + right

    def draw_row(row, wall):
        cells = [_wrap(text, width) for text, width in zip(row, widths, strict=True)]
        for i in range(max(map(len, cells))):
            parts = [cell[i] if i < len(cell) else "" for cell in cells]
            padded = [
                f" {part:{align}{width}} "
                for part, align, width in zip(parts, alignment, widths, strict=True)
            ]
            yield wall + wall.join(padded) + wall

    yield rule("┏", "━", "┳", "┓")
    yield from draw_row(header, "┃")
    yield rule("┡", "━", "╇", "┩")
    for i, row in enumerate(rows):
        if i > 0:
            yield rule("├", "─", "┼", "┤")
        yield from draw_row(row, "│")
    yield rule("└", "─", "┴", "┘")


def _wrap(text, width):
    """Break between words; a word that is too long loses its end."""
    words = [word if len(word) <= width else word[: width - 1] + "…" for word in text.split()]
    return textwrap.wrap(" ".join(words), width, break_on_hyphens=False)


def _totals(model):
    groups = {
        "Trainable": [weight.data for weight in model.trainable_weights],
        "Non-trainable": [weight.data for weight in model.non_trainable_weights],
    }
    if model.optimizer is not None and model.optimizer.built:
        groups["Optimizer"] = model.optimizer.variables
    groups = {"Total": [array for arrays in groups.values() for array in arrays], **groups}
    for name, arrays in groups.items():
        size = _readable_size(sum(array.nbytes for array in arrays))
        yield f" {name} params: {sum(array.size for array in arrays):,} ({size})"


def _work_table(model, layers, width):
    """Yield the lines of the second table: the cost of one sample in each layer."""
    header = ["Layer", "Operations", "Output", "Weights"]
    rows = [_describe_work(layer) for layer in layers]
    yield from _draw(header, rows, "<>>>", _column_widths(width, [0.4, 0.6, 0.8, 1.0]))
    if not all(map(_is_known, model.layers)):
        return
    forward = step = 0
    gradient_goes_on = False  # the gradient of the model's input is not computed
    for layer in model.layers:
        operations = _count_operations(layer)
        forward += operations
        step += operations * (1 + bool(layer.trainable_weights) + gradient_goes_on)
        gradient_goes_on = gradient_goes_on or bool(layer.trainable_weights)
    yield f" Operations per sample: {forward:,} forward, {step:,} forward and backward"
    yield " (in kernels, a multiplication and an addition counted as 2)"


def _is_known(layer):
    return layer.built and None not in layer.output_shape[1:]


def _describe_work(layer):
    if not _is_known(layer):
        return [layer.name, "?", "?", "?"]
    output = math.prod(layer.output_shape[1:]) * layer.dtype.itemsize
    weights = sum(weight.data.nbytes for weight in layer.weights)
    return [layer.name, f"{_count_operations(layer):,}", *map(_readable_size, (output, weights))]


def _count_operations(layer):
    """Twice the kernel's size at each position: 1 for Dense on rows, OH · OW for Conv2D."""
    kernel = getattr(layer, "kernel", None)
    return 0 if kernel is None else 2 * kernel.size * math.prod(layer.output_shape[1:-1])


def _readable_size(size):
    """A number of bytes with two decimals, in the largest unit that gives at least 1."""
    units = ["B", "KB", "MB", "GB", "TB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.2f} {units[0]}"
