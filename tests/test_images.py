"""Pictures: files and arrays, other sizes, data sets of folders; compared with Keras."""

import io
import os
import sys

import numpy as np
import pytest

from minigrad import Tensor, layers, models, utils
from minigrad.testing import check_gradients
from minigrad.utils import images
from minigrad.utils.images import INTERPOLATIONS, resize, smart_resize

Image = pytest.importorskip("PIL.Image")
KERAS_WARNS = pytest.mark.filterwarnings("ignore")  # on JAX, of NumPy 2


def picture(height, width, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Twelve pictures of two classes, some in a folder within, and what is not to be read."""
    for name, count in (("cats", 7), ("dogs", 5), (".hidden", 1)):
        (tmp_path / name / "within").mkdir(parents=True)
        for i in range(count):
            where = tmp_path / name / ("within" if i % 2 else "")
            pixels = picture(5 + i, 21 - 2 * i, seed=i + count)
            Image.fromarray(pixels).save(where / f"{i}.{'PNG' if i % 3 else 'bmp'}")
    (tmp_path / "cats" / "notes.txt").write_text("no picture")
    return tmp_path


# --- files and arrays -----------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_picture_comes_back(tmp_path, channels):
    x = picture(5, 7, channels)
    utils.save_img(tmp_path / "a.png", x, scale=False)
    mode = {1: "grayscale", 3: "rgb", 4: "rgba"}[channels]
    y = utils.img_to_array(utils.load_img(tmp_path / "a.png", mode))
    assert (y.dtype, y.flags.writeable) == (np.float32, True)
    np.testing.assert_array_equal(y, x)
    assert utils.img_to_array(Image.open(tmp_path / "a.png"), dtype="uint8").dtype == np.uint8


@KERAS_WARNS
@pytest.mark.parametrize("color_mode", ["grayscale", "rgb", "rgba"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"target_size": (5, 7)},
        {"target_size": (9, 4), "interpolation": "bilinear"},
        {"target_size": (3, 4), "interpolation": "hamming", "keep_aspect_ratio": True},
        {"target_size": (13, 4), "interpolation": "lanczos", "keep_aspect_ratio": True},
    ],
    ids=str,
)
def test_load_img_is_keras(tmp_path, color_mode, options):
    keras = pytest.importorskip("keras")
    for mode in ("RGB", "L", "P", "RGBA", "I;16"):
        pixels = picture(11, 8)[..., 0].astype("uint16") if mode == "I;16" else picture(11, 8)
        image = Image.fromarray(pixels)
        (image if mode == "I;16" else image.convert(mode)).save(tmp_path / "a.png")
        ours = utils.load_img(str(tmp_path / "a.png"), color_mode, **options)
        theirs = keras.utils.load_img(str(tmp_path / "a.png"), color_mode, **options)
        assert (ours.mode, ours.size) == (theirs.mode, theirs.size)
        np.testing.assert_array_equal(np.array(ours), np.array(theirs))


@KERAS_WARNS
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("scale", [True, False])
def test_array_to_img_is_keras(channels, scale):
    keras = pytest.importorskip("keras")
    for x in (np.random.default_rng(1).random((4, 5, channels)) * 255, np.ones((4, 5, channels))):
        ours, theirs = (u.array_to_img(x, scale=scale) for u in (utils, keras.utils))
        assert ours.mode == theirs.mode
        np.testing.assert_allclose(np.array(ours, int), np.array(theirs, int), atol=1)


def test_array_to_img_takes_tensors_and_deep_greys():
    x = np.arange(12.0).reshape(3, 4, 1) * 100
    assert utils.array_to_img(Tensor(x), scale=False).mode == "I"
    assert np.array(utils.array_to_img(Tensor(x)))[-1, -1] == 255


def test_load_img_reads_bytes_and_closes_the_file(tmp_path):
    utils.save_img(tmp_path / "a.jpg", picture(5, 7))
    content = io.BytesIO((tmp_path / "a.jpg").read_bytes())
    assert utils.load_img(content).size == (7, 5)


def test_jpeg_without_transparency_is_warned_of(tmp_path):
    with pytest.warns(UserWarning, match="JPEG has no transparency"):
        utils.save_img(tmp_path / "a.jpg", picture(5, 7, 4))
    assert utils.load_img(tmp_path / "a.jpg").mode == "RGB"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: utils.load_img(f, "cmyk"), "load_img: expected color_mode one of .*'cmyk'"),
        (lambda f: utils.load_img(f, target_size=(2, 2), interpolation="cubic"), "interpolation"),
        (lambda f: utils.array_to_img(np.ones((2, 3))), r"one image \(H, W, C\) .* got \(2, 3\)"),
        (lambda f: utils.array_to_img(np.ones((2, 3, 2))), r"1, 3 or 4 channels, got \(2, 3, 2\)"),
        (lambda f: utils.img_to_array(np.ones(3)), r"2 or 3 axes, got \(3,\)"),
        (lambda f: utils.img_to_array(f, "channels_first"), "data_format 'channels_last'"),
    ],
)
def test_images_refuse(folder, call, message):
    with pytest.raises(ValueError, match=message):
        call(folder / "cats" / "0.bmp")


def test_without_pillow_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    for call in (
        lambda: utils.load_img(folder / "cats" / "0.bmp"),
        lambda: utils.array_to_img(picture(2, 3)),
        lambda: utils.image_dataset_from_directory(folder),
    ):
        with pytest.raises(ImportError, match=r"pip install pillow$"):
            call()


# --- other sizes ----------------------------------------------------------------------------------


@KERAS_WARNS
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("size", [(5, 9), (11, 3), (7, 8), (1, 1), (16, 15)])
def test_resize_is_keras(interpolation, size):
    keras = pytest.importorskip("keras")
    x = picture(7, 8).astype("float32")
    for antialias in (False, True):
        theirs = keras.ops.image.resize(x, size, interpolation, antialias)
        y = resize(x, size, interpolation, antialias)
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, theirs, atol=2e-3)


@KERAS_WARNS
@pytest.mark.parametrize("size", [(5, 9), (11, 3), (1, 20), (7, 8)])
def test_proportions_are_kept_as_in_keras(size):
    keras = pytest.importorskip("keras")
    x = picture(7, 8).astype("float32")
    theirs = keras.preprocessing.image.smart_resize(x, size)
    np.testing.assert_allclose(smart_resize(x, size), theirs, atol=2e-3)
    theirs = keras.ops.image.resize(x, size, pad_to_aspect_ratio=True, fill_value=3.0)
    padded = resize(images.pad_to_aspect(x, size, 3.0), size)
    np.testing.assert_allclose(padded, theirs, atol=2e-3)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_resize_has_a_gradient(interpolation):
    x = np.random.default_rng(2).normal(size=(2, 3, 5, 2))
    check_gradients(lambda t: resize(t, (4, 3), interpolation), x)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_what_is_even_stays_even(interpolation):
    np.testing.assert_allclose(resize(np.full((3, 4, 1), 7.0), (5, 2), interpolation), 7.0)


# --- folders --------------------------------------------------------------------------------------


def read(folder, **options):
    return utils.image_dataset_from_directory(folder, verbose=False, **options)


def test_folder_gives_batches_that_can_be_read_again(folder, capsys):
    dataset = utils.image_dataset_from_directory(folder, image_size=(6, 5), batch_size=5, seed=1)
    assert capsys.readouterr().out == "Found 12 files belonging to 2 classes.\n"
    assert dataset.class_names == ["cats", "dogs"]
    for _ in range(2):
        batches = list(dataset)
        assert [x.shape for x, _ in batches] == [(5, 6, 5, 3), (5, 6, 5, 3), (2, 6, 5, 3)]
        assert {(x.dtype.name, y.dtype.name) for x, y in batches} == {("float32", "int32")}
        labels = np.concatenate([y for _, y in batches])
        expected = ["dogs" in os.path.relpath(path, folder) for path in dataset.file_paths]
        np.testing.assert_array_equal(labels, expected)
    x, y = dataset[2]
    assert type(x.numpy()) is type(y.numpy()) is type(x[0].numpy()) is np.ndarray
    pixels = utils.img_to_array(utils.load_img(dataset.file_paths[-1]))
    np.testing.assert_array_equal(x[-1], resize(pixels, (6, 5)))


@pytest.mark.parametrize(
    ("label_mode", "expected"),
    [
        ("int", [0, 1]),
        ("binary", [[0.0], [1.0]]),
        ("categorical", [[1.0, 0.0], [0.0, 1.0]]),
    ],
)
def test_label_mode(folder, label_mode, expected):
    ((_, y),) = read(folder, label_mode=label_mode, shuffle=False, image_size=3)
    np.testing.assert_array_equal(y[[0, -1]], expected)
    assert y.dtype == ("int32" if label_mode == "int" else "float32")


def test_labels_may_be_given_or_left_out(folder):
    dataset = read(folder / "cats", labels=[3, 1, 3, 4, 1, 3, 3], shuffle=False, image_size=3)
    assert dataset.class_names == ["1", "3", "4"]
    assert next(iter(dataset))[1].tolist() == [3, 1, 3, 4, 1, 3, 3]
    for options in ({"labels": None}, {"label_mode": None}):
        dataset = read(folder, image_size=(2, 3), **options)
        assert (next(iter(dataset)).shape[1:], dataset.class_names) == ((2, 3, 3), None)


def test_classes_may_be_chosen(folder):
    dataset = read(folder, class_names=["dogs"], image_size=3)
    assert len(dataset.file_paths) == 5
    dataset = read(folder, class_names=["dogs", "cats"], image_size=3, shuffle=False)
    assert "dogs" in dataset.file_paths[0]


def test_files_are_in_alphabetical_order_without_shuffling(folder):
    paths = [os.path.relpath(p, folder) for p in read(folder, shuffle=False).file_paths]
    cats = [os.path.join("cats", name) for name in ("0.bmp", "2.PNG", "4.PNG", "6.bmp")]
    cats += [os.path.join("cats", "within", name) for name in ("1.PNG", "3.bmp", "5.PNG")]
    assert paths[:7] == cats


def test_parts_do_not_overlap(folder, capsys):
    options = {"validation_split": 0.3, "seed": 5, "image_size": 3}
    train, validation = utils.image_dataset_from_directory(folder, subset="both", **options)
    printed = capsys.readouterr().out.splitlines()
    assert printed[1:] == ["Using 9 files for training.", "Using 3 files for validation."]
    assert sorted(train.file_paths + validation.file_paths) == sorted(read(folder).file_paths)
    for part, subset in ((train, "training"), (validation, "validation")):
        assert read(folder, subset=subset, **options).file_paths == part.file_paths


def test_same_seed_same_order(folder):
    utils.set_random_seed(3)
    one = read(folder).file_paths
    assert one != read(folder).file_paths
    utils.set_random_seed(3)
    assert read(folder).file_paths == one


@pytest.mark.parametrize("keep", ["crop_to_aspect_ratio", "pad_to_aspect_ratio"])
def test_proportions_may_be_kept(tmp_path, keep):
    x = np.full((4, 12, 3), 200, np.uint8)
    x[:, :4] = x[:, 8:] = 0
    utils.save_img(tmp_path / "a.png", x, scale=False)
    (y,) = read(tmp_path, labels=None, image_size=(12, 12), **{keep: True})
    assert (abs(y - 200) < 1e-3).mean() == pytest.approx(1 if keep.startswith("crop") else 1 / 9)


def test_links_are_followed_on_demand(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    try:
        (other / "link").symlink_to(folder / "cats")
    except OSError:
        pytest.skip("no links here")
    assert len(read(other, labels=None, follow_links=True).file_paths) == 7
    with pytest.raises(ValueError, match="expected a picture"):
        read(other, labels=None)


@KERAS_WARNS
def test_order_is_keras(folder):
    pytest.importorskip("keras")
    from keras.src.utils import dataset_utils

    formats = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
    paths, labels, _ = dataset_utils.index_directory(
        str(folder), "inferred", formats, seed=9, verbose=False
    )
    dataset = read(folder, seed=9, image_size=2)
    assert dataset.file_paths == paths
    np.testing.assert_array_equal(np.concatenate([y for _, y in dataset]), labels)


def test_model_takes_a_folder(folder):
    train, validation = read(
        folder, validation_split=0.4, subset="both", seed=1, image_size=(4, 5), batch_size=3
    )
    utils.set_random_seed(1)
    model = models.Sequential(
        [layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(2, activation="softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    augment = layers.RandomFlip("horizontal")
    train = train.cache().shuffle(100).map(lambda x, y: (augment(x, training=True), y)).prefetch(1)
    history = model.fit(train, validation_data=validation, epochs=2, verbose=0)
    assert len(history.history["val_accuracy"]) == 2
    y = np.concatenate([y for _, y in validation])
    accuracy = (model.predict(validation, verbose=0).argmax(axis=1) == y).mean()
    assert accuracy == pytest.approx(history.history["val_accuracy"][-1])
    assert model.evaluate(validation, verbose=0)[1] == pytest.approx(accuracy)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": "given"}, "labels 'inferred', None or a list, got 'given'"),
        ({"labels": [0, 1]}, "expected 13 labels, one a file, got 2"),
        ({"labels": [0] * 13, "class_names": ["a"]}, "class_names only with labels 'inferred'"),
        ({"class_names": ["birds"]}, r"among the folders \['cats', 'dogs'\], got \['birds'\]"),
        ({"label_mode": "float"}, "label_mode 'int', 'categorical', 'binary' or None"),
        ({"label_mode": "binary", "class_names": ["cats"]}, "two classes for 'binary' labels"),
        ({"color_mode": "bgr"}, "color_mode one of"),
        ({"image_size": (2, 3, 4)}, "image_size"),
        ({"interpolation": "area"}, "interpolation one of .*'bilinear'.*, got 'area'"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "got both"),
        ({"data_format": "channels_first"}, "'channels_last'"),
        ({"validation_split": 0.2}, "validation_split and subset, or none"),
        ({"subset": "both"}, "validation_split and subset, or none"),
        ({"validation_split": 0.2, "subset": "test"}, "'training', 'validation' or 'both'"),
        ({"validation_split": 1.2, "subset": "both"}, "from 0 to 1, got 1.2"),
        ({"validation_split": 0.2, "subset": "both"}, "a seed, so that the parts do not overlap"),
        ({"validation_split": 0.01, "subset": "both", "seed": 1}, "for validation, got none in"),
        ({"batch_size": 0}, "batch_size as a whole number of at least 1"),
    ],
)
def test_folder_refuses(folder, options, message):
    with pytest.raises(ValueError, match=message):
        read(folder, **options)
