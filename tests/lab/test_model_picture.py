"""Pictures of models: complete, nothing overlaps, and lines go round the boxes."""

import itertools
import re
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from minigrad import Input, Model, Sequential, ops, utils
from minigrad.lab.model_picture import plot_model
from minigrad.layers import (
    Activation,
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    MaxPooling2D,
)

EVERYTHING = {
    "show_shapes": True, "show_dtype": True, "show_layer_names": True,
    "show_layer_activations": True, "show_trainable": True, "expand_nested": True,
}  # fmt: skip
CHARACTER, ASCENT, DESCENT = 7.25, 9, 3  # of DejaVu Sans Mono at 12 pixels


def convolutional():
    return Sequential([Input((9, 7, 1)), Conv2D(2, 3, activation="relu"), MaxPooling2D(), Flatten(),
                       Dropout(0.5), Dense(10, activation="softmax")])  # fmt: skip


def residual():
    x = inputs = Input((9, 7, 3))
    for filters in (3, 4):
        y = BatchNormalization()(Conv2D(filters, 3, padding="same")(x))
        y = Conv2D(filters, 3, padding="same")(Activation("relu")(y))
        x = Conv2D(filters, 1)(x) if x.shape[-1] != filters else x
        x = Activation("relu")(Add()([x, y]))
    return Model(inputs, Dense(10)(GlobalAveragePooling2D()(x)))


def branched():
    a, b = Input((4,), name="price"), Input((7, 3), name="words")
    shared = Dense(5, name="shared")
    h = Concatenate()([shared(a), shared(Dense(4)(Flatten()(b))), a])
    return Model([a, b], [Dense(1, name="p")(h), Dense(3, name="q")(h * 2 + 1)])


class Sampling(Layer):
    def call(self, inputs):
        mean, deviation = inputs
        return mean + ops.exp(deviation)


def nested():
    x = Input((9, 7, 1))
    h = Flatten()(x)
    parts = [Dense(2, name="mean")(h), Dense(2, name="deviation")(h)]
    encoder = Model(x, [*parts, Sampling()(parts)], name="encoder")
    decoder = Sequential([Input((2,)), Dense(5), Dense(63)], name="decoder")
    x = Input((9, 7, 1))
    return Model(x, decoder(encoder(x)[2]))


class Own(Model):
    def __init__(self):
        super().__init__()
        self.blocks = [Dense(3, name="first"), Dense(3, name="second")]
        self.tail = Sequential([Dense(4), Dense(2)])

    def call(self, x, training=False):
        x = self.blocks[0](x)
        self.add_loss(ops.sum(x))
        return self.tail(self.blocks[1](x) + x)


class Deciding(Own):
    def call(self, x):
        return super().call(x if float(ops.sum(x)) > 0 else -x)


def own(kind=Own):
    model = kind()
    model(np.ones((2, 4)))
    return model


MODELS = [convolutional, residual, branched, nested, own, lambda: own(Deciding)]


def parse(picture):
    """The picture's size, its boxes, texts {area: text}, lines as points, and arrows' tips."""
    root = ElementTree.fromstring(picture.svg)
    tag = "{http://www.w3.org/2000/svg}"
    _, *rects = root.findall(f"{tag}rect")
    boxes = {area(rect): rect.get("stroke-dasharray") is not None for rect in rects}
    texts = {}
    for text in root.findall(f"{tag}text"):
        x, y, half = float(text.get("x")), float(text.get("y")), CHARACTER * len(text.text) / 2
        texts[x - half, y - ASCENT, x + half, y + DESCENT] = text.text
    paths = root.findall(f"{tag}path")
    points = [
        np.array(re.findall(r"-?[\d.]+", path.get("d")), float).reshape(-1, 2) for path in paths
    ]
    lines = [p for p, path in zip(points, paths, strict=True) if path.get("fill") == "none"]
    tips = [
        tuple(p[2]) for p, path in zip(points, paths, strict=True) if path.get("fill") != "none"
    ]
    return (float(root.get("width")), float(root.get("height"))), boxes, texts, lines, tips


def area(rect):
    x, y, width, height = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def within(inner, outer):
    return inner[0] >= outer[0] and inner[1] >= outer[1] and inner[2] <= outer[2] and (
        inner[3] <= outer[3])  # fmt: skip


def along(line):
    """Points on a line, and on the curve at its end."""
    start, corner, *bend, end = line
    for t in np.linspace(0, 1, 40):
        yield start + t * (corner - start)
        yield (
            (1 - t) ** 3 * corner + 3 * t * (1 - t) ** 2 * bend[0]
            + 3 * t**2 * (1 - t) * bend[1] + t**3 * end
        )  # fmt: skip


@pytest.mark.parametrize("rankdir", ["TB", "LR", "BT", "RL"])
@pytest.mark.parametrize("options", [{}, EVERYTHING], ids=["bare", "everything"])
@pytest.mark.parametrize("make", MODELS)
def test_nothing_overlaps_and_lines_go_round_boxes(make, options, rankdir):
    size, boxes, texts, lines, _ = parse(plot_model(make(), None, rankdir=rankdir, **options))
    assert all(within(box, (0, 0, *size)) for box in boxes)
    for a, b in itertools.combinations(boxes, 2):
        assert not overlap(a, b) or within(a, b) or within(b, a)
    leaves = [box for box, is_frame in boxes.items() if not is_frame]
    for place, text in texts.items():
        assert sum(overlap(place, leaf) for leaf in leaves) <= 1, text
        assert any(within(place, box) for box in boxes), text
    for a, b in itertools.combinations(texts, 2):
        assert not overlap(a, b)
    for line in lines:
        for x, y in along(line):
            for place in [*leaves, *texts]:
                inner = place[0] + 1, place[1] + 1, place[2] - 1, place[3] - 1
                assert not overlap((x, y, x, y), inner), texts.get(place)


def test_every_layer_and_op_is_drawn_and_every_line_reaches_its_box():
    _, boxes, texts, _, tips = parse(plot_model(branched(), None, show_layer_names=True))
    assert sorted(texts.values()) == [
        "add (op)", "concatenate (Concatenate)", "dense (Dense)", "flatten (Flatten)", "mul (op)",
        "p (Dense)", "price (InputLayer)", "q (Dense)", "shared (Dense)", "shared (Dense), use 2",
        "words (InputLayer)",
    ]  # fmt: skip
    assert len(boxes) == 11 and len(tips) == 11
    assert all(any(b[0] < x < b[2] and y == b[1] for b in boxes) for x, y in tips)


def test_boxes_say_what_is_asked_for():
    texts = list(parse(plot_model(convolutional(), None, **EVERYTHING))[2].values())
    assert texts[:6] == [
        "conv2d (Conv2D)", "activation: relu", "input: (None, 9, 7, 1)", "output: (None, 7, 5, 2)",
        "dtype: float32", "trainable: True",
    ]  # fmt: skip
    texts = list(parse(plot_model(convolutional(), None))[2].values())
    assert texts == ["Conv2D", "MaxPooling2D", "Flatten", "Dropout", "Dense"]


def test_models_within_are_opened_if_asked_for():
    closed = parse(plot_model(nested(), None, show_layer_names=True, show_shapes=True))
    assert "encoder (Functional)" in closed[2].values() and len(closed[1]) == 3
    assert "output: [(None, 2), (None, 2), (None, 2)]" in closed[2].values()
    utils.clear_session()  # so that names begin anew
    opened = parse(plot_model(nested(), None, show_layer_names=True, expand_nested=True))
    assert {"sampling (Sampling)", "dense_1 (Dense)", "decoder (Sequential)"} <= {
        *opened[2].values()
    }
    assert sum(opened[1].values()) == 2  # frames


def test_an_own_call_is_followed_and_leaves_no_trace():
    model = own()
    before = [layer._output for layer in model.layers]
    _, boxes, texts, _, tips = parse(plot_model(model, None, show_layer_names=True))
    assert list(texts.values())[1:4] == ["first (Dense)", "second (Dense)", "add (op)"]
    assert len(tips) == 5 and len(boxes) == 5
    assert [layer._output for layer in model.layers] == before
    assert len(model.losses) == 1  # of the call on data


def test_layers_of_a_call_that_looks_at_values_stand_below_each_other():
    _, boxes, texts, lines, _ = parse(plot_model(own(Deciding), None, show_layer_names=True))
    assert list(texts.values()) == ["first (Dense)", "second (Dense)", "sequential (Sequential)"]
    assert not lines and [box[1] for box in boxes] == sorted(box[1] for box in boxes)


def test_a_long_text_is_wrapped():
    x = Input((30, 40, 3))
    model = Model(x, Concatenate()([x] * 9))
    size, *_ = parse(plot_model(model, None, show_shapes=True))
    assert size[0] < 600


@pytest.mark.parametrize(
    ("ending", "beginning"),
    [("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("", b"\x89PNG")],
)
def test_the_ending_chooses_the_kind_of_file(tmp_path, ending, beginning):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"model.{ending}".rstrip(".")
    picture = utils.plot_model(convolutional(), path, dpi=50)
    assert path.read_bytes().startswith(beginning)
    assert picture._repr_svg_().startswith("<svg")
    assert list(tmp_path.iterdir()) == [path]


def test_without_matplotlib_an_svg_file_is_written_with_a_warning(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.chdir(tmp_path)
    message = r"to write model.png, got none; wrote model.svg instead, .* pip install matplotlib"
    with pytest.warns(UserWarning, match=message) as told:
        utils.plot_model(convolutional(), show_shapes=True)
    assert told[0].filename == __file__
    assert [path.name for path in tmp_path.iterdir()] == ["model.svg"]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: plot_model(Sequential([Dense(3)])), ValueError, r"built model.*Input\(shape\)"),
        (
            lambda: plot_model(convolutional(), rankdir="XY"),
            ValueError,
            "rankdir 'TB', .* got 'XY'",
        ),
        (lambda: plot_model([Dense(3)]), TypeError, "plot_model: expected a model, got"),
        (lambda: plot_model(convolutional(), shapes=1), TypeError, "got shapes; .*show_shapes"),
    ],
)
def test_faults_are_told(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_an_ending_that_nobody_writes_is_refused(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match=r"expected a path that ends in one of .*model\.dot"):
        plot_model(convolutional(), tmp_path / "model.dot")
