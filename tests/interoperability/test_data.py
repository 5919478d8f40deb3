"""What people put into ``fit``, made by the library itself: each trains like NumPy's arrays.

The rows are those of the tables in docs/interoperability-data.md.
"""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import Sequential, layers
from minigrad.utils.batches import Batches

N = 24
X = np.random.default_rng(5).integers(-3, 4, (N, 4)).astype("float32")  # exact in every type
Y = np.random.default_rng(6).integers(0, 9, N).astype("float32")
PAGE = Path(__file__).parents[2] / "docs" / "interoperability-data.md"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the libraries'


def network(shape=(4,)):
    minigrad.utils.set_random_seed(1)
    model = Sequential([layers.Input(shape), layers.Flatten(), layers.Dense(3, "relu")])
    model.add(layers.Dense(1))
    model.compile(minigrad.optimizers.SGD(0.01), "mse")
    return model


def trained(x, y=None, shape=(4,), **options):
    """The hash of the weights after two epochs, and the predictions."""
    model = network(shape)
    options = {"batch_size": 5} | options if y is not None else options
    model.fit(x, y, epochs=2, verbose=0, **options)
    return model.weights_hash(), model.predict(x, verbose=0).tobytes()


@pytest.fixture(scope="module")
def expected():
    return trained(X, Y)


@pytest.fixture(scope="module")
def expected_in_order():
    return trained(X, Y, shuffle=False)


# --- arrays and what stands for them -------------------------------------------------------------


def in_pandas(library):
    pandas = library("pandas")
    table = pandas.DataFrame(X, columns=list("abcd"))
    return table, pandas.Series(Y)


def in_mixed_columns(library):
    table, y = in_pandas(library)
    return table.astype({"a": "int8", "b": "Int64", "c": "Float32", "d": "category"}), y.to_frame()


def in_sparse(name):
    def make(library):
        return getattr(library("scipy.sparse"), name)(X), Y

    return make


def in_torch(library):
    torch = library("torch")
    return torch.tensor(X), torch.tensor(Y)


def in_torch_half(library):
    torch = library("torch")
    return torch.tensor(X).half(), torch.tensor(Y).long()


def in_tensorflow(library):
    tensorflow = library("tensorflow")
    return tensorflow.constant(X), tensorflow.Variable(Y)


def in_hdf5(library, folder):
    h5py = library("h5py")
    with h5py.File(folder / "data.h5", "w") as file:
        file["x"], file["y"] = X.astype("int8"), Y
    file = h5py.File(folder / "data.h5")
    return file["x"], file["y"]


def in_memory_map(library, folder):
    np.save(folder / "x.npy", X)
    return np.load(folder / "x.npy", mmap_mode="r"), Y


ARRAYS = {
    "pandas": in_pandas,
    "mixed columns": in_mixed_columns,
    **{f"scipy {name}": in_sparse(name) for name in (
        "csr_matrix", "csc_matrix", "coo_matrix", "lil_matrix", "dok_matrix", "bsr_matrix",
        "csr_array", "coo_array",
    )},
    "torch": in_torch,
    "torch half": in_torch_half,
    "tensorflow": in_tensorflow,
    "hdf5": in_hdf5,
    "memory map": in_memory_map,
}  # fmt: skip


@pytest.mark.parametrize("kind", ARRAYS)
def test_each_kind_trains_like_arrays(library, tmp_path, expected, kind):
    make = ARRAYS[kind]
    x, y = make(library, tmp_path) if kind in ("hdf5", "memory map") else make(library)
    assert trained(x, y) == expected
    split = {"validation_split": 0.25, "class_weight": {0: 2.0}}
    assert trained(x, y, **split) == trained(X, Y, **split)
    assert network().evaluate(x, y, verbose=0) == network().evaluate(X, Y, verbose=0)


def test_dummies_of_pandas_are_numbers(library):
    pandas = library("pandas")
    table = pandas.DataFrame({"age": X[:, 0], "sex": np.where(X[:, 1] > 0, "m", "f")})
    table = pandas.get_dummies(table).assign(many=X[:, 2] > 1)
    assert [str(kind) for kind in table.dtypes] == ["float32", "bool", "bool", "bool"]
    rows = np.stack([X[:, 0], X[:, 1] <= 0, X[:, 1] > 0, X[:, 2] > 1], axis=1).astype("float32")
    assert trained(table, pandas.Series(Y)) == trained(rows, Y)
    assert trained(table.iloc[:, 1:], Y, (3,)) == trained(rows[:, 1:], Y, (3,))


# --- iterables of batches ------------------------------------------------------------------------


def as_tf_data(library):
    tensorflow = library("tensorflow")
    return tensorflow.data.Dataset.from_tensor_slices((X, Y)).batch(5).prefetch(1)


def as_tf_data_of_unknown_length(library):
    pairs = library("tensorflow").data.Dataset.from_tensor_slices((X, Y))
    return pairs.filter(lambda x, y: y > -1).batch(5)


def as_loader(library):
    data = library("torch.utils.data")
    return data.DataLoader(data.TensorDataset(*in_torch(library)), batch_size=5)


def as_loader_with_a_worker(library):
    data = library("torch.utils.data")
    return data.DataLoader(data.TensorDataset(*in_torch(library)), batch_size=5, num_workers=1)


def as_keras_dataset(library):
    class Own(library("keras").utils.PyDataset):
        begun = ended = 0

        def __len__(self):
            return 5

        def __getitem__(self, i):
            return X[5 * i : 5 * i + 5], Y[5 * i : 5 * i + 5]

        def on_epoch_begin(self):
            self.begun += 1

        def on_epoch_end(self):
            self.ended += 1

    return Own(workers=1)


ITERABLES = {
    "tf.data": as_tf_data,
    "tf.data of unknown length": as_tf_data_of_unknown_length,
    "DataLoader": as_loader,
    "DataLoader with a worker": as_loader_with_a_worker,
    "PyDataset of Keras": as_keras_dataset,
}


@pytest.mark.parametrize("kind", ITERABLES)
def test_each_iterable_trains_like_arrays(library, expected_in_order, kind):
    batches = ITERABLES[kind](library)
    assert trained(batches, shuffle=False) == expected_in_order
    measured = network().evaluate(batches, verbose=0)
    assert measured == network().evaluate(X, Y, batch_size=5, verbose=0)


def test_hooks_of_a_keras_dataset_are_called_once_an_epoch(library):
    train, validation = as_keras_dataset(library), as_keras_dataset(library)
    network().fit(train, epochs=3, validation_data=validation, verbose=0)
    assert (train.begun, train.ended, validation.begun, validation.ended) == (3, 3, 3, 3)


def test_endless_tf_data_ends_with_its_steps(library):
    endless = as_tf_data(library).repeat()
    history = network().fit(endless, steps_per_epoch=3, epochs=2, verbose=0).history
    assert len(history["loss"]) == 2


# --- pictures ------------------------------------------------------------------------------------


def pictures(library, mode="L", size=(6, 5)):
    image = library("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (N, size[1], size[0]), dtype="uint8")
    return [image.fromarray(each).convert(mode) for each in pixels]


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 4), ("F", 1)])
def test_a_list_of_pictures_is_a_batch_of_images(library, mode, channels):
    images = pictures(library, mode)
    pixels = np.stack([np.asarray(each) for each in images]).reshape(N, 5, 6, channels)
    assert trained(images, Y, (5, 6, channels)) == trained(pixels, Y, (5, 6, channels))
    ((x, y, _),) = Batches({"a": tuple(images), "b": X}, images, batch_size=N).epoch()
    np.testing.assert_array_equal(x["a"], pixels)
    np.testing.assert_array_equal(y, pixels)


def test_pictures_that_differ_are_refused_by_their_place(library):
    images = pictures(library)
    other = images[3].resize((7, 5))
    with pytest.raises(ValueError, match=r"expected images of size \(6, 5\) and mode 'L', as the f"
                       r"irst, got \(7, 5\), 'L' in x\[3\]; write image.resize"):  # fmt: skip
        Batches([*images[:3], other], Y[:4])
    with pytest.raises(ValueError, match=r"got \(6, 5\), 'RGB' in x\[1\]"):
        Batches([images[0], images[1].convert("RGB")])
    with pytest.raises(ValueError, match=r"colors by their numbers in x\[0\].*convert\('RGB'\)"):
        Batches([image.convert("P") for image in images])
    with pytest.raises(ValueError, match=r"got a single image; write \[x\]"):
        Batches(images[0])
    palette = [image.convert("P") for image in images]
    assert Batches(X, palette).num_samples == N  # masks: the numbers are the classes


# --- files that are larger than the memory -------------------------------------------------------

ROWS, COLUMNS = 200_000, 100_000  # of 4 bytes: 80 GB, of which the files hold nothing


def large_hdf5(library, folder):
    file = library("h5py").File(folder / "large.h5", "w")
    x = file.create_dataset("x", (ROWS, COLUMNS), "f4", chunks=(1, 1000))
    return x, file.create_dataset("y", (ROWS,), "f4", chunks=(1000,))


def large_memory_map(library, folder):
    x = np.memmap(folder / "large", np.float32, "w+", shape=(ROWS, COLUMNS))
    return x, np.zeros(ROWS, "f4")


@pytest.mark.parametrize("make", [large_hdf5, large_memory_map])
def test_files_are_read_batch_by_batch(library, tmp_path, monkeypatch, make):
    h5py, read = library("h5py"), []
    original = h5py.Dataset.__getitem__

    def reading(self, rows, *others):
        found = original(self, rows, *others)
        read.append(found.shape[0])
        return found

    def read_all(self, *arguments, **options):
        raise AssertionError("all of it was asked for")

    monkeypatch.setattr(h5py.Dataset, "__getitem__", reading)
    monkeypatch.setattr(h5py.Dataset, "__array__", read_all)
    x, y = make(library, tmp_path)
    model = Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    options = {"batch_size": 3, "verbose": 0}
    for shuffle in (True, False):
        model.fit(x, y, steps_per_epoch=2, validation_split=0.5, validation_steps=1,
                  shuffle=shuffle, **options)  # fmt: skip
    model.evaluate(x, y, steps=2, **options)
    assert model.predict(x, steps=2, **options).shape == (6, 1)
    if make is large_hdf5:
        assert set(read) == {3}


def test_rows_of_hdf5_come_in_the_order_asked_for(library, tmp_path):
    x, _ = in_hdf5(library, tmp_path)
    order = np.random.default_rng(1).permutation(N)
    ((batch, _, _),) = Batches(x, batch_size=N, generator=np.random.default_rng(1)).epoch()
    np.testing.assert_array_equal(batch, X[order])
    assert batch.dtype == np.int8  # as stored; the model converts


# --- what cannot be ------------------------------------------------------------------------------


def refused(library, name):
    """The data of a row of the page's table, its error and the message."""
    pandas = library("pandas") if name.startswith("pandas") else None
    if pandas:
        column = {
            "pandas text": ["a", "b", "c"],
            "pandas category": pandas.Categorical(["a", "b", "a"]),
            "pandas missing": pandas.array([1, None, 2], "Int64"),
            "pandas dates": pandas.date_range("2020-01-01", periods=3),
            "pandas durations": pandas.to_timedelta([1, 2, 3]),
            "pandas labels": ["a", "b", "c"],
            "pandas months": pandas.period_range("2020-01", periods=3, freq="M"),
            "pandas fractions": [Fraction(1, 2), Fraction(1, 3), Fraction(2)],
        }[name]
        table = pandas.DataFrame({"size": [1.0, 2.0, 3.0], "kind": column})
        return (table[["size"]], table["kind"]) if name == "pandas labels" else (table,)
    if name.startswith("torch"):
        torch = library("torch")
        x = torch.ones(3, 2)
        data = library("torch.utils.data").TensorDataset(x)
        made = {"torch gradient": x.clone().requires_grad_(), "torch bfloat16": x.bfloat16(),
                "torch sparse": x.to_sparse(), "torch Dataset": data,
                "torch Parameter": torch.nn.Parameter(x)}  # fmt: skip
        return (made[name],)
    if name.startswith("tf"):
        tensorflow = library("tensorflow")
        ragged = tensorflow.ragged.constant([[1.0, 2.0], [3.0]])
        made = {
            "tf text": tensorflow.constant(["a"]),
            "tf bfloat16": tensorflow.ones((3, 2), "bfloat16"),
            "tf ragged": ragged,
            "tf ragged batches": tensorflow.data.Dataset.from_tensors((ragged, [1.0, 2.0])),
            "tf sparse": tensorflow.sparse.from_dense([[1.0, 0.0]]),
        }
        return (made[name],)
    if name == "complex":
        return (np.ones((3, 2)) * 1j,)
    if name == "sparse complex":
        return (library("scipy.sparse").csr_array(np.ones((3, 2)) * 1j),)
    if name == "masked":
        return (np.ma.masked_array(np.ones((3, 2)), [[0, 1]] * 3),)
    if name == "rows":
        return ([[1, 2], [1, 2, 3]],)
    return (np.zeros(3, [("a", "f4"), ("b", "f4")]),)


REFUSED = {
    "pandas text": (TypeError, "got 'a' in column 'kind' among them; one-hot columns"),
    "pandas category": (TypeError, "got 'a' in column 'kind' among them; one-hot columns"),
    "pandas missing": (TypeError, "got <NA> in column 'kind' among them; fill or drop"),
    "pandas dates": (TypeError, "got Timestamp(.*) in column 'kind' among them; count the days"),
    "pandas durations": (TypeError, "got Timedelta(.*) in column 'kind' among them; write x / np."),
    "pandas months": (TypeError, "in column 'kind' among them; write x.dt.to_timestamp(), and"),
    "pandas fractions": (TypeError, "in column 'kind' among them; write x.astype(float)"),
    "pandas labels": (TypeError, "y: .* got 'a' in column 'kind' among them; number them"),
    "torch gradient": (TypeError, "x: .* got torch's Tensor .*; write x.detach()"),
    "torch bfloat16": (TypeError, "x: .* got torch's Tensor .*; write x.detach().to_dense().float"),
    "torch sparse": (TypeError, "x: .* got torch's Tensor .*; write x.detach().to_dense()"),
    "torch Parameter": (TypeError, "x: .* got torch's Parameter .*; write x.detach()"),
    "torch Dataset": (ValueError, "got samples of a TensorDataset; write DataLoader(x, batch_size"),
    "tf text": (TypeError, "x: expected an array of numbers, got b'a' among them"),
    "tf bfloat16": (TypeError, "got bfloat16 among them; bring it to float32 first"),
    "tf ragged": (ValueError, "got a RaggedTensor; write x.to_tensor()"),
    "tf ragged batches": (TypeError, "got tensorflow's RaggedTensor .*; write x.to_tensor()"),
    "tf sparse": (ValueError, "got a SparseTensor; write tf.sparse.to_dense(x)"),
    "complex": (TypeError, "got complex128 among them; make real columns"),
    "sparse complex": (TypeError, "x: .* got complex128 among them; make real columns"),
    "masked": (TypeError, "x: expected an array of numbers, got masked ones; write x.filled(0)"),
    "rows": (ValueError, "x: expected samples of one shape, got several; bring the samples"),
    "named fields": (TypeError, "among them; write numpy.lib.recfunctions.structured_to_unstruct"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_named_with_its_cure(library, name):
    error, message = REFUSED[name]
    message = re.escape(message).replace(r"\.\*", ".*")
    with pytest.raises(error, match=message):
        list(Batches(*refused(library, name)).epoch())


@pytest.mark.parametrize("kind", ["M8[D]", "m8[s]"])
def test_arrays_of_dates_are_refused_by_their_column(library, kind):
    dates = np.arange(3).astype(kind)[:, None]
    with pytest.raises(TypeError, match=rf"got {kind[:2].replace('8', '')}?.*among them; "):
        Batches(dates)
    table = library("pandas").DataFrame({"when": dates[:, 0].astype(f"{kind[:2]}[ns]")})
    with pytest.raises(TypeError, match=r"in column 'when' among them; .*np.timedelta64"):
        Batches(table)


def test_open_files_are_refused_with_the_names_in_them(library, tmp_path):
    np.savez(tmp_path / "data.npz", x_train=X, y_train=Y)
    with (
        np.load(tmp_path / "data.npz") as file,
        pytest.raises(ValueError, match=r"the file of 'x_train', 'y_train'; write x\['x_train'\]"),
    ):
        Batches(file)
    x, _ = in_hdf5(library, tmp_path)
    with pytest.raises(ValueError, match=r"the file of 'x', 'y'; write x\['x'\]"):
        Batches(x.file)
    x.file.close()
    with pytest.raises(ValueError, match="x: expected an open file, got a closed one"):
        Batches(x)
    with library("h5py").File(tmp_path / "text.h5", "w") as file:
        file["names"] = ["a", "b"]
        with pytest.raises(TypeError, match="got b'a' among them; one-hot"):
            Batches(file["names"])


def test_the_page_has_a_row_for_each_kind():
    text = PAGE.read_text(encoding="utf-8")
    kinds = (
        "pandas.DataFrame", "pandas.get_dummies(table)", "scipy.sparse", "PIL.Image",
        "torch.Tensor", "tf.Tensor", "h5py.Dataset", "np.memmap", "tf.data.Dataset",
        "torch.utils.data.DataLoader", "keras.utils.PyDataset",
    )  # fmt: skip
    missing = [kind for kind in kinds if not re.search(rf"^\| .*`{re.escape(kind)}", text, re.M)]
    assert not missing
