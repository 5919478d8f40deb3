"""Whole models in .keras files: those not built yet, open files, a compile of one's own."""

import io

import numpy as np
import pytest

from minigrad import Model, Sequential, layers
from minigrad.saving import load_model, register_keras_serializable, save_model

X = np.linspace(-1, 1, 15).reshape(5, 3)


@register_keras_serializable("tests")
class Net(Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(4)
        self.unused = layers.Dense(2)

    def call(self, x):
        return self.hidden(x)


@register_keras_serializable("tests")
class OwnCompile(Sequential):
    def compile(self, *arguments, **options):
        super().compile(*arguments, **options)


@register_keras_serializable("tests")
class Circle(Net):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [self.hidden]
        self.blocks.append({"all": self.blocks})


@pytest.mark.parametrize("make", [Net, lambda: Sequential([layers.Dense(2), layers.Dense(1)])])
def test_a_model_that_is_not_built_comes_back_so(tmp_path, make):
    model = make()
    model.compile("adam", "mse")
    model.optimizer.build([])  # as Keras does: the file has its iterations and learning rate
    with pytest.warns(UserWarning, match="save_model: the model is not built yet; call the model"):
        model.save(tmp_path / "new.keras")
    again = load_model(tmp_path / "new.keras")
    assert not again.built and again.weights == [] and again.loss == "mse"
    again.fit(X, X[:, :1] + np.zeros(again(X).shape), verbose=0)
    with pytest.raises(ValueError, match="expected built layers, got unbuilt"):
        make().save_weights(tmp_path / "new.weights.npz")


def test_a_layer_that_was_never_used_has_no_weights_in_the_file(tmp_path):
    model = Net()
    expected = model(X).data
    model.save(tmp_path / "net.keras")
    again = load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(again(X).data, expected)
    assert not again.unused.built


def test_weights_without_a_layer_for_them_are_told(tmp_path):
    model = Net()
    model(X)
    model.get_build_config = lambda: None
    model.hidden.get_build_config = lambda: None
    model.save(tmp_path / "net.keras")
    with pytest.raises(ValueError, match="do not fit:\n  extra: hidden/vars/0, shape \\(3, 4\\)"):
        load_model(tmp_path / "net.keras")


def test_an_open_file_holds_a_model():
    model = Sequential([layers.Input((3,)), layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(X, X[:, :2], verbose=0)
    file = io.BytesIO()
    save_model(model, file)
    file.seek(0)
    again = load_model(file)
    assert again.weights_hash() == model.weights_hash()
    assert int(again.optimizer.iterations) == 1
    with pytest.raises(ValueError, match=r"expected an intact .keras file"):
        load_model(io.BytesIO(b"no model"))


def test_a_compile_of_ones_own_is_not_called_by_files(tmp_path):
    model = OwnCompile([layers.Input((3,)), layers.Dense(2)])
    model.compile("adam", "mse")
    model.save(tmp_path / "own.keras")
    with pytest.warns(UserWarning, match="`compile\\(\\)` was not called .* in OwnCompile"):
        again = load_model(tmp_path / "own.keras")
    assert not again.compiled and again.weights_hash() == model.weights_hash()


def test_lists_that_hold_themselves_do_no_harm(tmp_path):
    model = Circle()
    expected = model(X).data
    model.save(tmp_path / "circle.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "circle.keras")(X).data, expected)


def test_an_object_without_from_config_is_named(tmp_path):
    @register_keras_serializable("tests")
    class Factor:
        def __call__(self, x):
            return x * 2

        def get_config(self):
            return {}

    Sequential([layers.Input((3,)), layers.Activation(Factor())]).save(tmp_path / "f.keras")
    with pytest.raises(ValueError, match="config: expected Factor to have a from_config"):
        load_model(tmp_path / "f.keras")
