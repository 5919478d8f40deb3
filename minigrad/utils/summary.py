"""The tables that `model.summary()` prints: Keras's, and one of operations and bytes."""

import dataclasses
import itertools
import math
import re
import shutil
import textwrap

from minigrad.utils.naming import unique_name
from minigrad.utils.progbar import can_print
from minigrad.utils.structures import flatten

DEFAULT_WIDTH = 88
GRAPH_WIDTH = 108  # with the column "Connected to"
LEAST_WIDTH = 44  # in a narrower terminal the lines wrap
TRAINABLE_WIDTH = 12  # what the column "Trainable" adds to it
TEXT = "┏━┳┓┃┡╇┩│├─┼┤└┴┘…"
ASCII = "+=++|+++|+-+++++~"


def summary_lines(
    model, line_length=None, positions=None, expand_nested=False, show_trainable=False,
    layer_range=None, show_operations=False,
):  # fmt: skip
    """Return the lines of the table, one row a layer, and of the totals below it.

    A graph that is no simple row has a column "Connected to", as in Keras: "dense[0][1]" is the
    second result of the layer's first use. What is not known is shown as "?".

    Parameters
    ----------
    model : Model
    line_length : int, optional
        Width in characters. Default: 88, or 108 with "Connected to", or the terminal's width less 4
        if that is less.
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
    graph = getattr(model, "_graph", None)
    has_branches = graph is not None and _has_branches(graph)
    header, alignment = ["Layer (type)", "Output Shape", "Param #"], "<<>"
    width, default = DEFAULT_WIDTH, [0.45, 0.80, 1.0]
    if has_branches:
        header, alignment = [*header, "Connected to"], alignment + "<"
        width, default = GRAPH_WIDTH, [0.3, 0.56, 0.74, 1.0]
    positions = list(positions or default)
    if show_trainable:
        positions = [0.9 * position for position in positions] + [1.0]
        header, alignment = [*header, "Trainable"], alignment + "^"
        width += TRAINABLE_WIDTH
    room = max(shutil.get_terminal_size().columns - 4, LEAST_WIDTH)
    width = line_length or min(width, room)
    rows = _select(_rows(model), layer_range)
    layers = [row.layer for row in rows if row.layer is not None]
    rows = _expand(rows) if expand_nested else rows
    cells = [_describe(row, has_branches, show_trainable) for row in rows]
    lines = _draw(header, cells, alignment, _column_widths(width, positions))
    lines = [f'Model: "{model.name}"', *lines, *_totals(model)]
    if show_operations:
        lines += _work_table(model, layers, width, has_branches)
    if can_print(TEXT):
        return lines
    return [line.translate(str.maketrans(TEXT, ASCII)) for line in lines]


@dataclasses.dataclass
class _Row:
    """A layer, or in a graph the use of an op, which is no layer."""

    layer: object
    name: str
    shape: object = None  # of the results, if it is known from the graph
    indent: int = 0
    uses: int = 0
    connected: list = dataclasses.field(default_factory=list)


def _rows(model):
    """The rows of the model's layers, of a graph with its ops among them."""
    graph, rows = getattr(model, "_graph", None), {}
    if graph is not None:
        symbols = [source for call in graph.calls for source in call.sources]
        shapes, names, taken = {}, {}, {layer.name for layer in graph.layers}
        for symbol in sorted([*symbols, *flatten(graph.outputs)], key=lambda symbol: symbol.index):
            shapes.setdefault(id(symbol.call), {})[symbol.index] = symbol.shape
        for call in graph.calls:
            layer = call.function if hasattr(call.function, "sublayers") else None
            name = call.title if layer is not None else unique_name(call.title, taken)
            taken.add(name)
            found = list(shapes.get(id(call), {}).values())
            row = _Row(layer, name, found[0] if call.is_single and found else found or None)
            row = rows.setdefault(id(call if layer is None else layer), row)
            names[id(call)] = f"{row.name}[{row.uses}]"
            row.uses += 1
            row.connected += [f"{names.get(id(s.call), s.name)}[{s.index}]" for s in call.sources]
    for layer in model.layers:
        rows.setdefault(id(layer), _Row(layer, layer.name))
    return list(rows.values())


def _has_branches(graph):
    """Whether any call uses more than the results of the one before, or a layer is used twice."""
    chained = all(s.call is a for a, b in itertools.pairwise(graph.calls) for s in b.sources)
    starts = [call for call in graph.calls if not call.sources]
    layers = [call.function for call in graph.calls if hasattr(call.function, "sublayers")]
    return not chained or len(starts) > 1 or len(layers) > len(graph.layers)


def _select(rows, layer_range):
    """The rows from the first match of one name to the last match of the other, inclusive."""
    if layer_range is None:
        return rows
    if len(layer_range) != 2 or not all(isinstance(name, str) for name in layer_range):
        raise ValueError(f"layer_range: expected two names, got {layer_range}")
    first, last = (
        [i for i, row in enumerate(rows) if re.match(name, row.name)] for name in layer_range
    )
    if not first or not last:
        raise ValueError(
            f"Passed layer_names do not match the layer names in the model. Received: {layer_range}"
        )
    if first[0] > last[-1]:
        first, last = last, first
    return rows[first[0] : last[-1] + 1]


def _expand(rows, around=()):
    """Each row, then those of the layers within, except of one that is within itself."""
    for row in rows:
        yield row
        if row.layer is not None and row.layer not in around:
            inner = [_Row(each, each.name, indent=row.indent + 1) for each in row.layer.sublayers]
            yield from _expand(inner, (*around, row.layer))


def _describe(row, has_branches, show_trainable):
    layer, kind, params = row.layer, "op", "0"
    if layer is not None:
        kind = type(layer).__name__
        kind = "Functional" if kind == "Model" else kind  # as Keras calls it
        params = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
    shape = shape_text(_output_shape(layer) if row.shape is None else row.shape)
    cells = [f"{'   ' * row.indent}{'└ ' * bool(row.indent)}{row.name} ({kind})", shape, params]
    if has_branches:
        cells.append(", ".join(row.connected) or "-")
    if show_trainable:
        has_weights = layer is not None and layer.weights
        cells.append(("Y" if layer.trainable else "N") if has_weights else "-")
    return cells


def _output_shape(layer):
    """The shape of a layer's output; None if it is not known, or cannot be found out."""
    try:
        return layer.output_shape if layer is not None and layer.built else None
    except Exception:  # a call of the user's own was tried on zeros
        return None


def shape_text(shape):
    """A shape, or several, as text; "?" for one that is not known."""
    if shape is None:
        return "?"
    if isinstance(shape, dict):
        shape = list(shape.values())
    if any(isinstance(part, (tuple, list, dict)) for part in shape):
        return f"[{', '.join(map(shape_text, shape))}]"
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
    """Break between words, and keep the first line's indent; too long a word loses its end."""
    indent = " " * min(len(text) - len(text.lstrip()), width // 2)
    words = [word if len(word) <= width else word[: width - 1] + "…" for word in text.split()]
    return textwrap.wrap(" ".join(words), width, initial_indent=indent, break_on_hyphens=False)


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


def _work_table(model, layers, width, has_branches):
    """Yield the lines of the second table: the cost of one sample in each layer."""
    header = ["Layer", "Operations", "Output", "Weights"]
    rows = [_describe_work(layer) for layer in layers]
    yield from _draw(header, rows, "<>>>", _column_widths(width, [0.4, 0.6, 0.8, 1.0]))
    if has_branches or not all(map(_is_known, model.layers)):
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
    """Whether its work can be told: it has one output, of known sizes, and no layers within."""
    shape = _output_shape(layer)
    is_one = isinstance(shape, tuple) and all(hasattr(n, "__index__") for n in shape[1:])
    return is_one and not layer.sublayers


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
