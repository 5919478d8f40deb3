"""The same seed gives the same bits, whatever runs around the training; `weights_hash` shows it.

``python tests/promises/same_bits/test_same_seed.py`` writes the golden hashes anew.
"""

import functools
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import callbacks, debug, kernels, lab, layers, losses, models, ops, optimizers
from minigrad.ops.conv import pair
from minigrad.ops.fused import conv2d_pool, has_same_bits

GOLDEN = Path(__file__).parents[2] / "golden" / "same_seed.json"
RNG = np.random.default_rng(5)
X = RNG.random((44, 10, 10, 3)).astype("f")
Y = RNG.integers(0, 4, 44)
HERE = Path(__file__)


def rows():
    """Every kind of layer that draws numbers or keeps state, and initializers of many kinds."""
    return [
        layers.RandomFlip(),
        layers.RandomRotation(0.1),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomZoom(0.1),
        layers.RandomContrast(0.2),
        layers.RandomBrightness(0.1, value_range=(0, 1)),
        layers.GaussianNoise(0.05),
        layers.Conv2D(6, 3, activation="relu", kernel_initializer="he_normal"),
        layers.MaxPooling2D(2),
        layers.Dropout(0.25),
        layers.BatchNormalization(),
        layers.SpatialDropout2D(0.2),
        layers.Flatten(),
        layers.Dense(16, "relu", kernel_initializer="orthogonal", kernel_regularizer="l2"),
        layers.GaussianDropout(0.1),
        layers.Dense(16, "selu", kernel_initializer="lecun_uniform", bias_initializer="normal"),
        layers.AlphaDropout(0.1),
        layers.Dense(4, kernel_initializer="truncated_normal"),
    ]


class Own(models.Model):
    def __init__(self, made):
        super().__init__()
        self.made = made

    def call(self, x):
        for layer in self.made:
            x = layer(x)
        return x


def make(kind="sequential", made=rows, seed=7):
    minigrad.utils.set_random_seed(seed)
    if kind == "sequential":
        model = models.Sequential([layers.Input((10, 10, 3)), *made()])
    elif kind == "graph":
        inputs = x = layers.Input((10, 10, 3))
        for layer in made():
            x = layer(x)
        model = models.Model(inputs, x)
    else:
        model = Own(made())
        model.build((None, 10, 10, 3))
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return model


def train(model=None, epochs=2, **options):
    """The hash of the weights after `fit`."""
    model = make() if model is None else model
    model.fit(X, Y, batch_size=8, epochs=epochs, **{"verbose": 0} | options)
    return model.weights_hash()


@pytest.fixture(scope="module")
def expected():
    return train()


def test_another_seed_or_weight_has_another_hash(expected):
    assert train(make(seed=8)) != expected
    model = make()
    before = model.weights_hash()
    assert len(before) == 64
    bias = model.layers[-1].bias
    bias.data[0] = np.nextafter(bias.data[0], np.float32(1))  # the last bit of one number
    assert model.weights_hash() != before


def test_twice_the_same(expected):
    assert train() == expected


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_number_of_threads(expected, num_threads, threads):
    num_threads(threads)
    assert train() == expected


def test_number_of_threads_that_changes_meanwhile(expected, num_threads):
    change = callbacks.LambdaCallback(on_train_batch_begin=lambda n, logs: num_threads(1 + n % 4))
    assert train(callbacks=[change]) == expected


@pytest.mark.parametrize("kind", ["graph", "own"])
def test_kind_of_model(expected, kind):
    assert train(make(kind)) == expected


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_progress_bar(expected, capsys, verbose):
    assert train(verbose=verbose) == expected
    assert capsys.readouterr().out


class Parts:
    """The samples as batches of this size, as other libraries' loaders give them."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return -(-len(X) // self.size)

    def __getitem__(self, number):
        part = slice(number * self.size, (number + 1) * self.size)
        return X[part], Y[part]


VALIDATION = {
    "data": {"validation_data": (X[:20], Y[:20])},
    "larger batches": {"validation_data": (X, Y), "validation_batch_size": 44},
    "some steps": {"validation_data": (X, Y), "validation_steps": 2, "validation_freq": [2]},
    "batches": {"validation_data": Parts(5)},
}


@pytest.mark.parametrize("name", VALIDATION)
def test_validation(expected, name):
    assert train(**VALIDATION[name]) == expected


def test_validation_split_trains_as_on_the_part():
    model = make()
    model.fit(X[:33], Y[:33], batch_size=8, epochs=2, verbose=0)
    assert train(validation_split=0.25) == model.weights_hash()


CALLBACKS = {
    "BackupAndRestore": lambda path: callbacks.BackupAndRestore(path / "backup", save_freq=3),
    "CSVLogger": lambda path: callbacks.CSVLogger(path / "log.csv"),
    "Callback": lambda path: callbacks.Callback(),
    "EarlyStopping": lambda path: callbacks.EarlyStopping("loss", patience=9),
    "History": lambda path: callbacks.History(),
    "LambdaCallback": lambda path: callbacks.LambdaCallback(on_epoch_end=lambda n, logs: None),
    "LearningRateScheduler": lambda path: callbacks.LearningRateScheduler(lambda n, rate: rate),
    "ModelCheckpoint": lambda path: callbacks.ModelCheckpoint(path / "{epoch}.keras"),
    "ProgbarLogger": lambda path: callbacks.ProgbarLogger(),
    "ReduceLROnPlateau": lambda path: callbacks.ReduceLROnPlateau("loss", patience=9),
    "TensorBoard": lambda path: callbacks.TensorBoard(path, histogram_freq=1, update_freq=1),
    "TerminateOnNaN": lambda path: callbacks.TerminateOnNaN(),
    "Recorder": lambda path: lab.Recorder(every=1),
}
# Of a server, of the list itself, and one that changes the weights as it is asked to.
NOT_TRIED = {"RemoteMonitor", "CallbackList", "SwapEMAWeights"}


@pytest.mark.parametrize("name", CALLBACKS)
def test_callback(expected, capsys, tmp_path, name):
    assert train(callbacks=[CALLBACKS[name](tmp_path)]) == expected


def test_all_callbacks_at_once(expected, capsys, tmp_path):
    several = [make_callback(tmp_path) for make_callback in CALLBACKS.values()]
    assert train(callbacks=several, validation_data=(X, Y), verbose=1) == expected


def test_every_callback_is_tried():
    here = {
        name for name, value in vars(callbacks).items()
        if name[0] != "_" and isinstance(value, type) and issubclass(value, callbacks.Callback)
    }  # fmt: skip
    assert here - set(CALLBACKS) - NOT_TRIED == set()


def look_at(model, path):
    """Everything that looks at a model, runs it, saves it or copies it."""
    model.predict(X, batch_size=5, verbose=0)
    model.evaluate(X, Y, verbose=0)
    model.predict_on_batch(X[:3])
    model(X[:2])
    model.summary(print_fn=lambda *parts, **options: None)
    model.count_params()
    model.get_config()
    minigrad.utils.plot_model(model, path / "model.svg")
    for name in ("w.npz", "w.weights.h5"):
        model.save_weights(path / name)
    model.save(path / "m.keras")
    models.clone_model(model) if isinstance(model, models.Sequential) else None
    with minigrad.no_grad():
        model(X[:4])
    loss = ops.mean(model(minigrad.Tensor(X[:4], requires_grad=True)))
    loss.backward()  # gradients that nobody asked for
    model.zero_grad()


def test_what_looks_at_the_model_meanwhile(expected, tmp_path):
    pytest.importorskip("h5py")

    def look(batch, logs):
        if batch == 3:
            look_at(look.callback.model, tmp_path)

    look.callback = callbacks.LambdaCallback(on_train_batch_end=look)
    assert train(callbacks=[look.callback]) == expected


def test_find_nan_and_gradients_of_others(expected):
    with debug.find_nan():
        assert train() == expected
    model = make()
    w = minigrad.Parameter(np.ones(3, "f"))

    def other(batch, logs):
        (w * model(X[:2])[0, :3]).sum().backward()
        model.zero_grad()

    assert train(model, callbacks=[callbacks.LambdaCallback(on_train_batch_end=other)]) == expected


def test_optimizer_that_is_watched(expected, capsys):
    model = make()
    with lab.Microscope(model, model.layers[-1].bias):
        assert train(model) == expected


BETWEEN = [
    lambda draw: layers.Conv2D(int(draw.integers(1, 9)), 3, padding="same", activation="relu"),
    lambda draw: layers.Conv2D(5, 2, strides=2, padding="same", use_bias=False),
    lambda draw: layers.DepthwiseConv2D(3, padding="same"),
    lambda draw: layers.MaxPooling2D(2, padding="same"),
    lambda draw: layers.AveragePooling2D(2, padding="same"),
    lambda draw: layers.Dropout(draw.uniform(0.1, 0.6)),
    lambda draw: layers.SpatialDropout2D(0.2),
    lambda draw: layers.BatchNormalization(),
    lambda draw: layers.LayerNormalization(),
    lambda draw: layers.GaussianNoise(0.1),
    lambda draw: layers.RandomFlip(),
    lambda draw: layers.Activation(str(draw.choice(["relu", "tanh", "gelu", "softplus", "elu"]))),
    lambda draw: layers.ZeroPadding2D(1),
]
RULES = ["sgd", "adam", "adamw", "rmsprop", "adagrad", "nadam", "lion", "adamax", "adadelta",
         "muon", "adafactor"]  # fmt: skip


# --- fused or not -------------------------------------------------------------------------------


def fused():
    """Layers that run as one kernel: most of a digit is blank, which that kernel passes over."""
    return [
        layers.Conv2D(20, 3, activation="relu", bias_initializer="normal"),
        layers.MaxPooling2D(2),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(4),
    ]


def normalized():
    """Batch normalization and relu, which run as one kernel each way."""
    return [
        layers.Conv2D(6, 3, bias_initializer="normal"),
        layers.BatchNormalization(gamma_initializer="normal", beta_initializer="normal"),
        layers.Activation("relu"),
        layers.Conv2D(5, 3, use_bias=False),
        layers.BatchNormalization(axis=1),
        layers.ReLU(),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(4),
        layers.BatchNormalization(scale=False),
        layers.Activation("relu"),
    ]


def gradients(model, x, training, one_by_one=False):
    """The output of a model, the gradients of its weights, and all weights, as bytes."""
    y = model(x, training=training) if not one_by_one else x
    for layer in model.layers if one_by_one else ():  # outside of a model nothing is put off
        y = layer(y, training=training)
    model.zero_grad()
    ops.sum(y * y).backward()
    arrays = [w.grad for w in model.trainable_weights] + model.get_weights()
    return [array.tobytes() for array in (y.numpy(), *arrays)]


@pytest.mark.parametrize("made", [rows, fused, normalized])
@pytest.mark.parametrize("training", [False, True])
def test_layers_that_run_as_one_have_the_bits_of_each_alone(training, made):
    x = X * (np.arange(10) // 4 == 1)[:, None].astype("f")
    one = gradients(make(made=made), x, training)
    assert gradients(make(made=made), x, training, one_by_one=True) == one
    assert gradients(make(made=made), minigrad.Tensor(x, requires_grad=True), training) == one
    with lab.Watch(watched := make(made=made)):
        assert gradients(watched, x, training) == one
    replaced = make(made=made)
    for layer in replaced.layers:
        layer.call = functools.wraps(layer.call)(functools.partial(layer.call))
    assert gradients(replaced, x, training) == one


def test_training_that_is_watched(expected):
    with lab.Watch(model := make()):
        assert train(model) == expected


def test_convolution_whose_result_is_used_twice_has_the_bits_of_one_that_fuses():
    inputs = layers.Input((10, 10, 3))
    convolved = (convolution := layers.Conv2D(8, 3))(inputs)
    pooled = layers.MaxPooling2D(2)(convolved)
    once, twice = models.Model(inputs, pooled), models.Model(inputs, [convolved, pooled])
    found = []
    for y in (once(X), twice(X)[1]):
        convolution.kernel.grad = None
        ops.sum(y * y).backward()
        found.append((y.numpy().tobytes(), convolution.kernel.grad.tobytes()))
    assert found[0] == found[1]


def draw_convolution(draw):
    """Sizes and settings of a convolution, the pooling behind it, and arrays for them."""
    groups, dtype = int(draw.choice([1, 1, 1, 2, 3])), str(draw.choice(["float32", "float64"]))
    C, F = int(draw.choice([1, 2, 3, 5, 16, 40])), int(draw.choice([1, 3, 6, 8, 15, 17, 32, 64]))
    padding = ["valid", "same", ((0, 3), (2, 0)), ((1, 1), (4, 2))][draw.integers(4)]
    options = {
        "strides": tuple(draw.integers(1, 3, 2).tolist()),
        "padding": padding,
        "dilation_rate": tuple(draw.integers(1, 3, 2).tolist()),
        "groups": groups,
        "activation": [None, "relu"][draw.integers(2)],
    }
    pool = [2, 2, 2, 3, 1, 5, (1, 2), (2, 1), (3, 2), (2, 4)][draw.integers(10)]
    rate = float(draw.choice([0, 0.1, 0.25, 0.5])) if options["activation"] else 0.0
    images = int(draw.choice([1, 3, 16, 17, 40])), *draw.integers(5, 36, 2), C * groups
    if draw.integers(8) == 0:  # large ones, which are added up in pieces
        C, groups, F, images = 1, 1, min(F, 8), (1, *draw.integers(60, 160, 2), 1)
        options["groups"] = 1
    size = draw.integers(1, 5, 2)
    if draw.integers(6) == 0:  # few filters of one channel
        C, groups, F, images = 1, 1, int(draw.integers(1, 9)), (*images[:3], 1)
        size, pool = [int(draw.choice([3, 5, 7]))] * 2, 2
        options |= {"strides": 1, "dilation_rate": 1, "groups": 1}
    if draw.integers(10) == 0:  # Winograd's way, which no fused convolution takes
        C, groups, F, size = 16, 1, int(draw.integers(16, 35)), (3, 3)
        images = (*images[:3], C)
        options |= {"strides": 1, "dilation_rate": 1, "groups": 1}
    x = draw.normal(size=images).astype(dtype)
    x[:, :, : draw.integers(images[2])] = 0  # blank borders
    x[:, :, images[2] - draw.integers(images[2]) :] = 0
    kernel = draw.normal(size=(*size, C, F * groups)).astype(dtype)
    return x, kernel, draw.normal(size=F * groups).astype(dtype), options, pool, rate


@pytest.mark.skipif(kernels.kind != "fast", reason="only the fast kernels fuse")
def test_random_convolutions_fused_or_not(trials, num_threads):
    def run(operation, x, *weights):
        weights = [minigrad.Parameter(w) for w in weights]
        num_threads(int(draw.integers(1, 4)))
        y = operation(x, *weights)
        gy = np.random.default_rng(1).normal(size=y.shape).astype(x.dtype)
        y.backward(gy)
        return [array.tobytes() for array in (y.data, *(w.grad for w in weights))]

    tried = 0
    for seed in trials(60, 4000):
        draw = np.random.default_rng(seed)
        *arrays, options, pool, rate = draw_convolution(draw)
        x, kernel = (minigrad.Tensor(array) for array in arrays[:2])
        settings = [value for name, value in options.items() if name != "activation"]

        def apart(x, *weights, options=options, pool=pool, rate=rate):
            y = ops.max_pool2d(ops.conv2d(x, *weights, **options), pool)
            return ops.dropout(y, rate, 3) if rate else y

        def together(x, *weights, options=options, pool=pool, rate=rate):
            return conv2d_pool(x, *weights, **options, pool_size=pool, rate=rate, seed=3)

        try:
            one_by_one = run(apart, *arrays)
        except ValueError:  # the windows do not fit into the image
            continue
        if has_same_bits(x, kernel, *settings, pair("", "", pool)):
            assert run(together, *arrays) == one_by_one, seed
            tried += 1
    assert tried > 30


def test_random_batch_normalizations_with_relu_or_before_it(trials, num_threads):
    """Half of the values lie within some roundings of where relu begins."""
    for seed in trials(40, 2000):
        draw = np.random.default_rng(seed)
        dtype, C = draw.choice(["float32", "float64"]), int(draw.choice([1, 3, 16, 33, 64, 300]))
        x = draw.normal(size=(int(draw.integers(2, 3000)), C)).astype(dtype)
        gamma, beta = draw.normal(size=(2, C)).astype(dtype)
        gy = (draw.normal(size=x.shape) * draw.choice([-1, 0, 1], x.shape)).astype(dtype)
        is_near = draw.random(x.shape) < 0.5
        zero = x.mean(axis=0) - beta / gamma * x.std(axis=0)
        x = np.where(is_near, zero * (1 + draw.integers(-9, 9, x.shape) * np.finfo(dtype).eps), x)
        results = []
        for activation in ("relu", None):
            num_threads(int(draw.integers(1, 4)))
            leaves = [minigrad.Parameter(array.astype(dtype)) for array in (x, gamma, beta)]
            y, *_ = ops.batch_norm(*leaves, 1e-3, activation=activation)
            y = y if activation else ops.relu(y)
            y.backward(gy)
            arrays = [y.data, *(leaf.grad for leaf in leaves)]
            results.append([array.tobytes() for array in arrays])
        assert results[0] == results[1], seed


ELEMENTWISE = (
    "abs cos elu erf exp expm1 gelu leaky_relu log log1p relu selu sigmoid silu sin sinh softplus "
    "softsign sqrt square tanh"
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ELEMENTWISE.split())
def test_function_of_elements_has_the_same_bits_in_an_array_of_any_size(name, dtype):
    """Large arrays take other loops, in threads, than small ones."""
    if kernels.kind == "reference":
        pytest.skip("there is one loop, NumPy's, whose last lanes may differ")
    x = np.random.default_rng(1).uniform(0.01, 6, 40_001).astype(dtype)
    whole = getattr(ops, name)(minigrad.Tensor(x)).numpy()
    parts = [getattr(ops, name)(minigrad.Tensor(part)).numpy() for part in np.split(x, [7, 1000])]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_random_networks_and_whatever_is_around(trials, num_threads, capsys):
    for seed in trials(4, 300):
        draw = np.random.default_rng(seed)
        chosen = draw.choice(len(BETWEEN), draw.integers(2, 7))
        state, rule = draw.bit_generator.state, str(draw.choice(RULES))
        size, shuffle = int(draw.integers(3, 50)), bool(draw.integers(2))

        def run(kind="sequential", state=state, chosen=chosen, rule=rule, **options):
            again = np.random.default_rng(0)
            again.bit_generator.state = state

            def made():
                between = [BETWEEN[number](again) for number in chosen]
                return [*between, layers.GlobalAveragePooling2D(), layers.Dense(4)]

            model = make(kind, made)
            model.compile(rule, model.loss)
            model.fit(X, Y, **options)
            return model.weights_hash()

        options = {"batch_size": size, "epochs": 2, "shuffle": shuffle}
        num_threads(1)
        plain = run(**options, verbose=0)
        num_threads(int(draw.integers(2, 6)))
        kind = str(draw.choice(["sequential", "graph", "own"]))
        with debug.find_nan():
            assert run(kind, **options, verbose=1, validation_data=(X[:9], Y[:9])) == plain, seed


@pytest.mark.skipif(kernels.kind != "fast", reason="only the fast kernels fuse")
def test_pooling_shared_by_a_convolution_that_fuses_and_one_that_does_not():
    pool, few = layers.MaxPooling2D(2), layers.Conv2D(2, 3)
    for convolution, channels in ((layers.Conv2D(2, 3), 1), (few, 64), (few, 64)):
        x = np.random.default_rng(1).normal(size=(3, 12, 12, channels)).astype("f")
        both = models.Sequential([layers.Input(x.shape[1:]), convolution, pool])
        expected = pool(convolution(x)).numpy()
        np.testing.assert_array_equal(both(x).numpy(), expected)


# --- a run in parts -----------------------------------------------------------------------------


def still():
    """Layers that draw nothing: then parts of a run, without shuffling, are that run."""
    return [
        layers.Conv2D(6, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.Flatten(),
        layers.Dense(16, "tanh"),
        layers.Dense(4),
    ]


@pytest.fixture(scope="module")
def in_one_go():
    return train(make(made=still), 4, shuffle=False)


@pytest.mark.parametrize("kind", ["sequential", "graph", "own"])
def test_initial_epoch_goes_on(in_one_go, kind):
    model = make(kind, still)
    train(model, 1, shuffle=False)
    model.evaluate(X, Y, verbose=0)
    train(model, 3, initial_epoch=1, shuffle=False)
    assert train(model, 4, initial_epoch=3, shuffle=False) == in_one_go


@pytest.mark.parametrize("file", ["m.keras", "m.h5", "w.npz", "w.weights.h5"])
def test_run_goes_on_from_a_file(in_one_go, tmp_path, file):
    pytest.importorskip("h5py")
    model = make(made=still)
    train(model, 2, shuffle=False)
    if file.startswith("m"):
        model.save(tmp_path / file)
        resumed = models.load_model(tmp_path / file)
    else:
        model.save_weights(tmp_path / file)
        resumed = make(made=still, seed=99)
        resumed.optimizer.build(resumed.trainable_weights)
        resumed.load_weights(tmp_path / file)
    assert resumed.weights_hash() == model.weights_hash()
    assert train(resumed, 4, initial_epoch=2, shuffle=False) == in_one_go


@pytest.mark.parametrize("save_freq", ["epoch", 4])
@pytest.mark.parametrize("kind", ["sequential", "graph", "own"])
def test_run_with_random_layers_goes_on_after_an_interruption(
    expected, num_threads, tmp_path, kind, save_freq
):
    def stop(batch, logs):
        stop.count += 1
        if stop.count == 9:
            raise KeyboardInterrupt

    stop.count = 0

    def run(*others):
        keep = callbacks.BackupAndRestore(tmp_path, save_freq=save_freq)
        return train(make(kind), callbacks=[keep, *others])

    with pytest.raises(KeyboardInterrupt):
        run(callbacks.LambdaCallback(on_train_batch_end=stop))
    num_threads(3)
    assert run() == expected


def test_run_in_a_loop_of_ones_own(in_one_go):
    model = make(made=still)
    for _ in range(4):
        for start in range(0, len(X), 8):
            model.train_on_batch(X[start : start + 8], Y[start : start + 8])
    assert model.weights_hash() == in_one_go

    model = make(made=still)
    for _ in range(4):
        for start in range(0, len(X), 8):
            loss = model.loss(Y[start : start + 8], model(X[start : start + 8], training=True))
            loss.backward()
            weights = model.trainable_weights
            model.optimizer.apply([weight.grad for weight in weights], weights)
            model.zero_grad()
    assert model.weights_hash() == in_one_go


def test_run_on_batches_of_a_loader(in_one_go):
    model = make(made=still)
    model.fit(Parts(8), epochs=4, shuffle=False, verbose=0)
    assert model.weights_hash() == in_one_go


def test_copy_with_the_same_weights_and_seeds():
    def seeded():
        return [
            layers.GaussianNoise(0.1, seed=1),
            layers.Conv2D(6, 3, activation="relu"),
            layers.Dropout(0.3, seed=2),
            layers.Flatten(),
            layers.GaussianDropout(0.1, seed=3),
            layers.Dense(4),
        ]

    model = make(made=seeded)
    copy = models.clone_model(model)
    copy.compile(optimizers.Adam(0.01), model.loss)
    copy.set_weights(model.get_weights())
    assert copy.weights_hash() == model.weights_hash()
    assert train(copy, shuffle=False) == train(model, shuffle=False)


# --- each layer's own stream --------------------------------------------------------------------

RANDOM = {
    "Dropout": lambda: layers.Dropout(0.5),
    "SpatialDropout2D": lambda: layers.SpatialDropout2D(0.5),
    "GaussianNoise": lambda: layers.GaussianNoise(1.0),
    "GaussianDropout": lambda: layers.GaussianDropout(0.5),
    "AlphaDropout": lambda: layers.AlphaDropout(0.5),
    "RandomFlip": lambda: layers.RandomFlip(),
    "RandomRotation": lambda: layers.RandomRotation(0.2),
    "RandomTranslation": lambda: layers.RandomTranslation(0.2, 0.2),
    "RandomZoom": lambda: layers.RandomZoom(0.2),
    "RandomCrop": lambda: layers.RandomCrop(7, 7),
    "RandomContrast": lambda: layers.RandomContrast(0.3),
    "RandomBrightness": lambda: layers.RandomBrightness(0.3, value_range=(0, 1)),
    "BatchNormalization": lambda: layers.BatchNormalization(),
}


@pytest.mark.parametrize("name", RANDOM)
def test_stream_of_a_layer_does_not_see_inference_other_layers_or_trials(name):
    minigrad.utils.set_random_seed(3)
    alone = RANDOM[name]()
    calls = [alone(X, training=True).numpy() for _ in range(3)]
    minigrad.utils.set_random_seed(3)
    layer = RANDOM[name]()
    layers.Dropout(0.5)(X, training=True)
    for expected in calls:
        layer(X[:5], training=False)
        layer(layers.Input((10, 10, 3)))
        layer.compute_output_shape((None, 10, 10, 3))
        layer.get_config()
        np.testing.assert_array_equal(layer(X, training=True).numpy(), expected)
    if name != "BatchNormalization":
        assert (calls[0] != calls[1]).any()


@pytest.mark.parametrize("name", sorted(minigrad.initializers.INITIALIZERS.names))
def test_initializer_draws_the_same(name):
    def draw():
        minigrad.utils.set_random_seed(4)
        return minigrad.initializers.get(name)((6, 6))

    np.testing.assert_array_equal(draw(), draw())


# --- other processes ----------------------------------------------------------------------------


def hash_in_a_process(**environment):
    code = f"import runpy; print(runpy.run_path({str(HERE)!r})['train']())"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return run.stdout.split()[-1]


def test_new_process(expected):
    assert hash_in_a_process(PYTHONHASHSEED="4242", MINIGRAD_NUM_THREADS="3") == expected


def is_golden():
    """Whether the golden hashes are those of this machine: x86-64, kernels in vectors."""
    return platform.machine() in ("x86_64", "AMD64") and kernels.kind == "fast"


@pytest.mark.parametrize("level", ["baseline", "avx2", "avx512"])
def test_golden_hash_of_each_instruction_set(level):
    """On every Python and NumPy: whoever changes a bit on purpose writes the hashes anew."""
    if not is_golden() or level not in kernels.levels():
        pytest.skip("another machine, or other kernels")
    assert hash_in_a_process(MINIGRAD_SIMD=level) == json.loads(GOLDEN.read_text())[level]


if __name__ == "__main__":
    found = {level: hash_in_a_process(MINIGRAD_SIMD=level) for level in kernels.levels()}
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
