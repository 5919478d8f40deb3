"""What "Coming from Keras" says is not the same: each row of its tables has a test that shows it.

A test runs on minigrad and, where it is installed, on Keras. A row without a test fails, and so
does a test whose row is gone. What both have in common is shown at the end.
"""

import inspect
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import minigrad

PAGE = Path(__file__).parents[2] / "docs" / "keras.md"
X = np.ones((40, 4), "float32")
SHOWN = {}  # what a row begins with -> the test that shows it

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras's, on JAX


@pytest.fixture(params=["minigrad", "keras"])
def library(request):
    return minigrad if request.param == "minigrad" else pytest.importorskip("keras")


def shows(row):
    """Return a decorator for the test that shows a row of the page."""

    def decorate(test):
        assert row not in SHOWN, row
        SHOWN[row] = test.__name__
        return test

    return decorate


def first_cells():
    """The first cell of each row of the tables of differences."""
    text = PAGE.read_text(encoding="utf-8")
    section = re.split(r"^## ", text.partition("\n## What is not the same\n")[2], flags=re.M)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [line[2:].split(" | ")[0] for line in lines if not line.startswith("| in Keras")]


def test_every_row_has_a_test_and_every_test_a_row():
    shown = [next((row for row in SHOWN if cell.startswith(row)), cell) for cell in first_cells()]
    assert sorted(shown) == sorted(SHOWN)


def row_model(library, **options):
    return library.Sequential([library.Input((4,), **options), library.layers.Dense(1)])


def raises(function, kinds=Exception):
    with pytest.raises(kinds):
        function()


# --- engine and numbers --------------------------------------------------------------------------


@shows("TensorFlow, JAX or PyTorch")
def test_backend(library):
    assert (library.config.backend() == "minigrad") == (library is minigrad)


@shows("`tf.GradientTape`")
def test_gradients():
    weight = minigrad.Parameter([2.0])
    (weight**3).sum().backward()
    assert weight.grad.tolist() == [12.0]
    with pytest.raises(AttributeError, match=r"loss\.backward\(\), then weight\.grad"):
        minigrad.GradientTape  # noqa: B018


@shows("second derivatives")
def test_first_order():
    weight = minigrad.Parameter([2.0])
    (weight**3).sum().backward()
    assert type(weight.grad) is np.ndarray  # with no graph behind it


@shows("float16")
def test_types(library):
    layer = library.layers.Layer()
    if library is minigrad:
        for dtype in ("float16", "mixed_float16"):
            raises(lambda dtype=dtype: library.layers.Dense(2, dtype=dtype)(X), TypeError)
        raises(lambda: layer.add_weight((2,), "zeros", "int32", trainable=False), TypeError)
        assert type(minigrad.ops.ones((2,), "int32")) is np.ndarray
    else:
        assert library.layers.Dense(2, dtype="float16").compute_dtype == "float16"
        assert layer.add_weight((2,), "zeros", "int32", trainable=False).dtype == "int32"


@shows("`call` is compiled")
def test_calls_of_ten_batches(library):
    calls = []

    class Net(library.Model):
        def __init__(self):
            super().__init__()
            self.dense = library.layers.Dense(1)

        def call(self, x):
            calls.append(x)
            return self.dense(x)

    net = Net()
    net.compile("sgd", "mse", jit_compile=True, steps_per_execution=1)
    net.fit(X, X[:, :1], batch_size=4, verbose=0)
    if library is minigrad:
        assert len(calls) == 10
    elif library.config.backend() != "torch":
        assert len(calls) < 10


@shows("results may change")
def test_same_bits_with_any_number_of_threads():
    def train():
        minigrad.utils.set_random_seed(1)
        model = row_model(minigrad)
        model.compile("sgd", "mse")
        model.fit(X, X[:, :1], verbose=0)
        return model.weights_hash()

    threads = minigrad.get_num_threads()
    try:
        minigrad.set_num_threads(1)
        alone = train()
        minigrad.set_num_threads(2)
        assert train() == alone
    finally:
        minigrad.set_num_threads(threads)


@shows("`ops.sum`, `max`, `add`")
def test_sums_of_integers(library):
    numbers = np.array([3, 4])
    unary = [getattr(library.ops, name)(numbers) for name in ("sum", "prod", "max", "cumsum")]
    for found in (*unary, library.ops.add(numbers, numbers)):
        assert ("float" in str(found.dtype)) == (library is minigrad)
    if library is minigrad:
        assert minigrad.ops.cumsum(numbers, dtype="int32").dtype == "int32"


@shows("`ops.norm(x, ord)`")
def test_norm(library):
    found = library.ops.norm(np.array([[1.0, 2.0], [3.0, 4.0]]), ord=1)
    assert float(found) == (10 if library is minigrad else 6)


@shows("`random.normal` and kin")
def test_random_numbers(library):
    assert isinstance(library.random.normal((2,)), np.ndarray) == (library is minigrad)


# --- layers and models ---------------------------------------------------------------------------


@shows("`channels_first`")
def test_channels_first(library):
    def make():
        return library.layers.Conv2D(2, 3, data_format="channels_first")

    if library is minigrad:
        raises(make, ValueError)
    else:
        assert make().data_format == "channels_first"


@shows("masks")
def test_masks(library):
    def make():
        return library.layers.Embedding(3, 2, mask_zero=True)

    if library is minigrad:
        raises(make, ValueError)
    else:
        assert np.asarray(make().compute_mask(np.array([[1, 0]]))).tolist() == [[True, False]]


@shows("`fit` tells a model")
def test_training_of_a_call_without_the_argument(library):
    class Net(library.Model):
        def __init__(self):
            super().__init__()
            self.drop = library.layers.Dropout(0.5)
            self.sum = library.layers.Dense(1, use_bias=False, kernel_initializer="ones")

        def call(self, x):
            return self.sum(self.drop(x))

    net = Net()
    net.compile("sgd", "mse")
    loss = net.fit(X, 4 * X[:, :1], verbose=0).history["loss"][0]
    assert (loss > 0) == (library is minigrad)  # with nothing dropped it is 0


def make_block(library):
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


@shows("a weight's `path`")
def test_paths(library):
    block = make_block(library)
    block(X)
    paths = {weight.path.replace(block.name, "block") for weight in block.weights}
    path = "made_first/kernel" if library is minigrad else "block/made_first/kernel"
    assert path in paths


@shows("a layer's weights in the order")
def test_order_of_weights(library):
    block = make_block(library)
    block(X)
    own, *within = [weight.path.split("/")[-2] for weight in block.weights]
    names = ["made_first", "assigned_first"]
    assert own == block.name
    assert within[::2] == (names if library is minigrad else names[::-1])


@shows("`weight.value`")
def test_value(library):
    dense = library.layers.Dense(2)
    dense.build((None, 4))
    assert (dense.kernel.value is dense.kernel) == (library is minigrad)


@shows("`layer.input_shape`")
def test_input_shape(library):
    dense = library.layers.Dense(2)
    if library is minigrad:
        assert dense.input_shape is None
    else:
        assert not hasattr(dense, "input_shape")


@shows("`Input(batch_size=3)`")
def test_batch_size(library):
    shape = row_model(library, batch_size=3).output_shape
    assert shape == ((None, 1) if library is minigrad else (3, 1))


@shows("`quantize`")
def test_methods_that_are_missing(library):
    model = row_model(library)
    for name in ("quantize", "enable_lora", "stateless_call"):
        owner = model.layers[-1] if name == "enable_lora" else model
        if library is minigrad:
            with pytest.raises(AttributeError, match=f"{name} is not in minigrad.*nearest"):
                getattr(owner, name)
        else:
            assert hasattr(owner, name)


@shows("`export`")
def test_export(library):
    default = inspect.signature(library.Model.export).parameters["format"].default
    assert default == ("onnx" if library is minigrad else "tf_saved_model")


@shows("random image layers")
def test_random_images_without_training(library):
    images = np.arange(80, dtype="float32").reshape(40, 1, 2, 1)
    flipped = np.asarray(library.layers.RandomFlip(seed=1)(images))
    assert (flipped == images).all() == (library is minigrad)


@shows("`RandomFlip(")
def test_flips(library):
    images = np.arange(4, dtype="float32").reshape(1, 2, 2, 1).repeat(200, 0)
    layer = library.layers.RandomFlip("horizontal_and_vertical", seed=1)
    found = {tuple(image.ravel()) for image in np.asarray(layer(images, training=True))}
    assert len(found) == (4 if library is minigrad else 2)


@shows("`CenterCrop`")
def test_center_crop(library):
    def crop():
        return library.layers.CenterCrop(4, 4)(np.ones((1, 2, 2, 1), "float32"))

    if library is minigrad:
        raises(crop, ValueError)
    else:
        assert crop().shape == (1, 4, 4, 1)


@shows("`RandomCrop`")
def test_random_crop(library):
    images = np.ones((1, 6, 4, 1), "float32")
    shape = library.layers.RandomCrop(2, 2)(images, training=False).shape
    assert shape == ((1, 2, 2, 1) if library is minigrad else images.shape)


@shows("`IntegerLookup`, `StringLookup`")
def test_lookups():
    layers = minigrad.layers  # Keras's need TensorFlow
    found = layers.IntegerLookup(vocabulary=[4, 5])(np.array([5, 4, 9]))
    assert found.numpy().tolist() == [2, 1, 0]
    assert layers.StringLookup(vocabulary=["a", "b"])(np.array(["b"])).numpy().tolist() == [2]
    for name in ("Hashing", "TextVectorization"):
        raises(lambda name=name: getattr(layers, name), AttributeError)


# --- training, losses and metrics ----------------------------------------------------------------


@shows("a wrong type")
def test_wrong_types(library):
    kinds = []
    for make in (
        lambda: library.layers.Dense(2, activaton="relu"),
        lambda: library.layers.Dropout("x"),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            make()
        kinds.append((caught.errisinstance(TypeError), caught.errisinstance(ValueError)))
    assert kinds == ([(True, True)] * 2 if library is minigrad else [(False, True), (True, False)])


@shows("labels out of range")
def test_labels_out_of_range(library):
    outputs = np.array([[0.5, 0.5]], "float32")

    def compute():
        loss = library.losses.SparseCategoricalCrossentropy()(np.array([3]), outputs)
        return float(library.ops.sum(loss))

    if library is minigrad:
        raises(compute, ValueError)
    elif library.config.backend() == "jax":
        assert compute() == 0


@shows("targets or predictions of size 1")
def test_targets_of_size_1(library):
    def compute():
        y_true, y_pred = np.ones((4, 1), "float32"), np.zeros((4, 3), "float32")
        return library.losses.MeanSquaredError()(y_true, y_pred)

    if library is minigrad:
        raises(compute, ValueError)
    else:
        assert float(compute()) == 1


@shows("a loss of float64")
def test_losses_of_float64(library):
    mse = library.losses.MeanSquaredError
    loss = mse()(np.ones((4, 1)), np.zeros((4, 1)))
    assert ("float64" if library is minigrad else "float32") in str(loss.dtype)
    if library is minigrad:
        assert mse(dtype="float32")(np.ones((4, 1)), np.zeros((4, 1))).dtype == "float32"


@shows("""`metrics="mae"`""")
def test_metrics_as_text(library):
    def compile():
        row_model(library).compile("sgd", "mse", metrics="mae")

    if library is minigrad:
        compile()
    else:
        raises(compile, ValueError)


@shows("a learning rate must")
def test_whole_learning_rates(library):
    def make():
        return library.optimizers.SGD(learning_rate=1)

    if library is minigrad:
        assert make().learning_rate == 1
    else:
        raises(make, ValueError)


@shows("`Adafactor` turns")
def test_adafactor_at_gradients_of_zero(library):
    g = np.array([[0, 0], [0, 1], [0, 2]], "float32")
    optimizer = library.optimizers.Adafactor(0.1)
    if library is minigrad:
        w, g = minigrad.Parameter(np.ones((3, 2))), minigrad.Tensor(g)
    else:
        w, g = library.Variable(np.ones((3, 2), "float32")), library.ops.convert_to_tensor(g)
    optimizer.apply([g], [w])
    assert np.isnan(np.array(w)).all() == (library is not minigrad)
    assert np.isfinite(np.array(w)).all() == (library is minigrad)


@shows("a loss becomes NaN")
def test_loss_that_is_nan(library):
    model = row_model(library)
    model.compile("sgd", "mse")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X * np.nan, X[:, :1], verbose=0)
    told = [str(w.message) for w in caught if str(w.message).startswith("fit: expected a finite")]
    assert len(told) == (1 if library is minigrad else 0)
    if library is minigrad:
        assert "x holds NaN" in told[0]


@shows("metrics add up in float32")
def test_sums_of_metrics(library):
    metric = library.metrics.Sum()
    for value in (2.0**24, 1.0):
        metric.update_state(value)
    assert float(metric.result()) - 2**24 == (1 if library is minigrad else 0)


@shows("1-D batches")
def test_means_of_1d_batches(library):
    metric = library.metrics.MeanSquaredError()
    metric.update_state(np.zeros(3), np.ones(3))
    metric.update_state(np.zeros(1), np.zeros(1))
    assert float(metric.result()) == (0.75 if library is minigrad else 0.5)


@shows("softmax, then")
def test_softmax_and_loss(library):
    if library is not minigrad and library.config.backend() == "tensorflow":
        pytest.skip("TensorFlow computes as minigrad does")
    logits = library.ops.convert_to_tensor(np.array([[60, 0, 0]], "float32"))
    outputs = library.ops.softmax(logits)
    loss = library.losses.sparse_categorical_crossentropy(np.array([1]), outputs)
    assert (float(library.ops.sum(loss)) == 60) == (library is minigrad)


# --- data ----------------------------------------------------------------------------------------


@shows("data sets of folders and windows")
def test_data_sets_of_windows(library):
    if library is not minigrad:
        pytest.importorskip("tensorflow")
    make = library.utils.timeseries_dataset_from_array
    data = make(np.arange(9.0), None, 2, shuffle=True, seed=1, batch_size=8)
    orders = [np.asarray(next(iter(data)))[:, 0].tolist() for _ in range(2)]
    assert (orders[0] == orders[1]) == (library is minigrad)
    if library is minigrad:
        assert isinstance(data, minigrad.utils.pipelines.Dataset)


@shows("`ImageDataGenerator`")
def test_shifts_of_images(library):
    legacy = "keras.src.legacy.preprocessing.image"
    name = "minigrad.preprocessing.image" if library is minigrad else legacy
    generator = pytest.importorskip(name).ImageDataGenerator(width_shift_range=[2, 2.0001])
    image = np.zeros((1, 7, 7, 1))
    image[0, 3, 3] = 1
    moved = np.asarray(next(generator.flow(image, batch_size=1, seed=1)))[0, :, :, 0]
    assert np.argwhere(moved > 0.5).tolist() == ([[3, 1]] if library is minigrad else [[1, 3]])


# --- files and pictures --------------------------------------------------------------------------


@shows("a lambda")
def test_lambdas_in_files(library, tmp_path):
    model = library.Sequential([library.Input((4,)), library.layers.Lambda(lambda x: x * 2)])
    path = tmp_path / "model.keras"
    if library is minigrad:
        with pytest.raises(TypeError, match=r"a lambda, .* write def name"):
            model.save(path)
    else:
        model.save(path)
        library.models.load_model(path, safe_mode=False)


@shows("`get_file`")
def test_addresses_of_files(library, tmp_path):
    (tmp_path / "a").write_bytes(b"text")
    arguments = {"origin": (tmp_path / "a").as_uri(), "cache_dir": str(tmp_path)}
    if library is minigrad:
        with pytest.raises(ValueError, match="expected https://, got file://"):
            library.utils.get_file("b", **arguments)
    else:
        assert Path(library.utils.get_file("b", **arguments)).read_bytes() == b"text"


@shows("a changed bit in `.h5`")
def test_changed_bits_in_files(library, tmp_path):
    pytest.importorskip("h5py")
    path, model = tmp_path / "w.weights.h5", row_model(library)
    model.set_weights([np.full((4, 1), 0.1, "float32"), np.zeros(1, "float32")])
    model.save_weights(path)
    content = bytearray(path.read_bytes())
    content[content.index(np.full(4, 0.1, "float32").tobytes())] ^= 1
    path.write_bytes(content)
    if library is minigrad:
        with pytest.raises(ValueError, match="checksum does not fit"):
            model.load_weights(path)
    else:
        model.load_weights(path)
        assert model.get_weights()[0][0] != np.float32(0.1)


@shows("weights that are NaN")
def test_nan_in_files(library, tmp_path):
    pytest.importorskip("h5py")
    path, model = tmp_path / "w.weights.h5", row_model(library)
    model.set_weights([np.full((4, 1), np.nan, "float32"), np.zeros(1, "float32")])
    model.save_weights(path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.load_weights(path)
    said = [str(warning.message) for warning in caught if "has NaN in" in str(warning.message)]
    assert len(said) == (library is minigrad)


@shows("`Huber(0.5).get_config()`")
def test_configs_of_losses(library):
    assert ("delta" in library.losses.Huber(0.5).get_config()) == (library is minigrad)


@shows("`BackupAndRestore` goes on")
def test_what_a_run_finds_again(library, tmp_path):
    callbacks = library.callbacks

    def run(*more):
        model = library.Sequential([library.Input((4,)), library.layers.Dense(1)])
        model.compile("sgd", "mse")
        backup = callbacks.BackupAndRestore(tmp_path / "backup")
        return model.fit(X, X[:, :1], epochs=3, verbose=0, callbacks=[backup, *more]).epoch

    def fail(epoch, logs=None):
        if epoch == 1:
            raise RuntimeError("the power went off")

    with pytest.raises(RuntimeError, match="the power"):
        run(callbacks.LambdaCallback(on_epoch_begin=fail))
    assert run() == ([0, 1, 2] if library is minigrad else [1, 2])
    backup = callbacks.BackupAndRestore(tmp_path)
    assert backup.double_checkpoint is (library is minigrad)


@shows("`plot_model`")
def test_pictures_of_models(tmp_path):
    picture = tmp_path / "model.svg"
    minigrad.utils.plot_model(row_model(minigrad), to_file=picture)
    assert picture.read_text(encoding="utf-8").startswith("<svg")


# --- what is the same ----------------------------------------------------------------------------


def test_training_is_that_of_the_call_around_in_both(library):
    model = library.Sequential([library.Input((4,)), make_block(library)])
    in_training, outside = (model(X, training=True) == 0), (model(X) == 0)
    assert library.ops.any(in_training) and not library.ops.any(outside)
    assert len(model.trainable_weights) == 5


def test_names_count_on_through_the_program_in_both(library):
    models = [row_model(library) for _ in range(2)]
    one, other = (model.layers[0].name for model in models)
    start = int(one.partition("_")[2] or 0)  # other tests have named some
    assert one.startswith("dense") and other == f"dense_{start + 1}"
