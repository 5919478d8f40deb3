"""What a layer holds: weights and layers in attributes, lists, tuples and dicts, each once."""

import contextlib
import gc
import weakref

import numpy as np
import pytest

import minigrad
from minigrad import Input, Model, Parameter, Sequential, Tensor, callbacks, layers, no_grad
from minigrad.layers import Dense, Dropout, Layer


class Block(Layer):
    """Layers in every kind of attribute."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = Dense(3)
        self.listed = [Dense(3), (Dense(3), {"deep": Dense(3)})]
        self._private = Dense(3)
        self.scale = Parameter(np.ones(3, np.float32))

    def call(self, x):
        x = self.first(x)
        x = self.listed[1][1]["deep"](self.listed[1][0](self.listed[0](x)))
        return self._private(x) * self.scale


def one_batch(n=5):
    return np.random.default_rng(0).normal(size=(n, 3)).astype("float32")


def test_all_that_is_held_is_tracked_named_and_counted():
    block = Block(name="block")
    block(one_batch())
    assert [weight.shape for weight in block.weights] == [(3,), *[(3, 3), (3,)] * 5]
    assert block.weights[0].path == "block/scale"
    assert block.count_params() == 3 + 5 * 12
    assert len(block.trainable_weights) == 11
    assert block.trainable_variables == block.trainable_weights
    assert [id(w) for w in block.variables] == [id(w) for w in block.weights]


def test_all_that_is_held_is_trained_by_fit():
    model = Sequential([Block(), Dense(1)])
    model.compile("sgd", "mse")
    x = one_batch(8)
    model.train_on_batch(x, np.ones((8, 1)))
    before = model.get_weights()
    model.fit(x, np.ones((8, 1)), verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [True] * 13


def test_a_list_that_grows_later_counts_and_trains():
    class Stack(Model):
        def __init__(self):
            super().__init__()
            self.blocks = []

        def call(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    model = Stack()
    model.blocks.append(Dense(3))
    model.blocks += [Dense(2)]
    model.compile("sgd", "mse")
    model.fit(one_batch(), np.ones((5, 2)), verbose=0)
    assert len(model.weights) == 4
    model.blocks.append(Dense(2))
    model(one_batch())
    assert len(model.trainable_weights) == 6


def test_a_layer_used_twice_and_a_cycle_count_once():
    layer = Layer()
    layer.a = layer.b = Dense(2)
    layer.friends = [layer, layer.a]
    layer.friends.append(layer.friends)
    layer.a.build((None, 3))
    assert len(layer.weights) == 2


def test_a_layer_that_was_replaced_or_deleted_counts_no_more():
    layer = Layer()
    layer.inner = Dense(2)
    layer.inner.build((None, 3))
    layer.other = Dense(4)
    layer.other.build((None, 3))
    assert len(layer.weights) == 4
    layer.inner = None
    assert [w.shape for w in layer.weights] == [(3, 4), (4,)]
    del layer.other
    assert layer.weights == []


def test_weights_stand_in_the_order_in_which_layers_were_made():
    class Net(Layer):
        def __init__(self):
            super().__init__()
            self.convs, self.norms = [], []
            for _ in range(2):
                self.convs.append(Dense(2, use_bias=False))
                self.norms.append(layers.BatchNormalization())

        def call(self, x):
            for conv, norm in zip(self.convs, self.norms, strict=True):
                x = norm(conv(x))
            return x

    net = Net()
    net(one_batch())
    names = [weight.name for weight in net.weights]
    norm = ["gamma", "beta", "moving_mean", "moving_variance"]
    assert names == ["kernel", *norm, "kernel", *norm]
    assert [weight.name for weight in net.non_trainable_weights] == norm[2:] * 2


def test_layers_may_be_held_before_the_constructor_of_layer():
    class Early(Layer):
        def __init__(self):
            self.inner = Dense(2)
            super().__init__()

        def call(self, x):
            return self.inner(x)

    layer = Early()
    layer(one_batch())
    assert len(layer.weights) == 2


def test_freezing_reaches_all_layers_within_and_thawing_too():
    block = Block()
    block(one_batch())
    fixed = block.add_loss  # any attribute; what is frozen are weights
    assert callable(fixed)
    block.trainable = False
    assert block.trainable_weights == []
    assert len(block.non_trainable_weights) == 11
    assert not any(weight.requires_grad for weight in block.weights)
    assert not block.first.trainable
    block.trainable = True
    assert len(block.trainable_weights) == 11
    block.first.trainable = False
    assert len(block.trainable_weights) == 9
    with pytest.raises(ValueError, match="expected trainable as bool, got 'yes'"):
        Dense(2, trainable="yes")


def test_a_parameter_of_an_attribute_may_be_fixed():
    layer = Layer()
    layer.free = Parameter(np.ones(2))
    layer.fixed = Parameter(np.ones(3), trainable=False)
    layer.trainable = False
    layer.trainable = True
    assert layer.trainable_weights == [layer.free]
    assert layer.weights == [layer.free, layer.fixed]
    layer.free.requires_grad = False
    assert layer.trainable_weights == []


def test_frozen_layers_within_are_not_trained_by_fit_when_frozen_between_steps():
    model = Sequential([layers.Input((3,)), Block(), Dense(1)])
    model.compile("sgd", "mse")

    class Freeze(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 0:
                model.layers[0].first.trainable = False
                kept.append(model.layers[0].first.get_weights())

    kept = []
    model.fit(one_batch(20), np.ones((20, 1)), batch_size=5, callbacks=[Freeze()], verbose=0)
    for a, b in zip(kept[0], model.layers[0].first.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# --- training, found out by the layers within ----------------------------------------------------


class Inner(Layer):
    def call(self, x, training=None):
        self.seen = training
        return x


class Outer(Layer):
    def __init__(self):
        super().__init__()
        self.inner, self.drop = Inner(), Dropout(0.5)

    def call(self, x):
        return self.drop(self.inner(x))


@pytest.mark.parametrize("given", [True, False])
def test_training_reaches_the_layers_within(given):
    outer = Outer()
    y = outer(np.ones((50, 4)), training=given)
    assert outer.inner.seen is given
    assert (y.data == 0).any() == given
    outer(np.ones((2, 4)))
    assert outer.inner.seen is False


def test_training_is_forgotten_after_an_error_and_may_be_given_inside():
    class Fails(Layer):
        def call(self, x):
            raise RuntimeError("no")

    class Mixed(Layer):
        def __init__(self):
            super().__init__()
            self.inner, self.fails, self.other = Inner(), Fails(), Inner()

        def call(self, x):
            self.inner(x, training=False)
            with contextlib.suppress(RuntimeError):
                self.fails(x)
            return self.other(x)

    layer = Mixed()
    layer(np.ones((2, 3)), training=True)
    assert layer.inner.seen is False
    assert layer.other.seen is True
    with pytest.raises(RuntimeError, match="no"):
        Fails()(np.ones((2, 3)), training=True)
    plain = Inner()
    plain(np.ones((2, 3)))
    assert plain.seen is False


def test_training_may_be_on_by_default():
    class On(Layer):
        def call(self, x, training=True):
            self.seen = training
            return x

    layer = On()
    layer(np.ones((2, 3)))
    assert layer.seen is True
    Sequential([layer])(np.ones((2, 3)))
    assert layer.seen is False


def test_training_may_be_given_by_place():
    inner = Inner()
    inner(np.ones((2, 3)), True)
    assert inner.seen is True


# --- several inputs and outputs ------------------------------------------------------------------


class Join(Layer):
    def build(self, input_shape):
        self.shapes = input_shape

    def call(self, inputs):
        a, b = inputs
        return a + b


def test_call_takes_a_list_a_dict_or_further_arguments():
    a, b = np.ones((2, 3)), np.full((2, 3), 2.0)
    join = Join()
    np.testing.assert_array_equal(join([a, b]).data, a + b)
    assert join.shapes == [(None, 3), (None, 3)]

    class Named(Layer):
        def call(self, inputs):
            assert type(inputs["a"]) is Tensor
            return inputs["a"] - inputs["b"]

    np.testing.assert_array_equal(Named()({"a": a, "b": b}).data, a - b)

    class Two(Layer):
        def call(self, x, other, scale=1.0, training=False):
            assert isinstance(other, Tensor)
            return x * other * scale + float(training)

    np.testing.assert_array_equal(Two()(a, b).data, a * b)
    np.testing.assert_array_equal(Two()(a, other=b, scale=3.0, training=True).data, 3 * a * b + 1)

    class Many(Layer):
        def call(self, *inputs):
            return inputs[0] + inputs[1] + inputs[2]

    np.testing.assert_array_equal(Many()(a, b, b).data, a + 2 * b)


def test_a_list_of_numbers_is_one_input():
    assert Dense(2)([[1, 2, 3]]).shape == (1, 2)


def test_layers_of_one_input_refuse_several():
    with pytest.raises(ValueError, match=r"Dense 'dense': expected one input, got \[\(2, 3\)"):
        Dense(2)([np.ones((2, 3)), np.ones((2, 3))])


def test_call_may_return_several_and_arrays_but_not_nothing():
    class Several(Layer):
        def call(self, x):
            return {"a": x, "b": [x, np.ones(2, np.float32)]}

    y = Several()(np.ones((2, 3)))
    assert isinstance(y["b"][1], Tensor)

    class Nothing(Layer):
        def call(self, x):
            x + 1

    with pytest.raises(TypeError, match="Nothing 'nothing': expected call to return a Tensor"):
        Nothing()(np.ones((2, 3)))


# --- losses --------------------------------------------------------------------------------------


class Penalized(Layer):
    def call(self, x, training=None):
        if training:
            self.add_loss(x.sum())
        return x


def test_added_losses_are_those_of_the_last_call_and_trained_with():
    class Twice(Layer):
        def __init__(self):
            super().__init__()
            self.inner = Penalized()

        def call(self, x):
            return self.inner(self.inner(x))

    layer = Twice()
    layer(np.ones((2, 3)), training=True)
    layer(np.ones((1, 3)), training=True)
    assert [loss.item() for loss in layer.losses] == [3.0, 3.0]
    assert [loss.item() for loss in layer.inner.losses] == [3.0, 3.0]
    layer(np.ones((1, 3)))
    assert layer.losses == []
    with pytest.raises(RuntimeError, match="expected add_loss to be called in call"):
        layer.add_loss(Tensor(1.0))


def test_a_trial_for_shapes_adds_no_loss():
    layer = Penalized()
    layer.compute_output_shape((None, 3))
    assert layer.losses == []
    x = layers.Input((3,))
    model = Model(x, Penalized()(x, training=True))
    assert model.losses == []
    model.compile("sgd", "mse")
    loss = model.evaluate(np.ones((2, 3)), np.ones((2, 3)), verbose=0)
    assert loss == 6.0  # it was recorded with training=True


# --- errors that teach ---------------------------------------------------------------------------


def test_a_constructor_without_super_is_told():
    class Forgets(Layer):
        def __init__(self):
            self.units = 3

        def call(self, x):
            return x

    with pytest.raises(AttributeError, match="Forgets: expected its __init__ to call super"):
        Forgets()(np.ones((2, 3)))


def test_a_layer_made_inside_call_is_refused():
    class Inside(Layer):
        def call(self, x):
            return Dense(3)(x)

    class Late(Layer):
        def call(self, x):
            self.w = self.add_weight((3,))
            return x * self.w

    with pytest.raises(ValueError, match="weight 'kernel' to be made in __init__ or build"):
        Inside()(np.ones((2, 3)))
    with pytest.raises(ValueError, match="Late 'late': expected weight 'weight_0' to be made in"):
        Late()(np.ones((2, 3)))


def test_layers_made_in_build_are_allowed():
    class Builds(Layer):
        def build(self, input_shape):
            self.inner = Dense(input_shape[-1])
            self.wrapped = Sequential([Dense(2)])
            self.wrapped.build(input_shape)

        def call(self, x):
            return self.wrapped(self.inner(x))

    class Around(Layer):
        def __init__(self):
            super().__init__()
            self.builds = Builds()

        def call(self, x):
            return self.builds(x)

    layer = Around()
    layer(np.ones((2, 3)))
    assert len(layer.weights) == 4


def test_misspelt_arguments_are_told():
    with pytest.raises(TypeError, match="Dense: expected a known argument, got activaton; did you"):
        Dense(3, activaton="relu")
    with pytest.raises(TypeError, match="write Dense"):
        Sequential([Dense])
    with pytest.raises(TypeError, match=r"expected a list of layers, got .*; write Sequential\("):
        Sequential(Dense(1))


def test_an_initializer_of_another_shape_is_refused():
    dense = Dense(3, kernel_initializer=lambda shape, dtype: np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"'kernel' to return \(4, 3\), got \(2, 2\)"):
        dense.build((None, 4))


def test_layers_within_are_freed_without_the_garbage_collector():
    gc.disable()
    try:
        block = Block()
        with no_grad():
            block(one_batch())
        gone = weakref.ref(block.first)
        del block
        assert gone() is None
    finally:
        gc.enable()


# --- single weights that are frozen --------------------------------------------------------------


def test_a_weight_may_be_frozen_and_thawed_at_any_time():
    dense = Dense(2)
    model = Sequential([dense])
    model.compile("sgd", "mse")
    x, y = np.ones((3, 4)), np.ones((3, 2))
    model.train_on_batch(x, y)
    names = [weight.name for weight in model.weights]
    for kernel_is_trained in (False, True):
        dense.kernel.trainable = kernel_is_trained
        before = model.get_weights()
        model.train_on_batch(x, y)
        changed = [(a != b).any() for a, b in zip(before, model.get_weights(), strict=True)]
        assert changed == [kernel_is_trained, True]
        assert [weight.name for weight in model.weights] == names  # files keep their order
    model.trainable = False
    assert not dense.kernel.trainable
    model.trainable = True
    assert dense.kernel.trainable
    with pytest.raises(ValueError, match="expected trainable as bool, got 1"):
        Dense(2, trainable=1)


def test_a_layer_takes_its_input_by_name():
    class Sum(Layer):
        def __init__(self):
            super().__init__()
            self.dense = Dense(2)

        def call(self, first, second=None, training=False):
            return self.dense(x=first) + self.dense(second) + training

    layer = Sum()
    x, y = np.ones((3, 4)), np.zeros((3, 4))
    expected = layer(x, y).numpy()
    np.testing.assert_array_equal(layer(second=y, first=x).numpy(), expected)
    np.testing.assert_array_equal(layer(first=x, second=y, training=True).numpy(), expected + 1)
    a, b = minigrad.Input((4,)), minigrad.Input((4,))
    model = Model([a, b], layer(second=b, first=a))
    np.testing.assert_array_equal(model([x, y]).numpy(), expected)
    with pytest.raises(TypeError, match="Sum 'sum': expected an input, got None"):
        layer(second=y)


def test_a_trial_for_shapes_changes_no_values_but_those_that_build_makes():
    class Counting(Layer):
        def build(self, input_shape):
            self.calls = self.add_weight((), "zeros", trainable=False)
            self.calls.assign(10)

        def call(self, x):
            self.calls.assign_add(1)
            return x * 2

    layer = Counting()
    assert layer.compute_output_shape((None, 3)) == (None, 3)
    model = Model(x := minigrad.Input((3,)), layer(x))
    assert layer.calls.numpy() == 10
    model(np.ones((2, 3)))
    assert layer.calls.numpy() == 11


def test_an_input_of_several_may_be_none_and_a_shape_may_be():
    class Sum(Layer):
        def build(self, input_shape):
            self.bias = self.add_weight((), "ones")

        def call(self, x):
            return x["a"] + self.bias if x["b"] is None else x["a"] + x["b"]

    layer = Sum()
    layer.build(None)
    assert layer.built and len(layer.weights) == 1
    ones = np.ones((2, 3))
    np.testing.assert_array_equal(layer({"a": ones, "b": None}).numpy(), 2 * ones)
    np.testing.assert_array_equal(Sum()({"a": ones, "b": 3 * ones}).numpy(), 4 * ones)
    assert layer({"a": minigrad.Input((3,)), "b": None}).shape == (None, 3)
    with pytest.raises(ValueError, match="Dense 'dense': expected one input, got"):
        Dense(2).build(None)


@pytest.mark.parametrize("make", [lambda x: [x, None], lambda x: (None, x), lambda x: {"a": x}])
def test_a_layer_takes_inputs_of_which_some_are_none(make):
    class Sum(Layer):
        def __init__(self):
            super().__init__()
            self.dense = Dense(2)

        def call(self, inputs):
            parts = inputs.values() if isinstance(inputs, dict) else inputs
            return sum(self.dense(x) for x in parts if x is not None)

    layer = Sum()
    x = np.ones((3, 4), "float32")
    assert layer(make(x)).shape == layer(make(Tensor(x))).shape == (3, 2)
    symbol = Input((4,))
    model = Model(symbol, layer(make(symbol)))
    np.testing.assert_array_equal(model(x).numpy(), layer(make(x)).numpy())
    assert len(layer.weights) == 2
