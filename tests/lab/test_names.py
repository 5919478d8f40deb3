"""The names of layers within layers: unique, and those that the code reads by."""

from minigrad import Model, Sequential
from minigrad.lab.names import name_layers, name_weights
from minigrad.layers import Dense, Input


def test_names_are_those_of_a_row_and_of_attributes(model_of_layers):
    model, names = model_of_layers
    model.build((None, 3))
    found = {name: layer for layer, name in name_layers(model).items()}
    assert found[""] is model
    assert set(names) <= set(found)
    paths = [f"{name}/{weight.name}" for name in names for weight in found[name].own_weights]
    weights = name_weights(model)
    assert len(set(paths)) == len(paths) == len(weights)
    assert {weights[weight] for weight in model.weights} == set(paths)


def test_names_stay_unique_where_an_attribute_and_a_layer_of_the_graph_share_one():
    x = Input((3,))
    model = Model(x, Dense(2, name="head")(x))
    model.head = Dense(4)
    model.tail = [model.head, (Sequential([Dense(1)]), {"last": Dense(1)})]
    assert [name for name in name_layers(model).values() if "input" not in name] == [
        "", "head", "head_1", "tail/1/0", "tail/1/1/last", "tail/1/0/dense_1",
    ]  # fmt: skip


def test_layers_that_hold_each_other_are_named_once():
    one, other = Dense(2), Dense(3)
    one.other, other.one = other, one
    assert list(name_layers(one).values()) == ["", "other"]
