"""Weight files: saving and loading, whole or not at all, and every mismatch in one error."""

import os
import pickle
import sys
import zipfile

import numpy as np
import pytest

from minigrad import Input, Model, Parameter, Sequential, layers
from minigrad.saving import formats, keys, weights
from minigrad.utils import clear_session

try:
    import h5py
except ImportError:
    h5py = None

try:
    import safetensors.numpy
except ImportError:
    safetensors = None

needs_h5py = pytest.mark.skipif(h5py is None, reason="h5py is not installed")
needs_safetensors = pytest.mark.skipif(safetensors is None, reason="it is not installed")
ENDINGS = [
    ".npz",
    pytest.param(".weights.h5", marks=needs_h5py),
    pytest.param(".safetensors", marks=needs_safetensors),
]


def network(seed=1, units=3):
    """A built model with random weights."""
    stack = [
        Input((5, 4, 1)),
        layers.Conv2D(2, 3, name="first"),
        layers.BatchNormalization(),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(units),
        layers.Dense(4, name="dense_1"),
    ]
    model = Sequential(stack)
    generator = np.random.default_rng(seed)
    for weight in weights_of(model):
        weight.assign(generator.normal(size=weight.shape))
    return model


def weights_of(model):
    return model.weights


def keys_of(model):
    return keys.find_keys(keys.find_places(model), by_name=True).items()


def values_of(stack):
    return [weight.data.copy() for weight in weights_of(stack)]


def assert_same(actual, expected):
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(a, b)


# --- saving and loading --------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_weights_come_back_as_they_went(ending, tmp_path):
    saved, loaded = network(seed=1), network(seed=2)
    path = tmp_path / f"weights{ending}"
    weights.save_weights(saved, path)
    identities = [id(weight.data) for weight in weights_of(loaded)]
    weights.load_weights(loaded, path)
    assert_same(values_of(loaded), values_of(saved))
    assert [id(weight.data) for weight in weights_of(loaded)] == identities  # optimizers hold them
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("ending", ENDINGS)
def test_arrays_come_back_as_they_went(ending, tmp_path):
    arrays = {
        "optimizer/iterations": np.int64(2**60),
        "dense/kernel": np.arange(6.0).reshape(2, 3).T,  # not C-contiguous
        "file": np.zeros((0, 3), np.float32),
        "umlaut/ä": np.float32(0.1),
    }
    path = str(tmp_path / f"state{ending}")
    formats.save_arrays(path, arrays)
    loaded = formats.load_arrays(path)
    assert set(loaded) == set(arrays)
    for key, array in arrays.items():
        assert loaded[key].dtype == array.dtype
        np.testing.assert_array_equal(loaded[key], array)


def test_npz_opens_with_numpy_by_places_and_names_of_parameters(tmp_path):
    stack = network()
    weights.save_weights(stack, tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as arrays:
        assert arrays.files == [
            "layers/conv2d/kernel",
            "layers/conv2d/bias",
            "layers/batch_normalization/gamma",
            "layers/batch_normalization/beta",
            "layers/batch_normalization/moving_mean",
            "layers/batch_normalization/moving_variance",
            "layers/dense/kernel",
            "layers/dense/bias",
            "layers/dense_1/kernel",
            "layers/dense_1/bias",
        ]
        assert_same([arrays[key] for key in arrays.files], values_of(stack))


def test_npz_names_weights_by_the_attributes_that_lead_to_them(tmp_path):
    class Net(Model):
        def __init__(self):
            super().__init__()
            self.blocks = [layers.Dense(2, use_bias=False), {"a": layers.Dense(2, use_bias=False)}]
            self.out = Sequential([layers.Dense(2, use_bias=False)])
            self.scale = Parameter(np.ones(2))
            self.shifts = [Parameter(np.ones(2)), Parameter(np.zeros(2))]

        def call(self, x):
            return self.out(self.blocks[1]["a"](self.blocks[0](x)))

    net = Net()
    net.build((None, 3))
    net.save_weights(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as arrays:
        own = {"scale", "weight", "weight_1"}
        inner = {
            "blocks/dense/kernel",
            "blocks/container/dense/kernel",
            "layers/sequential/layers/dense/kernel",
        }
        assert set(arrays.files) == own | inner


def test_npz_written_by_numpy_is_read(tmp_path):
    stack = network()
    arrays = {key: weight.data * 2 for key, weight in keys_of(stack)}
    np.savez_compressed(tmp_path / "w.npz", **arrays)
    weights.load_weights(stack, tmp_path / "w.npz")
    assert_same(values_of(stack), arrays.values())


def test_npz_of_the_same_weights_has_the_same_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        weights.save_weights(network(), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@needs_h5py
def test_h5_has_the_layout_of_keras(tmp_path):
    stack = network()
    weights.save_weights(stack, tmp_path / "w.weights.h5")
    groups, datasets = {}, {}

    def collect(key, item):
        if isinstance(item, h5py.Dataset):
            datasets[key] = item[()]
        else:
            groups[key] = dict(item.attrs)

    with h5py.File(tmp_path / "w.weights.h5") as file:
        file.visititems(collect)
    # As listed from a file of Keras 3.15.1: groups by class, numbered, the layer's name within.
    names = ["conv2d", "batch_normalization", "flatten", "dropout", "dense", "dense_1"]
    assert set(groups) == {"layers", "vars", *(f"layers/{name}" for name in names)} | {
        f"layers/{name}/vars" for name in names
    }
    assert groups["layers/conv2d/vars"] == {"name": "first"}
    expected = [
        f"layers/{name}/vars/{position}"
        for name, count in (("conv2d", 2), ("batch_normalization", 4), ("dense", 2), ("dense_1", 2))
        for position in range(count)
    ]
    assert set(datasets) == set(expected)
    assert_same([datasets[key] for key in expected], values_of(stack))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_there_may_stay(ending, tmp_path):
    path = tmp_path / f"w{ending}"
    path.write_bytes(b"before")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        weights.save_weights(network(), path, overwrite=False)
    assert path.read_bytes() == b"before"


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_state_of_an_optimizer_is_passed_over(ending, tmp_path):
    saved, loaded = network(seed=1), network(seed=2)
    path = tmp_path / f"w{ending}"
    weights.save_weights(saved, path)
    arrays = formats.load_arrays(path)
    formats.save_arrays(path, arrays | {"optimizer/vars/0": np.int64(7)})
    weights.load_weights(loaded, path)
    assert_same(values_of(loaded), values_of(saved))


def test_float16_and_float64_files_are_converted(tmp_path):
    stack = network()
    arrays = {key: weight.data.astype(np.float16) for key, weight in keys_of(stack)}
    arrays["layers/conv2d/bias"] = np.float64([0.1, 0.2])
    formats.save_arrays(tmp_path / "w.npz", arrays)
    weights.load_weights(stack, tmp_path / "w.npz")
    assert all(weight.dtype == np.float32 for weight in weights_of(stack))
    assert_same(values_of(stack), [array.astype(np.float32) for array in arrays.values()])


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">f2", "<f4"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_weights_in_either_order_of_bytes_are_loaded(ending, dtype, tmp_path):
    saved, loaded = network(seed=1), network(seed=2)
    path = tmp_path / f"w{ending}"
    weights.save_weights(saved, path)
    arrays = formats.load_arrays(path)
    formats.save_arrays(path, {key: array.astype(dtype) for key, array in arrays.items()})
    weights.load_weights(loaded, path)
    expected = [value.astype(dtype).astype(np.float32) for value in values_of(saved)]
    assert_same(values_of(loaded), expected)
    assert all(weight.dtype == np.float32 for weight in weights_of(loaded))


# --- files of Keras 2 ----------------------------------------------------------------------------


def write_keras_2(path, stack, whole=False, chunk=None):
    """Write a list of layers as Keras 2 does; `whole`: as a whole model. The names are Keras's."""
    with h5py.File(path, "w") as file:
        top = file.create_group("model_weights") if whole else file
        if whole:
            file.create_group("optimizer_weights")["iterations:0"] = np.int64(7)
        names = [f"their_{i}".encode() for i in range(len(stack))]
        if chunk is None:
            top.attrs["layer_names"] = names
        else:
            for i in range(0, len(names), chunk):
                top.attrs[f"layer_names{i // chunk}"] = names[i : i + chunk]
        for name, layer in zip(names, stack, strict=True):
            group = top.create_group(name)
            keys = [f"{name.decode()}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = [key.encode() for key in keys]
            for key, weight in zip(keys, layer.weights, strict=True):
                group[key] = weight.data


@needs_h5py
@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5"])
@pytest.mark.parametrize("options", [{}, {"whole": True}, {"chunk": 2}])
def test_files_of_keras_2_are_read_in_the_order_of_the_layers(tmp_path, name, options):
    saved, loaded = network(seed=1), network(seed=2)
    write_keras_2(tmp_path / name, saved.layers, **options)
    weights.load_weights(loaded, tmp_path / name)
    assert_same(values_of(loaded), values_of(saved))


@needs_h5py
def test_files_of_keras_2_with_other_layers_are_refused(tmp_path):
    write_keras_2(tmp_path / "w.h5", network(seed=1).layers[:-1])
    stack = network(seed=2)
    before = values_of(stack)
    with pytest.raises(ValueError, match=r"missing: layers/dense_1/vars/0 \(dense_1/kernel\)"):
        weights.load_weights(stack, tmp_path / "w.h5")
    write_keras_2(tmp_path / "w.h5", network(seed=1).layers)
    with pytest.raises(ValueError, match=r"extra: their_5/vars/0, shape \(3, 4\)"):
        weights.load_weights(Sequential(stack.layers[:-1]), tmp_path / "w.h5")
    assert_same(values_of(stack), before)


@needs_h5py
def test_files_of_late_versions_of_keras_2_are_read(tmp_path):
    saved, loaded = network(seed=1), network(seed=2)
    path = tmp_path / "w.weights.h5"
    weights.save_weights(saved, path)
    arrays = formats.load_arrays(path)
    with h5py.File(path, "w") as file:
        for key, array in arrays.items():
            key = key.replace("layers/", "_layer_checkpoint_dependencies/")
            file[key.replace("/vars/", "\\vars\\") if "dense" in key else key] = array
    weights.load_weights(loaded, path)
    assert_same(values_of(loaded), values_of(saved))


# --- what does not fit ---------------------------------------------------------------------------


def damaged(path):
    """Save a network whose file then lacks, adds and changes arrays; return its arrays."""
    weights.save_weights(network(seed=1), path)
    arrays = formats.load_arrays(path)
    keys_by_shape = {array.shape: key for key, array in arrays.items()}
    bias, kernel = keys_by_shape[3,], keys_by_shape[12, 3]
    del arrays[bias]
    arrays[kernel] = np.zeros((12, 7), np.float32)
    arrays["extra/kernel"] = np.zeros(5)
    formats.save_arrays(path, arrays)
    return arrays


def test_load_lists_all_that_does_not_fit_and_changes_nothing(tmp_path):
    path = tmp_path / "w.npz"
    damaged(path)
    stack = network(seed=2)
    before = values_of(stack)
    with pytest.raises(ValueError) as caught:
        weights.load_weights(stack, path)
    assert str(caught.value) == (
        f"load_weights: the weights in {path} do not fit:\n"
        "  another shape or type: layers/dense/kernel (dense/kernel), expected floats of shape "
        "(12, 3), got float32 of shape (12, 7)\n"
        "  missing: layers/dense/bias (dense/bias), shape (3,)\n"
        "  extra: extra/kernel, shape (5,)\n"
        "Nothing was loaded."
    )
    assert_same(values_of(stack), before)


@needs_h5py
def test_load_names_the_parameter_behind_the_number_in_a_keras_file(tmp_path):
    path = tmp_path / "w.weights.h5"
    damaged(path)
    with pytest.raises(ValueError) as caught:
        weights.load_weights(network(seed=2), path)
    assert "type: layers/dense/vars/0 (dense/kernel), expected" in str(caught.value)
    assert "missing: layers/dense/vars/1 (dense/bias), shape (3,)" in str(caught.value)
    assert "extra: extra/kernel, shape (5,)" in str(caught.value)


@pytest.mark.parametrize("ending", ENDINGS)
def test_load_with_skip_mismatch_loads_the_rest_and_warns(ending, tmp_path):
    path = tmp_path / f"w{ending}"
    damaged(path)
    stack = network(seed=2)
    expected = values_of(network(seed=1))
    expected[6:8] = values_of(stack)[6:8]  # the kernel and bias of the first Dense
    with pytest.warns(UserWarning, match="do not fit:\n.*another shape.*\n.*missing.*\n.*extra"):
        weights.load_weights(stack, path, skip_mismatch=True)
    assert_same(values_of(stack), expected)


@pytest.mark.parametrize("array", [np.zeros(2, np.int64), np.array(["a", "b"])])
def test_load_refuses_what_are_no_floats(array, tmp_path):
    stack = network()
    arrays = {key: weight.data for key, weight in keys_of(stack)} | {"layers/conv2d/bias": array}
    formats.save_arrays(tmp_path / "w.npz", arrays)
    with pytest.raises(
        ValueError, match=r"layers/conv2d/bias \(first/bias\), expected floats of shape \(2,\), got"
    ):
        weights.load_weights(stack, tmp_path / "w.npz")


@pytest.mark.parametrize("dtype", ["int32", "uint64", "float32"])
def test_the_count_of_a_normalization_may_be_a_whole_number(dtype, tmp_path):
    """Keras 2 writes one."""
    saved, loaded = (Sequential([Input((4,)), layers.Normalization()]) for _ in range(2))
    saved.layers[0].adapt(np.arange(20.0).reshape(5, 4))
    weights.save_weights(saved, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        arrays = {key: file[key].astype(dtype if "count" in key else "f4") for key in file}
    np.savez(tmp_path / "b.npz", **arrays)
    weights.load_weights(loaded, tmp_path / "b.npz")
    assert_same(values_of(loaded), values_of(saved))


def test_weights_of_two_layers_of_one_name_come_back(tmp_path):
    saved, loaded = network(seed=1), network(seed=2)
    for model in (saved, loaded):
        model.layers[-1].name = "dense"
    weights.save_weights(saved, tmp_path / "w.npz")
    weights.load_weights(loaded, tmp_path / "w.npz")
    assert_same(values_of(loaded), values_of(saved))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_does_not_hold_how_many_layers_the_program_had_before(ending, tmp_path):
    def make(seed):
        model = Sequential([Input((3,)), layers.Dense(2), layers.Dense(2), layers.ReLU()])
        for weight in model.weights:
            weight.assign(np.random.default_rng(seed).normal(size=weight.shape))
        return model

    make(1)
    saved = make(2)
    weights.save_weights(saved, tmp_path / f"w{ending}")
    clear_session()
    loaded = make(3)
    weights.load_weights(loaded, tmp_path / f"w{ending}")
    assert_same(values_of(loaded), values_of(saved))
    assert saved.layers[0].name == "dense_2" and loaded.layers[0].name == "dense"
    assert saved.weights_hash() == loaded.weights_hash()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("action", [weights.save_weights, weights.load_weights])
def test_unbuilt_layers_are_refused_by_name(action, ending, tmp_path):
    path = tmp_path / f"w{ending}"
    formats.save_arrays(path, {})
    stack = Sequential([layers.Dense(3, name="last")])
    with pytest.raises(ValueError, match=r"expected built layers, got unbuilt .*last; call"):
        action(stack, path)


# --- paths and damaged files ---------------------------------------------------------------------


@pytest.mark.parametrize("path", ["weights", "weights.h5", "model.keras", "weights.npz.bak"])
@pytest.mark.parametrize("action", [weights.save_weights, weights.load_weights])
def test_paths_with_another_ending_are_refused(action, path, tmp_path):
    if path.endswith((".h5", ".keras")) and action is weights.load_weights:
        return  # Keras 2 wrote such files, and whole models have weights
    with pytest.raises(ValueError, match=r"ends in \.npz or \.weights\.h5.*, got '.*weights|model"):
        action(network(), tmp_path / path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_missing_files_and_folders_are_named(ending, tmp_path):
    with pytest.raises(FileNotFoundError, match=f"nowhere{ending}"):
        weights.load_weights(network(), tmp_path / f"nowhere{ending}")
    with pytest.raises(FileNotFoundError, match=r"expected an existing folder, got .*nowhere"):
        weights.save_weights(network(), tmp_path / "nowhere" / f"w{ending}")
    with pytest.raises(FileNotFoundError, match=f"folder{ending}"):
        (tmp_path / f"folder{ending}").mkdir()
        weights.load_weights(network(), tmp_path / f"folder{ending}")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_folder_that_is_not_writable_is_refused(ending, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="Permission denied"):
        weights.save_weights(network(), tmp_path / f"w{ending}")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("damage", ["empty", "truncated", "foreign", "flipped"])
def test_damaged_files_are_refused_by_name_and_change_nothing(damage, ending, tmp_path):
    path = tmp_path / f"w{ending}"
    weights.save_weights(network(seed=1), path)
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        if ending != ".npz":
            pytest.skip("HDF5 keeps no checksum of its arrays")
        position = bytes(content).index(network(seed=1).weights[0].data.tobytes())
        content[position] ^= 1
    path.write_bytes(
        {
            "empty": b"",
            "truncated": content[: len(content) // 2],
            "foreign": b"<html>not found</html>" * 50,
            "flipped": content,
        }[damage]
    )
    stack = network(seed=2)
    before = values_of(stack)
    with pytest.raises(ValueError, match=f"load: expected an intact .*, got .*w{ending}[:,] "):
        weights.load_weights(stack, path)
    assert_same(values_of(stack), before)


class Bomb:
    """An object whose unpickling runs code."""

    def __reduce__(self):
        return pytest.fail, ("the file was unpickled",)


def test_npz_is_read_without_pickle(tmp_path):
    path = tmp_path / "w.npz"
    np.savez(path, **{"dense/kernel": np.array([Bomb()], dtype=object)})
    with pytest.raises(ValueError, match=r"expected an intact \.npz file"):
        formats.load_arrays(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("dense/kernel.npy", pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match=r"expected an intact \.npz file"):
        formats.load_arrays(path)


def test_objects_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle=False"):
        formats.save_arrays(tmp_path / "w.npz", {"key": np.array([Bomb()], dtype=object)})
    assert os.listdir(tmp_path) == []


# --- whole or not at all -------------------------------------------------------------------------


@pytest.mark.nothing_is_lost
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    error, ending, tmp_path, monkeypatch
):
    path = tmp_path / f"w{ending}"
    weights.save_weights(network(seed=1), path)
    before = path.read_bytes()

    def fail(*args):
        raise error("disk full")

    monkeypatch.setattr(os, "fsync", fail)  # all is written by then, nothing is replaced
    with pytest.raises(error, match="disk full"):
        weights.save_weights(network(seed=2), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.nothing_is_lost
def test_a_save_that_fails_midway_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "w.npz"
    formats.save_arrays(path, {"a": np.ones(3)})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="pickle"):
        formats.save_arrays(path, {"a": np.zeros(3), "b": np.array([None])})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.nothing_is_lost
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_save_has_the_permissions_of_any_new_file(ending, tmp_path):
    (tmp_path / "any").touch()
    weights.save_weights(network(), tmp_path / f"w{ending}")
    expected = (tmp_path / "any").stat().st_mode
    assert (tmp_path / f"w{ending}").stat().st_mode == expected


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="needs symbolic links")
def test_a_save_through_a_link_replaces_the_file_behind_it(tmp_path):
    (tmp_path / "link.npz").symlink_to(tmp_path / "real.npz")
    formats.save_arrays(tmp_path / "link.npz", {"a": np.ones(3)})
    assert (tmp_path / "link.npz").is_symlink()
    assert set(formats.load_arrays(tmp_path / "real.npz")) == {"a"}


def test_h5_without_h5py_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"pip install h5py$"):
        formats.save_arrays(tmp_path / "w.weights.h5", {})
    assert os.listdir(tmp_path) == []


@needs_h5py
def test_a_file_that_claims_more_than_fits_into_memory_is_refused(tmp_path):
    stack = Sequential([layers.Dense(3, input_shape=(4,))])
    path = tmp_path / "bomb.weights.h5"
    with h5py.File(path, "w") as file:
        for i, shape in enumerate([(2**50,), (3,)]):
            options = {"chunks": (3,), "dtype": "float64", "fillvalue": 0.0}
            file.create_dataset(f"layers/dense/vars/{i}", shape, **options)
    before = stack.get_weights()
    with pytest.raises(ValueError, match=r"an intact HDF5 file, got .*vars/0: claims float64"):
        stack.load_weights(path)
    np.testing.assert_array_equal(stack.get_weights()[0], before[0])


# --- variables of one's own ----------------------------------------------------------------------


class Counted(layers.Layer):
    """Keeps its kernel halved in files, beside a number that is no weight."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(2)
        self.seen = 0

    def build(self, input_shape):
        self.kernel = self.add_weight(input_shape[-1:], "ones", name="kernel")

    def call(self, x):
        return self.inner(x * self.kernel)

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["0"] = store["0"] / 2
        store["seen"] = self.seen

    def load_own_variables(self, store):
        self.seen = int(store["seen"])
        super().load_own_variables({"0": store["0"] * 2})


@pytest.mark.parametrize("ending", [".npz", ".weights.h5"])
def test_layers_may_save_their_own_variables(tmp_path, ending):
    if ending == ".weights.h5":
        pytest.importorskip("h5py")
    first, second = (Sequential([layers.Input((3,)), Counted()]) for _ in range(2))
    first.layers[0].kernel.assign([1.0, 2.0, 3.0])
    first.layers[0].seen = 7
    first.save_weights(tmp_path / f"own{ending}")
    second.load_weights(tmp_path / f"own{ending}")
    assert second.layers[0].seen == 7
    assert second.weights_hash() == first.weights_hash()
    arrays = formats.load_arrays(tmp_path / f"own{ending}")
    halved = [array for array in arrays.values() if array.shape == (3,)]
    np.testing.assert_array_equal(halved, [[0.5, 1.0, 1.5]])


def test_assets_are_left_out_with_a_warning(tmp_path):
    class Words(layers.Dense):
        def save_assets(self, folder):
            raise AssertionError("is not called")

    model = Sequential([Input((3,)), Words(2, name="words")])
    with pytest.warns(UserWarning, match="save: the assets of 'words' were left out: files hold"):
        model.save_weights(tmp_path / "words.npz")


# --- safetensors ---------------------------------------------------------------------------------


@needs_safetensors
def test_safetensors_reads_what_minigrad_writes(tmp_path):
    stack = network()
    weights.save_weights(stack, tmp_path / "w.safetensors")
    arrays = safetensors.numpy.load_file(tmp_path / "w.safetensors")
    assert "layers/dense/kernel" in arrays
    assert_same([arrays[key] for key, _ in keys_of(stack)], values_of(stack))


@needs_safetensors
def test_minigrad_reads_what_safetensors_writes(tmp_path):
    stack = network(seed=2)
    arrays = {key: weight.data for key, weight in keys_of(network(seed=1))}
    safetensors.numpy.save_file(arrays, tmp_path / "w.safetensors", metadata={"by": "hand"})
    weights.load_weights(stack, tmp_path / "w.safetensors")
    assert_same(values_of(stack), values_of(network(seed=1)))


@needs_safetensors
def test_the_optimizer_goes_into_safetensors_too(tmp_path):
    def trained(epochs):
        model = network()
        model.compile("adam", "mse")
        model.fit(np.ones((4, 5, 4, 1)), np.ones((4, 4)), epochs=epochs, verbose=0)
        return model

    trained(2).save_weights(tmp_path / "w.safetensors")
    again = trained(1)
    again.load_weights(tmp_path / "w.safetensors")
    assert int(again.optimizer.iterations) == 2


@needs_safetensors
@pytest.mark.parametrize("change", [lambda b: b[:-5], lambda b: b + b"more", lambda b: b[:40]])
def test_damaged_safetensors_are_refused_and_change_nothing(change, tmp_path):
    path, stack = tmp_path / "w.safetensors", network(seed=2)
    weights.save_weights(network(seed=1), path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=r"expected an intact \.safetensors file, got .*w\.safe"):
        weights.load_weights(stack, path)
    assert_same(values_of(stack), values_of(network(seed=2)))


@needs_safetensors
def test_safetensors_of_other_types_are_refused_by_name(tmp_path):
    arrays = {key: weight.data for key, weight in keys_of(network())}
    arrays["layers/dense/bias"] = np.zeros(3, bool)
    safetensors.numpy.save_file(arrays, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"layers/dense/bias: expected .*F32.*, got BOOL"):
        weights.load_weights(network(), tmp_path / "w.safetensors")


def test_safetensors_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match="pip install safetensors"):
        formats.save_arrays(tmp_path / "w.safetensors", {})
    assert os.listdir(tmp_path) == []
