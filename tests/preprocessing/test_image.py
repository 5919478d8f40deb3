"""`ImageDataGenerator`: what it draws, as Keras does; batches of arrays, folders, tables."""

import os

import numpy as np
import pytest

from minigrad import layers, models, preprocessing, utils
from minigrad.preprocessing.image import ImageDataGenerator, save_img

KERAS_WARNS = pytest.mark.filterwarnings("ignore")  # on JAX, of NumPy 2, of SciPy


def numbers(*shape, seed=0):
    return (np.random.default_rng(seed).random(shape) * 255).astype("float32")


X, Y = numbers(11, 9, 9, 3), np.arange(11)

SETTINGS = [
    {},
    {"rotation_range": 30},
    {"width_shift_range": 0.3, "height_shift_range": 0.2},
    {"width_shift_range": 3, "height_shift_range": [-2, 1.5]},
    {"width_shift_range": 2.5},
    {"shear_range": 20, "zoom_range": 0.4},
    {"zoom_range": (0.5, 0.7)},
    {"horizontal_flip": True, "vertical_flip": True},
    {"rotation_range": 50, "fill_mode": "constant", "cval": 7.0},
    {"rotation_range": 50, "fill_mode": "reflect"},
    {"rotation_range": 40, "interpolation_order": 0},
    {"channel_shift_range": 30.0},
    {"featurewise_center": True, "featurewise_std_normalization": True, "rescale": 0.01},
    {"samplewise_center": True, "samplewise_std_normalization": True},
    {"preprocessing_function": lambda x: x + 1, "rescale": 2.0},
]


def keras_generator(**settings):
    """Keras's generator, whose shifts of width and height change places (see docs/keras.md)."""
    pytest.importorskip("keras")
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    generator = ImageDataGenerator(**settings)
    draw = generator.get_random_transform

    def drawn(*arguments):
        drawn = draw(*arguments)
        return {**drawn, "tx": drawn["ty"], "ty": drawn["tx"]}

    generator.get_random_transform = drawn
    return generator


@KERAS_WARNS
@pytest.mark.parametrize("settings", SETTINGS, ids=" ".join)
@pytest.mark.parametrize("options", [{"seed": 5, "batch_size": 4}, {"shuffle": False}], ids=str)
def test_generator_is_keras(settings, options):
    pytest.importorskip("scipy")
    found = []
    for generator in (ImageDataGenerator(**settings), keras_generator(**settings)):
        np.random.seed(3)
        generator.fit(X)
        batches = generator.flow(X, Y, **options)
        found.append([next(batches) for _ in range(4)])
    for (x, y), (keras_x, keras_y) in zip(*found, strict=True):
        np.testing.assert_array_equal(y, keras_y)
        assert x.dtype == keras_x.dtype
        np.testing.assert_allclose(x, keras_x, atol=1e-3)


@KERAS_WARNS
@pytest.mark.parametrize("settings", [{}, {"rescale": 1 / 255, "samplewise_center": True}])
def test_brightness_is_keras(settings):
    pytest.importorskip("PIL")
    found = []
    for make in (ImageDataGenerator, keras_generator):
        generator = make(brightness_range=(0.5, 1.5), **settings)
        x = np.concatenate([X, 2 * X - 100])  # within the range of bytes, and beyond
        found.append(next(generator.flow(x, batch_size=22, seed=1)))
    np.testing.assert_allclose(*found, atol=1e-3)


@KERAS_WARNS
def test_fit_of_changed_images_is_keras():
    pytest.importorskip("scipy")
    settings = {"featurewise_std_normalization": True, "rotation_range": 20}
    ours, theirs = ImageDataGenerator(**settings), keras_generator(**settings)
    for generator in (ours, theirs):
        generator.fit(X, augment=True, rounds=2, seed=4)
    np.testing.assert_allclose(ours.mean, theirs.mean, rtol=1e-5)
    np.testing.assert_allclose(ours.std, theirs.std, rtol=1e-5)
    assert ours.mean.shape == (1, 1, 3)


def test_width_goes_sideways_and_height_up_and_down():
    x = np.zeros((5, 8, 1), "float32")
    x[2, 3] = 1
    for settings, rows, columns in (
        ({"width_shift_range": [1]}, {2}, {2, 4}),
        ({"height_shift_range": [1]}, {1, 3}, {3}),
        ({"height_shift_range": [0.4]}, {0, 4}, {3}),
        ({"width_shift_range": [0.25]}, {2}, {1, 5}),
    ):
        images = next(ImageDataGenerator(**settings).flow(np.stack([x] * 30), seed=1))
        _, i, j, _ = np.nonzero(images)
        assert (set(i), set(j)) == (rows, columns)


def test_change_is_about_the_center():
    x = np.arange(5.0)[:, None, None] * 10 + np.arange(8.0)[None, :, None]
    generator = ImageDataGenerator()
    y = generator.apply_transform(x, {"theta": 180})
    np.testing.assert_allclose(y, x[::-1, ::-1], rtol=1e-5, atol=1e-5)
    y = generator.apply_transform(x, {"zx": 0.5, "flip_vertical": True})
    np.testing.assert_allclose(np.diff(y[:, :, 0], axis=1), 0.5, rtol=1e-4)
    np.testing.assert_allclose(y[:, :, 0].mean(axis=1), x[::-1, :, 0].mean(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(generator.random_transform(x, seed=1), x)


def test_arrays_given_are_not_changed():
    x = X.copy()
    generator = ImageDataGenerator(
        preprocessing_function=lambda a: np.multiply(a, 0, out=a), featurewise_center=True
    )
    generator.fit(x)
    next(generator.flow(x))
    np.testing.assert_array_equal(x, X)


def test_batches_can_be_indexed_and_go_on_for_ever():
    batches = ImageDataGenerator().flow(X, Y, batch_size=4, seed=2)
    assert (len(batches), batches.n, batches[2][0].shape) == (3, 11, (3, 9, 9, 3))
    labels = [y for (_, y), _ in zip(batches, range(6), strict=False)]
    first, second = np.concatenate(labels[:3]), np.concatenate(labels[3:])
    assert sorted(first) == sorted(second) == list(range(11))
    assert first.tolist() != second.tolist()
    one, two = batches.next()[1].tolist(), batches.next()[1].tolist()
    batches.reset()
    assert batches.next()[1].tolist() == one != two
    with pytest.raises(IndexError, match="below 3, got 3"):
        batches[3]


def test_two_flows_of_one_seed_draw_the_same():
    generator = ImageDataGenerator(rotation_range=90, horizontal_flip=True)
    flows = [generator.flow(x, seed=4, batch_size=5) for x in (X, 2 * X)]
    for _ in range(5):
        a, b = next(flows[0]), next(flows[1])
        np.testing.assert_allclose(2 * a, b, rtol=1e-4, atol=1e-3)


def test_weights_and_subsets():
    generator = ImageDataGenerator(validation_split=0.3)
    x, _, weights = next(
        generator.flow(X, Y % 2, sample_weight=Y / 10, subset="validation", shuffle=False)
    )
    np.testing.assert_array_equal(x, X[:3])
    np.testing.assert_allclose(weights, [0, 0.1, 0.2])
    assert generator.flow(X, Y % 2, subset="training").n == 8
    with pytest.raises(ValueError, match="the same labels in both subsets; shuffle x and y"):
        generator.flow(X, Y, subset="training")
    assert generator.flow(X, Y, subset="training", ignore_class_split=True).n == 8
    assert next(generator.flow(X, batch_size=None)).shape == X.shape


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("PIL")
    for name, count in (("cats", 5), ("dogs", 4)):
        (tmp_path / name).mkdir()
        for i in range(count):
            pixels = np.full((4, 6, 3), 20 * i + 100 * (name == "dogs"))
            save_img(tmp_path / name / f"{i}.png", pixels, scale=False)
    return tmp_path


@pytest.mark.parametrize(
    ("class_mode", "expected"),
    [
        ("categorical", [[1, 0]] * 5 + [[0, 1]] * 4),
        ("binary", [0] * 5 + [1] * 4),
        ("sparse", [0] * 5 + [1] * 4),
    ],
)
def test_folder_gives_labels(folder, class_mode, expected, capsys):
    batches = ImageDataGenerator(rescale=0.5).flow_from_directory(
        folder, target_size=(3, 5), class_mode=class_mode, shuffle=False
    )
    assert capsys.readouterr().out == "Found 9 images belonging to 2 classes.\n"
    x, y = next(batches)
    assert (x.shape, batches.image_shape) == ((9, 3, 5, 3), (3, 5, 3))
    np.testing.assert_array_equal(x[:, 0, 0, 0], [0, 10, 20, 30, 40, 50, 60, 70, 80])
    np.testing.assert_array_equal(y, expected)
    assert y.dtype == np.float32
    assert batches.class_indices == {"cats": 0, "dogs": 1}
    assert (batches.samples, batches.num_classes) == (9, 2)
    assert batches.classes.tolist() == [0] * 5 + [1] * 4
    assert batches.filenames[-1] == os.path.join("dogs", "3.png")
    assert batches.filepaths[-1] == os.path.join(folder, "dogs", "3.png")


def test_folder_without_labels_in_grey_and_with_itself(folder):
    options = {"target_size": (2, 2), "color_mode": "grayscale"}
    x = next(ImageDataGenerator().flow_from_directory(folder, class_mode=None, **options))
    assert x.shape == (9, 2, 2, 1)
    x, y = next(ImageDataGenerator().flow_from_directory(folder, class_mode="input", **options))
    np.testing.assert_array_equal(x, y)


def test_subsets_of_a_folder_are_of_each_class(folder):
    generator = ImageDataGenerator(validation_split=0.4)
    train = generator.flow_from_directory(folder, subset="training", classes=["dogs", "cats"])
    validation = generator.flow_from_directory(folder, subset="validation")
    assert np.bincount(train.labels).tolist() == [3, 3]
    assert [os.path.basename(name) for name in validation.filenames] == ["0.png", "1.png", "0.png"]


def test_pictures_that_are_made_may_be_kept(folder, tmp_path_factory):
    kept = tmp_path_factory.mktemp("kept")
    batches = ImageDataGenerator().flow(X, save_to_dir=kept, save_prefix="aug", batch_size=3)
    next(batches)
    assert len(list(kept.glob("aug_*.png"))) == 3


def test_table_names_the_files(folder, capsys):
    table = {
        "file": ["cats/0.png", "dogs/2.png", "cats/9.png", "cats/3.png"],
        "kind": ["b", "a", "a", "b"],
        "height": [1.5, 2.5, 3.5, 4.5],
    }
    options = {"x_col": "file", "target_size": (2, 2), "shuffle": False}
    with pytest.warns(UserWarning, match=r"left out 1 files, such as .*9\.png"):
        batches = ImageDataGenerator().flow_from_dataframe(
            table, folder, y_col="kind", weight_col="height", **options
        )
    assert capsys.readouterr().out == "Found 3 validated image filenames belonging to 2 classes.\n"
    x, y, weights = next(batches)
    assert x[:, 0, 0, 0].tolist() == [0, 140, 60]
    assert y.tolist() == [[0, 1], [1, 0], [0, 1]]
    assert weights.tolist() == [1.5, 2.5, 4.5]
    table["file"][2] = "cats/4.png"
    flow = ImageDataGenerator().flow_from_dataframe
    _, y = next(flow(table, folder, y_col="height", class_mode="raw", **options))
    assert y.tolist() == [1.5, 2.5, 3.5, 4.5]
    _, y = next(flow(table, folder, y_col=["height", "height"], class_mode="raw", **options))
    assert y.shape == (4, 2)
    only = flow(table, folder, y_col="kind", classes=["b"], class_mode="binary", **options)
    assert only.filenames == ["cats/0.png", "cats/3.png"]
    assert next(flow(table, folder, class_mode=None, **options)).shape == (4, 2, 2, 3)


def test_model_takes_the_batches(folder):
    utils.set_random_seed(1)
    generator = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True)
    model = models.Sequential([layers.Flatten(), layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    options = {"target_size": (4, 5), "class_mode": "binary", "batch_size": 4}
    train = generator.flow_from_directory(folder, **options)
    history = model.fit(train, epochs=2, validation_data=train, verbose=0)
    assert len(history.history["val_loss"]) == 2
    ordered = generator.flow_from_directory(folder, shuffle=False, **options)
    next(ordered)  # predict begins with the first batch all the same
    predicted = model.predict(ordered, verbose=0)[:, 0] > 0.5
    accuracy = model.evaluate(ordered, verbose=0)[1]
    assert accuracy == pytest.approx((predicted == ordered.classes).mean())


def test_whitened_pixels_vary_each_for_itself():
    images = np.random.default_rng(0).normal(size=(50, 2, 3, 1)) @ np.array([[3.0, 1.0]])  # 2 alike
    images += np.random.default_rng(1).normal(size=images.shape)
    generator = ImageDataGenerator(zca_whitening=True, featurewise_std_normalization=True)
    generator.fit(images)
    batch = next(generator.flow(images, batch_size=50, shuffle=False))
    rows = batch.reshape(50, 12)
    np.testing.assert_allclose(rows.T @ rows / 50, np.eye(12), atol=1e-4)
    assert abs(np.corrcoef(images.reshape(50, 12).T) - np.eye(12)).max() > 0.5
    # Of all such turns, the one that leaves images most like themselves: a symmetric matrix.
    matrix = generator.zca_whitening_matrix
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-5)
    assert batch.dtype == np.float32


def test_what_was_not_fitted_is_warned_of():
    with pytest.warns(UserWarning, match=r"featurewise_center: call fit\(x\) first"):
        next(ImageDataGenerator(featurewise_center=True).flow(X))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ImageDataGenerator(zoom_range=(1, 2, 3)), "zoom_range as two numbers"),
        (lambda: ImageDataGenerator(brightness_range=(1,)), "brightness_range as two"),
        (lambda: ImageDataGenerator(validation_split=1.5), "validation_split from 0 to 1"),
        (lambda: ImageDataGenerator(data_format="channels_first"), "'channels_last'"),
        (lambda: ImageDataGenerator(fill_mode="mirror"), "fill_mode"),
        (lambda: ImageDataGenerator().flow(X[0]), r"images \(N, H, W, C\), got \(9, 9, 3\)"),
        (lambda: ImageDataGenerator().flow(X, Y[:3]), "11 in y, got 3"),
        (lambda: ImageDataGenerator().flow(X, Y, sample_weight=[1]), "11 in sample_weight"),
        (lambda: ImageDataGenerator().flow(X, subset="test"), "subset 'training' or 'validation'"),
        (lambda: ImageDataGenerator().fit(X[0]), "images"),
    ],
)
def test_generator_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_folder_refuses_other_modes(folder):
    for options in ({"class_mode": "multi"}, {"color_mode": "bgr"}, {"classes": ["birds"]}):
        with pytest.raises(ValueError, match=r"expected (class_mode|color_mode|class_names)"):
            ImageDataGenerator().flow_from_directory(folder, **options)


def test_names_are_those_of_utils():
    assert preprocessing.image.load_img is utils.load_img
    assert preprocessing.sequence.pad_sequences is utils.pad_sequences
    assert preprocessing.image_dataset_from_directory is utils.image_dataset_from_directory
    assert preprocessing.timeseries_dataset_from_array is utils.timeseries_dataset_from_array
