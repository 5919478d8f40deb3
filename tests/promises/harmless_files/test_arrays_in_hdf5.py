"""HDF5 files that claim, hide or hold what they should not, and what a changed bit does."""

import itertools
import json
import os
import shutil

import numpy as np
import pytest

from minigrad.models import load_model
from minigrad.saving import formats
from minigrad.saving.formats import SEAL_BYTES

h5py = pytest.importorskip("h5py")

KEY = "layers/dense/vars/0"  # (4, 3)


@pytest.fixture
def good(make_model, folder):
    make_model(1).save_weights(folder / "w.weights.h5")
    return folder / "w.weights.h5"


@pytest.fixture
def load(make_model):
    """Loads a file into a model, which has other weights afterwards, or all of the good ones."""

    def load(path):
        model = make_model(2)
        before = model.weights_hash(), model.optimizer.get_state()
        try:
            model.load_weights(path)
        except ValueError:
            assert (model.weights_hash(), model.optimizer.get_state()) == before
            raise
        assert model.weights_hash() == make_model(1).weights_hash()

    return load


def put(shape=(4, 3), dtype="f4", **options):
    """What puts another dataset in the place of a good one; values are not written."""

    def change(file):
        del file[KEY]
        file.create_dataset(KEY, shape, dtype, **options)

    return change


def external(file):
    put(external=[(str(file["/"].file.filename) + ".secret", 0, 48)])(file)


def virtual(file):
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource("secret", "data", (4, 3))
    del file[KEY]
    file.create_virtual_dataset(KEY, layout)


def link(target):
    def change(file):
        del file[KEY]
        file[KEY] = target

    return change


def pipe(file):
    path = f"{file.filename}.pipe"
    os.mkfifo(path)
    link(h5py.ExternalLink(path, "data"))(file)


def twice(file):
    file["layers/again"] = file[KEY]


def circle(file):
    file["layers/again"] = file["layers"]


def nested(count):
    def change(file):
        group = file
        for _ in range(count):
            group = group.create_group("a")

    return change


def many_ways(file):
    """Two ways from each group to the next: 2**40 ways to the last."""
    groups = [file.create_group(f"g{i}") for i in range(41)]
    for first, second in itertools.pairwise(groups):
        first["left"], first["right"] = second, second


def type_alone(file):
    file["type"] = np.dtype("f4")


def names(value, attribute="layer_names"):
    def change(file):
        file.attrs[attribute] = value

    return change


def reference(file):
    del file[KEY]
    file[KEY] = file["layers"].ref


FILES = {
    "a terabyte": (put((2**40,)), rf"{KEY}: claims float32 \(1099511627776,\), and holds 0 bytes"),
    "a terabyte in chunks": (put((2**40,), chunks=(3,)), "and holds 0 bytes"),
    "a large chunk": (put(maxshape=(None, 3), chunks=(2**20, 3)), "and holds 0 bytes"),
    "values that were never written": (put(), "and holds 0 bytes"),
    "packed": (put(compression="gzip"), "an array that is not packed, got .1.; h5repack"),
    "packed by LZF": (put(compression="lzf"), "an array that is not packed"),
    "rounded": (put(scaleoffset=2), "an array that is not packed"),
    "another file's bytes": (external, "arrays in the file itself, got /layers/dense"),
    "another file's arrays": (virtual, "arrays in the file itself, got /layers/dense"),
    "a link": (link(h5py.SoftLink("/layers/dense/vars/1")), f"got a link at {KEY}"),
    "a link to nothing": (link(h5py.SoftLink("/nowhere")), f"got a link at {KEY}"),
    "a link to another file": (link(h5py.ExternalLink("secret", "x")), f"got a link at {KEY}"),
    "a link to a pipe": (pipe, f"got a link at {KEY}"),
    "an array twice": (twice, "expected each part once, .*layers/"),
    "a group in itself": (circle, "expected each part once"),
    "2**40 ways": (many_ways, "expected each part once"),
    "3,000 groups in each other": (nested(3000), "at most 64 groups in each other"),
    "a type alone": (type_alone, "w.weights.h5"),
    "text": (put(dtype=h5py.string_dtype()), "expected numbers, got object"),
    "text of one length": (link(np.full((4, 3), b"0.5")), "expected floats of .*, got .S3"),
    "lists": (put(dtype=h5py.vlen_dtype("f4")), "expected numbers, got object"),
    "a reference": (reference, "expected numbers, got object"),
    "rows of a table": (link(np.zeros((4, 3), "f4,i4")), "expected floats of"),
    "whole numbers": (link(np.zeros((4, 3), "i4")), "expected floats of .*, got int32"),
    "no values at all": (link(h5py.Empty("f4")), "w.weights.h5"),
    "another shape": (link(np.zeros((3, 4), "f4")), r"expected floats of shape \(4, 3\)"),
    "a million names": (names(np.zeros(1000, "S60000")[:1]), "w.weights.h5"),
    "names that are numbers": (names(np.arange(3.0)), "layer_names: expected text, got float64"),
    "one name, no list": (names("dense"), "layer_names: expected at most 10000 names"),
    "names of nothing": (names(["no_such"]), "no_such"),
    "names of what is elsewhere": (names(["/../.."]), "w.weights.h5"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), FILES.values(), ids=FILES)
def test_a_file_of_another_kind_is_refused(change, message, good, load, refusing):
    good.with_name("w.weights.h5.secret").write_bytes(bytes(48))
    with h5py.File(good, "a") as file:
        change(file)
    with refusing(message) as caught:
        load(good)
    assert "w.weights.h5" in str(caught.value)


def test_texts_that_hdf5_would_read_for_ever_are_refused(make_model, folder, refusing):
    """An entry of no size in the heap of texts: HDF5 2.0 does not get past it."""
    make_model(1).save(folder / "m.h5")
    content = bytearray((folder / "m.h5").read_bytes()[:-SEAL_BYTES])
    place = content.index(formats.HEAP) + 16
    content[place : place + 16] = bytes(16)
    (folder / "m.h5").write_bytes(content)
    with refusing("damaged texts"):
        load_model(folder / "m.h5")


def test_a_whole_model_has_its_texts_checked(make_model, folder, refusing):
    make_model(1).save(folder / "good.h5")
    for name, value, message in (
        ("model_config", "{", "model_config: expected JSON"),
        ("model_config", "[1]", "expected the config of a model"),
        ("model_config", '{"a": ' * 9_000, "model_config: expected JSON"),
        ("model_config", ["{}", "{}"], "model_config: expected one text"),
        ("model_config", 7.0, "model_config: expected text, got float64"),
        ("training_config", '{"loss": 1, "loss": 2}', "training_config: expected each key once"),
    ):
        shutil.copy(folder / "good.h5", folder / "m.h5")
        with h5py.File(folder / "m.h5", "a") as file:
            file.attrs[name] = value
        with refusing(message) as caught:
            load_model(folder / "m.h5")
        assert "m.h5" in str(caught.value)


@pytest.mark.parametrize("form", [">f4", "f8", ">f8"])
def test_arrays_in_other_forms_are_the_same(form, good, load):
    with h5py.File(good, "a") as file:
        array = file[KEY][()]
        del file[KEY]
        file[KEY] = array.astype(form)
    load(good)


def test_arrays_in_chunks_with_checksums_are_read(good, load):
    with h5py.File(good, "a") as file:
        array = file[KEY][()]
        del file[KEY]
        file.create_dataset(KEY, data=array, chunks=(2, 3), fletcher32=True, shuffle=True)
    load(good)


# --- the checksum --------------------------------------------------------------------------------


def test_a_changed_bit_changes_no_weight(make_model, folder, trials):
    """Each file ends in a checksum of all before it; a bit of the mark before it may change."""
    seeds = [*trials(150, 3000)]
    make_model(1).save_weights(folder / "w.weights.h5")
    make_model(1).save(folder / "m.h5")
    for path in (folder / "w.weights.h5", folder / "m.h5"):
        content = path.read_bytes()
        refused = 0
        for seed in seeds:
            changed = bytearray(content)
            place = np.random.default_rng(seed).integers(8 * len(content))
            changed[place // 8] ^= 1 << (place % 8)
            path.write_bytes(changed)
            model = make_model(2)
            before = model.weights_hash()
            try:
                model.load_weights(path)
            except ValueError as error:
                assert path.name in str(error)
                assert model.weights_hash() == before
                refused += 1
            else:
                assert place // 8 >= len(content) - SEAL_BYTES
        assert refused >= len(seeds) * 0.9


def test_a_change_that_hdf5_does_not_see_is_named(good, load):
    content = bytearray(good.read_bytes())
    with h5py.File(good) as file:
        place = file[KEY].id.get_offset()
    content[place + 3] ^= 0x40
    good.write_bytes(content)
    with pytest.raises(ValueError, match=r"w\.weights\.h5.*checksum does not fit: bytes have"):
        load(good)


def test_a_file_without_a_checksum_is_read(good, load):
    """Keras writes none; one that h5py has changed has none any more."""
    good.write_bytes(good.read_bytes()[:-SEAL_BYTES])
    load(good)


@pytest.mark.parametrize(
    ("version", "sizes", "end"), [(0, 13, 40), (1, 13, 44), (2, 9, 28), (3, 9, 28)]
)
def test_the_end_is_found_in_each_version_of_the_superblock(version, sizes, end):
    """Places are those of HDF5's specification; h5py writes no file of version 1."""
    content = bytearray(64)
    content[:9] = b"\x89HDF\r\n\x1a\n" + bytes([version])
    content[sizes : sizes + 2] = 8, 8
    content[end] = len(content)
    formats._check_bytes(bytes(content))
    with pytest.raises(ValueError, match="its checksum does not fit"):
        formats._check_bytes(bytes(content + b"more"))
    content[sizes] = 4
    with pytest.raises(ValueError, match="with sizes of 64 bits"):
        formats._check_bytes(bytes(content))


def test_h5py_takes_the_checksum_off_when_it_changes_a_file(good, load):
    with h5py.File(good, "a") as file:
        file.attrs["note"] = "mine"
    assert formats.SEAL not in good.read_bytes()[-SEAL_BYTES:]
    load(good)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Keras's
@pytest.mark.parametrize("ending", [".weights.h5", ".keras", ".h5"])
def test_keras_reads_what_has_a_checksum_and_back(ending, make_model, folder):
    keras = pytest.importorskip("keras")
    ours, path = make_model(1), folder / f"w{ending}"
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    ours.save_weights(path) if ending == ".weights.h5" else ours.save(path)
    if ending == ".weights.h5":
        parts = [keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)]
        theirs = keras.Sequential(parts)
        theirs.load_weights(path)
    else:
        theirs = keras.models.load_model(path)
    np.testing.assert_allclose(np.asarray(theirs(x)), ours.predict(x, verbose=0), atol=1e-6)
    theirs.save_weights(path) if ending == ".weights.h5" else theirs.save(path)
    again = make_model(3)
    again.load_weights(path)
    assert again.weights_hash() == ours.weights_hash()
    if ending != ".weights.h5":
        assert load_model(path).weights_hash() == ours.weights_hash()


def test_the_text_of_a_config_is_under_the_checksum(make_model, folder):
    make_model(1).save(folder / "m.h5")
    content = (folder / "m.h5").read_bytes()
    text = json.dumps("momentum")
    assert content.count(text.encode())
    (folder / "m.h5").write_bytes(content.replace(b"momentum", b"momenten"))
    with pytest.raises(ValueError, match="checksum does not fit"):
        load_model(folder / "m.h5")


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_text_that_claims_to_be_longer_than_the_file_takes_no_memory(folder, refusing, libver):
    path = folder / "m.h5"
    with h5py.File(path, "w", libver=libver) as file:
        file.attrs["model_config"] = '{"class_name": "Sequential"}'
        for name, texts in ("layer_names", ["a", "bcd", "e" * 900]), ("weight_names", ["f"]):
            file.attrs.create(name, texts, dtype=h5py.string_dtype())
    content = path.read_bytes()
    formats._check_bytes(content)
    heap = content.index(b"GCOL").to_bytes(8, "little")
    of_texts = [length.to_bytes(4, "little") + heap for length in (28, 1, 3, 900)]
    places = [at for at in range(len(content)) if content[at : at + 12] in of_texts]
    assert len(places) == 5
    for at in places:
        path.write_bytes(content[:at] + (0xEDBF0000).to_bytes(4, "little") + content[at + 4 :])
        with refusing("claim to be longer than the file"):
            load_model(path)
