"""A model as a picture: its layers as boxes, in the order of the values that flow through them."""

import dataclasses
import textwrap
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from minigrad.core import trial
from minigrad.lab.drawing import (
    BEND,
    BLUE,
    CHARACTER,
    GREY,
    LINE,
    MARGIN,
    PADDING,
    PALE,
    TEXT,
    WHITE,
    add,
    new_picture,
)
from minigrad.lab.layout import GAP, OPERATION_WEIGHT, arrange
from minigrad.layers import InputLayer
from minigrad.layers.base import Layer, around, map_shapes
from minigrad.models import Sequential
from minigrad.symbolic import order_calls
from minigrad.utils.arguments import explain_arguments
from minigrad.utils.files import replacing
from minigrad.utils.naming import unique_name
from minigrad.utils.structures import flatten
from minigrad.utils.summary import shape_text

DIRECTIONS = ("TB", "LR", "BT", "RL")
ARROW = 7  # pixels
WIDEST = 60  # characters; a longer text is wrapped


@explain_arguments
def plot_model(
    model, to_file="model.png", show_shapes=False, show_dtype=False, show_layer_names=False,
    rankdir="TB", expand_nested=False, dpi=200, show_layer_activations=False,
    show_trainable=False, splines="ortho",
):  # fmt: skip
    """Draw a model, and write the picture into a file.

    Each use of a layer or op is a box; later uses of one layer say so. A model whose ``call`` is
    its own is drawn by what that calls. If it cannot be followed (it looks at values), its layers
    stand below each other, without arrows. Graphviz is not needed.

    Parameters
    ----------
    model : Model
        Built: its input's shape is known.
    to_file : str or path, or None for no file
        Ends in .svg, or in .png, .pdf, .jpg, which need matplotlib. Without matplotlib an .svg file
        is written instead, with a warning.
    show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable : bool
        What the boxes say.
    rankdir : {"TB", "LR", "BT", "RL"}
        From where to where the values flow: from the top to the bottom, from left to right, ...
    expand_nested : bool
        Draw what is in the models and layers within, in frames.
    dpi : int
        Dots per inch of a .png or .jpg file.
    splines : str
        Accepted as in Keras, but without effect.

    Returns
    -------
    ModelPicture
        Drawn by a notebook if it is the last value of a cell.

    Raises
    ------
    ValueError
        If the model is not built, or `rankdir` or the file's ending is another.
    """
    if not isinstance(model, Layer):
        raise TypeError(f"plot_model: expected a model, got {model!r}")
    if rankdir not in DIRECTIONS:
        raise ValueError(f"plot_model: expected rankdir 'TB', 'LR', 'BT' or 'RL', got {rankdir!r}")
    if not model.built:
        raise ValueError(
            f"plot_model: expected a built model, got {model.name!r}, whose shapes are not known; "
            "begin it with Input(shape), or call model.build(input_shape) or the model on data"
        )
    shown = {
        "shapes": show_shapes, "dtype": show_dtype, "names": show_layer_names,
        "activations": show_layer_activations, "trainable": show_trainable,
    }  # fmt: skip
    group = _group_of(model, shown, expand_nested)
    if isinstance(model, Sequential):
        group.boxes = _without_inputs(group.boxes)
    picture = ModelPicture(_draw(group, rankdir))
    if to_file is not None:
        picture.save(to_file, dpi)
    return picture


class ModelPicture:
    """A picture of a model, an SVG text. A notebook shows it.

    Attributes
    ----------
    svg : str
    """

    def __init__(self, svg):
        self.svg = svg

    def _repr_svg_(self):
        return self.svg

    def save(self, path, dpi=200):
        """Write the picture into a file, as `plot_model` says; it appears whole or not at all."""
        path = Path(path)
        if path.suffix == ".svg":
            with replacing(path) as temporary:
                temporary.write_text(self.svg, encoding="utf-8")
            return
        from minigrad.plots import _vector  # with matplotlib, if it is there

        try:
            _vector.write(self.svg, path, dpi)
        except ImportError as error:
            self.save(path.with_suffix(".svg"))
            warnings.warn(
                f"plot_model: expected matplotlib to write {path.name}, got none; wrote "
                f"{path.with_suffix('.svg').name} instead, which browsers show; {error}",
                stacklevel=4,
            )


# --- what is drawn -------------------------------------------------------------------------------


@dataclasses.dataclass(eq=False)
class Box:
    """One use of a layer or op: its texts, the boxes before it, and what is within."""

    texts: list
    inputs: list
    is_input: bool = False
    inner: object = None  # a Group
    width: float = 0.0
    height: float = 0.0


@dataclasses.dataclass(eq=False)
class Group:
    """Boxes of one level, inputs before results; without arrows if their order is not known."""

    boxes: list
    has_arrows: bool = True
    rows: list = None
    width: float = 0.0
    height: float = 0.0


def _group_of(layer, shown, expand, seen=()):
    """The boxes of what a model, or a layer of layers, is made of."""
    calls = _calls_of(layer)
    if calls is None:
        boxes, before = [], []
        for inner in layer.sublayers:
            box = Box(_texts(inner, inner.name, (), (), shown), before)
            _open(box, inner, shown, expand, (*seen, layer))
            boxes.append(box)
            before = [box]
        return Group(boxes, has_arrows=False)
    results = _results(calls)
    boxes, uses, taken = {}, {}, {call.title for call in calls if _is_layer(call.function)}
    for call in calls:
        function = call.function
        name = call.title if _is_layer(function) else unique_name(call.title, taken)
        taken.add(name)
        uses[id(function)] = use = uses.get(id(function), 0) + 1
        shapes = [source.shape for source in call.sources]
        made = results[id(call)]
        if _is_layer(function) and not call.is_single:  # also those that nothing uses
            made = [_output_shape(function) or made]
        texts = _texts(function, name, shapes, made, shown, use if _is_layer(function) else 1)
        inputs = [boxes[id(source.call)] for source in call.sources if id(source.call) in boxes]
        box = boxes[id(call)] = Box(texts, inputs, is_input=isinstance(function, InputLayer))
        if use == 1:
            _open(box, function, shown, expand, (*seen, layer))
    return Group(list(boxes.values()))


def _open(box, layer, shown, expand, seen):
    """Put into a box what is within its layer, unless the layer is within itself."""
    if expand and _is_layer(layer) and layer.sublayers and layer not in seen:
        box.inner = _group_of(layer, shown, expand, seen)
        if isinstance(layer, Sequential):
            box.inner.boxes = _without_inputs(box.inner.boxes)


def _without_inputs(boxes):
    kept = [box for box in boxes if not box.is_input]
    for box in kept:
        box.inputs = [source for source in box.inputs if not source.is_input]
    return kept or boxes


def _is_layer(function):
    return isinstance(function, Layer)


def _results(calls):
    """The shapes of each call's results that are used, by the call's id."""
    found = {id(call): {} for call in calls}
    for call in calls:
        for source in call.sources:
            found.setdefault(id(source.call), {})[source.index] = source.shape
    return {key: [shapes[index] for index in sorted(shapes)] for key, shapes in found.items()}


def _calls_of(layer):
    """The calls that a model or layer of layers makes, in order; None if they are not known."""
    graph = vars(layer).get("_graph")
    if graph is not None:
        return graph.calls
    symbols = vars(layer).get("_symbols")
    if symbols:  # of a Sequential
        return order_calls([symbols[0]], [symbols[-1]])
    return _follow(layer)


def _follow(layer):
    """The calls that an own ``call`` makes of Symbols, or None if it needs more than these."""
    if not layer.sublayers or layer.input_shape is None:
        return None
    kept = [(inner, inner._output) for inner, _ in layer._walk()]
    outside, around.training = around.training, False
    try:
        x = map_shapes(lambda shape: InputLayer(shape[1:]).symbol(), layer.input_shape)
        _, _, takes_training, _ = layer._signature
        with trial():
            y = layer.call(x, training=False) if takes_training else layer.call(x)
        return order_calls(flatten(x), flatten(y))
    except Exception:  # whatever an own call does with values that are not there yet
        return None
    finally:
        around.training = outside
        for inner, output in kept:
            inner._output = output


def _texts(function, name, given, made, shown, use=1):
    """The lines of a box: what it is, and what is asked for besides."""
    is_layer = _is_layer(function)
    kind = type(function).__name__ if is_layer else "op"
    kind = "Functional" if kind == "Model" else kind  # as Keras calls it
    title = f"{name} ({kind})" if shown["names"] else kind if is_layer else name
    again = f", use {use}" if shown["names"] else f", use {use} of {name}"
    texts = [title + again * (use > 1)]
    activation = getattr(function, "activation", None) if is_layer else None
    if shown["activations"] and activation is not None:
        texts.append(f"activation: {getattr(activation, '__name__', activation)}")
    if shown["shapes"]:
        if not made and is_layer and function.built:
            given = given or [function.input_shape]
            made = [_output_shape(function)]
        for title, shapes in (("input", given), ("output", made)):
            if shapes and not (title == "input" and isinstance(function, InputLayer)):
                text = f"{title}: {shape_text(shapes[0] if len(shapes) == 1 else shapes)}"
                texts += textwrap.wrap(text, WIDEST, break_long_words=False)
    if shown["dtype"] and is_layer:
        texts.append(f"dtype: {function.dtype}")
    if shown["trainable"] and is_layer:
        texts.append(f"trainable: {function.trainable}")
    return texts


def _output_shape(layer):
    try:
        return layer.output_shape
    except Exception:  # a call of the user's own was tried on zeros
        return None


# --- layout --------------------------------------------------------------------------------------


def _lay_out(group, is_sideways):
    """Set the sizes of a group and of all within; rows run across the direction of the values."""
    for box in group.boxes:
        box.width = max(CHARACTER * len(text) for text in box.texts) + 2 * PADDING
        box.height = LINE * len(box.texts) + 2 * PADDING - 4
        if box.inner is not None:
            _lay_out(box.inner, is_sideways)
            box.width = max(box.width, box.inner.width + 2 * PADDING)
            box.height += box.inner.height + PADDING

    def measure(box):
        extent = box.height if is_sideways else box.width
        return {"box": extent, "right": extent / 2, "weight": OPERATION_WEIGHT}

    group.rows = arrange(group.boxes, measure, gap=GAP)
    slots = [slot for row in group.rows for slot in row]
    shift = min(slot.x - slot.left for slot in slots)
    for slot in slots:
        slot.x -= shift
    across = max(slot.x + slot.right for slot in slots)
    along = sum(_depth(row, is_sideways) for row in group.rows) + BEND * (len(group.rows) - 1)
    group.width, group.height = (along, across) if is_sideways else (across, along)


def _depth(row, is_sideways):
    """How much room a row takes along the direction of the values."""
    boxes = [slot.vertex for slot in row if not slot.is_line]
    return max(box.width if is_sideways else box.height for box in boxes)


# --- drawing -------------------------------------------------------------------------------------


def _draw(group, rankdir):
    """The SVG text of a group, with all within."""
    _lay_out(group, rankdir in ("LR", "RL"))
    picture = new_picture(group.width + 2 * MARGIN, group.height + 2 * MARGIN)
    _draw_group(picture, group, MARGIN, MARGIN, rankdir)
    return ElementTree.tostring(picture, encoding="unicode")


def _draw_group(picture, group, left, top, rankdir):
    is_sideways, is_reversed = rankdir in ("LR", "RL"), rankdir in ("BT", "RL")
    total = group.width if is_sideways else group.height

    def place(across, along):
        """A point in the picture, from its places across and along the values' direction."""
        along = total - along if is_reversed else along
        x, y = (along, across) if is_sideways else (across, along)
        return f"{left + x:.1f} {top + y:.1f}"

    start = 0
    for row in group.rows:
        end = start + _depth(row, is_sideways)
        for slot in row:
            box, depth = slot.vertex, 0
            if not slot.is_line:
                depth, half = box.height, box.width / 2
                if is_sideways:
                    depth, half = box.width, box.height / 2
                corner = place(slot.x - half, start + depth * is_reversed)
                _draw_box(picture, box, *map(float, corner.split()), rankdir)
            for lower, port in slot.below if group.has_arrows else ():
                target = lower.x + port
                line = f"M {place(slot.x, start + depth)} L {place(slot.x, end)} "
                line += f"C {place(slot.x, end + BEND / 2)} {place(target, end + BEND / 2)} "
                line += place(target, end + BEND)
                add(picture, "path", d=line, fill="none", stroke=TEXT)
                if not lower.is_line:
                    base = end + BEND - ARROW
                    arrow = f"M {place(target - 4, base)} L {place(target + 4, base)} "
                    add(picture, "path", d=f"{arrow}L {place(target, end + BEND)} Z", fill=TEXT)
        start = end + BEND


def _draw_box(picture, box, x, y, rankdir):
    """Draw a box, its texts, and what is within, from its upper left corner on."""
    frame = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{box.width:.1f}"}
    frame |= {"height": f"{box.height:.1f}", "rx": 4, "stroke": BLUE if box.is_input else TEXT}
    if box.inner is not None:
        frame |= {"stroke": GREY, "stroke-dasharray": "4 3"}
    add(picture, "rect", **frame, fill=PALE if box.is_input else WHITE)
    for i, text in enumerate(box.texts):
        baseline = y + PADDING + LINE * (i + 1) - 5
        at = {"x": f"{x + box.width / 2:.1f}", "y": f"{baseline:.1f}", "text-anchor": "middle"}
        add(picture, "text", text, **at, fill=GREY if i else TEXT)
    if box.inner is not None:
        left = x + (box.width - box.inner.width) / 2
        _draw_group(picture, box.inner, left, y + box.height - box.inner.height - PADDING, rankdir)
