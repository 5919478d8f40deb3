"""What "Coming from Keras" says of models of layers: what is the same, and what is not."""

import numpy as np
import pytest

import minigrad


def make(library):
    """A layer whose layers are made in another order than they are assigned."""
    layers = library.layers

    class Block(layers.Layer):
        def __init__(self):
            super().__init__()
            made_first = layers.Dense(3, name="made_first")
            self.first = layers.Dense(2, name="assigned_first")
            self.second = made_first
            self.drop = layers.Dropout(0.5)

        def build(self, input_shape):
            self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")

        def call(self, x):
            return self.drop(self.second(self.first(x))) * self.scale

    return Block()


@pytest.fixture(params=["minigrad", "keras"])
def library(request):
    return minigrad if request.param == "minigrad" else pytest.importorskip("keras")


X = np.ones((40, 4), "float32")


@pytest.mark.filterwarnings("ignore")  # Keras's, on JAX
def test_training_is_that_of_the_call_around_in_both(library):
    model = library.Sequential([library.Input((4,)), make(library)])
    assert (np.asarray(model(X, training=True)) == 0).any()
    assert not (np.asarray(model(X)) == 0).any()
    assert len(model.trainable_weights) == 5


@pytest.mark.filterwarnings("ignore")
def test_order_and_paths_of_weights_differ(library):
    block = make(library)
    block(X)
    paths = [weight.path.replace(block.name, "block") for weight in block.weights]
    if library is minigrad:
        assert paths == [
            "block/scale", "made_first/kernel", "made_first/bias", "assigned_first/kernel",
            "assigned_first/bias",
        ]  # fmt: skip
    else:
        assert paths == [
            "block/scale", "block/assigned_first/kernel", "block/assigned_first/bias",
            "block/made_first/kernel", "block/made_first/bias",
        ]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_names_count_on_through_the_program_in_both(library):
    models = [library.Sequential([library.Input((4,)), library.layers.Dense(2)]) for _ in range(2)]
    one, other = (model.layers[0].name for model in models)
    start = int(one.partition("_")[2] or 0)  # other tests have named some
    assert one.startswith("dense") and other == f"dense_{start + 1}"
