"""The tables of `summary` of graphs and of models within models, and in a narrow terminal."""

import re

import numpy as np
import pytest

from minigrad import Input, Model, Sequential, layers, ops
from minigrad.layers import Dense
from minigrad.utils import clear_session


def lines_of(model, **options):
    lines = []
    model.summary(print_fn=lambda text: lines.extend(text.split("\n")), **options)
    return lines


def rows_of(model, **options):
    """The cells of each row, their wrapped parts joined."""
    cells, rows = [], []
    for line in lines_of(model, line_length=140, **options)[4:]:
        if line.startswith("│"):
            cells.append([cell[1:-1].rstrip() for cell in line[1:-1].split("│")])
        elif cells:
            first, *others = (" ".join(filter(None, parts)) for parts in zip(*cells, strict=True))
            rows.append([first, *map(str.strip, others)])
            cells = []
        if line.startswith("└"):
            return rows


def graph():
    """Two inputs, a model within, ops, two outputs."""
    left, right = Input((8,), name="left"), Input((6,), name="right")
    x = layers.Concatenate()([Dense(5, "relu")(left), Dense(5)(right)])
    inside = Input((10,))
    inner = Sequential([layers.Dropout(0.2), Dense(4)], name="row")
    block = Model(inside, Dense(10)(inner(inside)), name="block")
    y = block(x) + x
    return Model([left, right], [Dense(3, name="kind")(ops.relu(y) + x), Dense(1, name="size")(y)])


# --- graphs and models within models -------------------------------------------------------------


def test_summary_of_a_graph_is_keras_table(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert lines_of(graph()) == [
        'Model: "functional"',
        "┏━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┓",
        "┃ Layer (type)        ┃ Output Shape      ┃    Param # ┃ Connected to      ┃",
        "┡━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━┩",
        "│ left (InputLayer)   │ (None, 8)         │          0 │ -                 │",
        "├─────────────────────┼───────────────────┼────────────┼───────────────────┤",
        "│ right (InputLayer)  │ (None, 6)         │          0 │ -                 │",
        "├─────────────────────┼───────────────────┼────────────┼───────────────────┤",
        "│ dense (Dense)       │ (None, 5)         │         45 │ left[0][0]        │",
        "├─────────────────────┼───────────────────┼────────────┼───────────────────┤",
        "│ dense_1 (Dense)     │ (None, 5)         │         35 │ right[0][0]       │",
        "├─────────────────────┼───────────────────┼────────────┼───────────────────┤",
        "│ concatenate         │ (None, 10)        │          0 │ dense[0][0],      │",
        "│ (Concatenate)       │                   │            │ dense_1[0][0]     │",
        "├─────────────────────┼───────────────────┼────────────┼───────────────────┤",
        "│ block (Functional)  │ (None, 10)        │         94 │ concatenate[0][0] │",
        "├─────────────────────┼───────────────────┼────────────┼───────────────────┤",
        "│ add (op)            │ (None, 10)        │          0 │ block[0][0],      │",
        "│                     │                   │            │ concatenate[0][0] │",
        "├─────────────────────┼───────────────────┼────────────┼───────────────────┤",
        "│ relu (op)           │ (None, 10)        │          0 │ add[0][0]         │",
        "├─────────────────────┼───────────────────┼────────────┼───────────────────┤",
        "│ add_1 (op)          │ (None, 10)        │          0 │ relu[0][0],       │",
        "│                     │                   │            │ concatenate[0][0] │",
        "├─────────────────────┼───────────────────┼────────────┼───────────────────┤",
        "│ kind (Dense)        │ (None, 3)         │         33 │ add_1[0][0]       │",
        "├─────────────────────┼───────────────────┼────────────┼───────────────────┤",
        "│ size (Dense)        │ (None, 1)         │         11 │ add[0][0]         │",
        "└─────────────────────┴───────────────────┴────────────┴───────────────────┘",
        " Total params: 218 (872.00 B)",
        " Trainable params: 218 (872.00 B)",
        " Non-trainable params: 0 (0.00 B)",
    ]
    monkeypatch.setenv("COLUMNS", "200")
    assert {len(line) for line in lines_of(graph())[1:-3]} == {108}
    monkeypatch.setenv("COLUMNS", "80")
    widths = [len(part) - 2 for part in lines_of(graph(), show_trainable=True)[1][1:-1].split("┳")]
    assert widths == [17, 15, 9, 14, 5]  # Keras's


def test_summary_indents_what_is_within():
    rows = rows_of(graph(), expand_nested=True, show_trainable=True)
    assert rows[5:10] == [
        ["block (Functional)", "(None, 10)", "94", "concatenate[0][0]", "Y"],
        ["   └ input_layer (InputLayer)", "(None, 10)", "0", "-", "-"],
        ["   └ row (Sequential)", "(None, 4)", "44", "-", "Y"],
        ["      └ dropout (Dropout)", "(None, 10)", "0", "-", "-"],
        ["      └ dense_2 (Dense)", "(None, 4)", "44", "-", "Y"],
    ]
    clear_session()
    narrow = lines_of(graph(), expand_nested=True, line_length=60)
    assert "│       └ dropout │ (None, 10)   │       0 │ -             │" in narrow


def test_summary_of_a_row_made_from_symbols_is_that_of_a_row():
    x = Input((3,))
    model = Model(x, Dense(2)(ops.tanh(Dense(4)(x))))
    assert [row[0] for row in rows_of(model)] == [
        "input_layer (InputLayer)", "dense_1 (Dense)", "tanh (op)", "dense (Dense)",
    ]  # fmt: skip
    assert {len(row) for row in rows_of(model)} == {3}


def test_summary_counts_the_uses_of_a_layer():
    x, y = Input((4,), name="x"), Input((4,), name="y")
    dense = Dense(4)
    shared = Model([x, y], layers.Add()([dense(x), dense(y)]))
    assert [row[-1] for row in rows_of(shared)] == [
        "-", "-", "x[0][0], y[0][0]", "dense[0][0], dense[1][0]",
    ]  # fmt: skip
    twice = Model(x, dense(dense(x)))
    assert rows_of(twice)[1:] == [["dense (Dense)", "(None, 4)", "20", "x[0][0], dense[0][0]"]]


class Halves(layers.Layer):
    """Two results; its call takes two arguments."""

    def call(self, x, factor):
        return {"one": x[:, :2], "other": x[:, 2:] * factor}


def test_summary_of_several_results_lists_their_shapes():
    x, factor = Input((5,), name="x"), Input((1,), name="factor")
    halves = Halves()(x, factor)
    model = Model([x, factor], [halves["one"], Dense(2)(halves["other"])])
    assert rows_of(model)[2:] == [
        ["halves (Halves)", "[(None, 2), (None, 3)]", "0", "x[0][0], factor[0][0]"],
        ["dense (Dense)", "(None, 2)", "8", "halves[0][1]"],
    ]


class Own(Model):
    """Layers whose output shapes nobody can find out afterwards."""

    def __init__(self):
        super().__init__()
        self.halves, self.dense, self.unused = Halves(), Dense(2), Dense(3)
        self.chosen = layers.Lambda(lambda x: x if self.known else x.nothing)
        self.known = True

    def call(self, x):
        return self.dense(self.chosen(self.halves(x, 2.0)["one"]))


def test_summary_shows_what_is_not_known_as_a_question_mark():
    model = Own()
    assert [row[1:] for row in rows_of(model)] == [["?", "0 (unbuilt)"]] * 4
    model(np.ones((4, 5)))
    model.known = False
    assert rows_of(model, show_trainable=True) == [
        ["halves (Halves)", "?", "0", "-"],
        ["dense (Dense)", "(None, 2)", "6", "Y"],
        ["dense_1 (Dense)", "?", "0 (unbuilt)", "-"],
        ["lambda (Lambda)", "?", "0", "-"],
    ]
    lines = lines_of(model, expand_nested=True, show_operations=True)
    assert not any("Operations per sample" in line for line in lines)
    assert any(re.match(r"│ halves +│ +\? │ +\? │", line) for line in lines)


def test_summary_of_layers_that_hold_each_other_ends():
    model = Own()
    model.dense.model = model
    assert [row[0] for row in rows_of(model, expand_nested=True)][1:3] == [
        "dense (Dense)",
        "   └ own (Own)",
    ]


def test_summary_counts_no_operations_of_branches_and_of_layers_within():
    x = Input((3,))
    branches = Model(x, layers.Add()([Dense(2)(x), Dense(2)(x)]))
    within = Sequential([x, Sequential([Dense(2)]), Dense(2)])
    for model, row in [(branches, "add │ 0"), (within, r"sequential │ \?")]:
        lines = lines_of(model, show_operations=True, line_length=40)
        assert not any("Operations per sample" in line for line in lines)
        assert any(re.match(f"│ {row}", re.sub(" +", " ", line)) for line in lines)
    row = Model(x, ops.tanh(Dense(2)(ops.tanh(x))))
    assert "12 forward, 24 forward and" in lines_of(row, show_operations=True)[-2]


# --- narrow terminals ----------------------------------------------------------------------------


@pytest.mark.parametrize("columns", ["1", "10", "24", "47"])
def test_summary_of_a_narrow_terminal_is_the_narrowest_table(monkeypatch, columns):
    model = Sequential([layers.Input((5, 4, 1)), layers.Conv2D(3, 2), layers.Flatten()])
    monkeypatch.setenv("COLUMNS", columns)
    lines = []
    model.summary(print_fn=lambda text: lines.extend(text.split("\n")))
    assert any(line.startswith("│ conv2d") for line in lines)
    assert {len(line) for line in lines if line.startswith("│")} == {44}
    texts = []
    model.summary(print_fn=texts.append, show_trainable=True, show_operations=True)
    assert len(texts) == 1  # all at once, as in Keras


def test_summary_refuses_a_length_that_is_too_narrow():
    with pytest.raises(ValueError, match="Insufficient console width"):
        Sequential([layers.Input((3,)), layers.Dense(2)]).summary(line_length=10)
