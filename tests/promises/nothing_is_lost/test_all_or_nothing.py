"""What reads or sets a state changes all of it, or raises an error and changes nothing."""

import warnings

import numpy as np
import pytest

import minigrad
from minigrad import Input, Sequential, layers, optimizers
from minigrad.saving.formats import load_arrays, save_arrays


@pytest.fixture
def trained(make_model, data):
    def make(**options):
        model = make_model(**options)
        model.fit(*data, epochs=1, verbose=0)
        return model

    return make


def everything(model):
    state = model.optimizer.get_state() if model.optimizer.built else {}
    return [array.tobytes() for array in [*model.get_weights(), *state.values()]]


RATES = [-1.0, float("nan"), float("inf"), "fast", None, 1j, [0.1, 0.2], np.array(["0.1"])]
COUNTS = [1.5, -7, float("nan"), float("inf"), 1e30, "7", None, [1]]


@pytest.mark.parametrize(
    ("name", "value"),
    [("learning_rate", value) for value in RATES]
    + [("iterations", value) for value in COUNTS]
    + [("m", value) for value in ("text", None, 1j, [[object()]], np.zeros(2))],
)
def test_a_state_with_a_wrong_value_is_refused(trained, name, value):
    model = trained()
    state = model.optimizer.get_state()
    key = next(each for each in state if each.rpartition("/")[2] == name)
    if name == "m" and not isinstance(value, np.ndarray):
        shape = state[key].shape
        value = np.full(shape, value, dtype=object if value is None else None)
    state = {each: array + 1 for each, array in state.items()} | {key: value}
    before = everything(model)
    with pytest.raises(ValueError, match=r"adam.*: expected"):
        model.optimizer.set_state(state)
    with pytest.raises(ValueError, match=r"adam.*: expected"):
        model.optimizer.set_weights(list(state.values()))
    assert everything(model) == before


def test_a_state_that_diverged_is_a_state(trained):
    model = trained()
    state = model.optimizer.get_state()
    key = next(each for each in state if each.endswith("/m"))
    state[key][:] = np.nan
    model.optimizer.set_state(state)
    assert np.isnan(model.optimizer.get_state()[key]).all()


@pytest.mark.parametrize("position", range(4))
def test_a_warning_that_is_an_error_changes_nothing(trained, tmp_path, position):
    """float64 values that float32 cannot hold, in one of the arrays."""
    model = trained()
    model.save_weights(tmp_path / "w.npz")
    arrays = load_arrays(tmp_path / "w.npz")
    weights = [key for key in arrays if not key.startswith("optimizer")]
    states = [key for key in arrays if key.startswith("optimizer") and arrays[key].ndim]
    model.fit(np.ones((4, 4)), np.ones((4, 1)), epochs=1, verbose=0)
    before = everything(model)
    for keys in (weights, states):
        changed = {key: array.astype("float64") for key, array in arrays.items()}
        changed[keys[position]] = np.full(arrays[keys[position]].shape, 1e300)
        save_arrays(tmp_path / "w.npz", changed)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises((RuntimeWarning, UserWarning, ValueError)):
                model.load_weights(tmp_path / "w.npz")
            assert everything(model) == before
    values = [array + 1 for array in model.get_weights()]
    values[position] = np.full(values[position].shape, 1e300)
    state = model.optimizer.get_state()
    wide = {name: array.astype("float64") + 1 for name, array in state.items()}
    name = [each for each in state if state[each].ndim][position]
    wide[name] = np.full(state[name].shape, 1e300)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((RuntimeWarning, ValueError)):
            model.set_weights(values)
        with pytest.raises((RuntimeWarning, ValueError)):
            model.optimizer.set_state(wide)
    assert everything(model) == before


def test_an_optimizer_state_left_out_with_a_warning_that_is_an_error(trained, tmp_path):
    trained(optimizer=optimizers.SGD(0.1, momentum=0.9)).save_weights(tmp_path / "w.npz")
    model = trained()
    before = everything(model)
    with pytest.raises(UserWarning, match=r"the optimizer.s state .* was left out"):
        model.load_weights(tmp_path / "w.npz")
    assert everything(model) == before
    with pytest.warns(UserWarning, match="was left out"):
        model.load_weights(tmp_path / "w.npz")


class Own(layers.Layer):
    """Reads its own variables, and fails in the second one."""

    fails = False

    def build(self, input_shape):
        self.w = self.add_weight(input_shape[-1:], "ones", name="w")

    def call(self, x):
        return x * self.w

    def save_own_variables(self, store):
        store["w"] = self.w.numpy()

    def load_own_variables(self, store):
        self.w.assign(store["w"])
        if self.fails:
            raise RuntimeError("own variables")


def test_own_variables_that_fail_change_nothing(tmp_path):
    def make():
        model = Sequential([Input((3,)), layers.Dense(3), Own(), layers.Dense(2), Own()])
        model.compile("adam", "mse")
        return model

    source, model = make(), make()
    source.set_weights([weight + 1 for weight in source.get_weights()])
    source.save_weights(tmp_path / "w.npz")
    model.layers[3].fails = True
    before = everything(model)
    with pytest.raises(RuntimeError, match="own variables"):
        model.load_weights(tmp_path / "w.npz")
    assert everything(model) == before
    model.layers[3].fails = False
    model.load_weights(tmp_path / "w.npz")
    assert model.weights_hash() == source.weights_hash()


@pytest.mark.parametrize("ending", [".keras", ".h5", ".npz", ".weights.h5"])
def test_a_file_of_another_model_changes_nothing(trained, tmp_path, ending):
    if ending != ".npz":
        pytest.importorskip("h5py")
    path = tmp_path / f"m{ending}"
    other = trained(units=5)
    other.save(path) if ending in (".keras", ".h5") else other.save_weights(path)
    model = trained()
    before = everything(model)
    with pytest.raises(ValueError, match="Nothing was loaded"):
        model.load_weights(path)
    with pytest.raises(ValueError, match="set_weights: expected"):
        model.set_weights(other.get_weights())
    assert everything(model) == before
    assert minigrad.random.get_state() is not None
