"""`.npz` files that claim, hide or hold what they should not: refused, and all weights stay."""

import io
import struct
import warnings
import zipfile

import numpy as np
import pytest

from minigrad.saving.formats import load_arrays, save_arrays

KEY = "layers/dense/kernel"
SHAPE = (4, 3)


def npy(array, version=(1, 0), **header):
    """The bytes of an array, with entries of its header replaced."""
    array = np.asarray(array)
    file = io.BytesIO()
    described = np.lib.format.header_data_from_array_1_0(array) | header
    write = getattr(np.lib.format, f"write_array_header_{version[0]}_0")
    write(file, described)
    return file.getvalue() + array.tobytes()


def npy_with_header(text, content=bytes(48)):
    """The same with any text in place of the header."""
    text = text.encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


@pytest.fixture
def members(make_model, folder):
    make_model(1).save_weights(folder / "good.npz")
    with zipfile.ZipFile(folder / "good.npz") as archive:
        return {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}


@pytest.fixture
def write(folder):
    """Writes members of a zip archive, and changes its bytes."""

    def write(members, compression=zipfile.ZIP_STORED, change=bytes):
        path = folder / "w.npz"
        with zipfile.ZipFile(path, "w", compression) as archive:
            for key, content in members if isinstance(members, list) else members.items():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # zipfile's, about two of one name
                    archive.writestr(f"{key}.npy", content)
        path.write_bytes(change(path.read_bytes()))

    return write


@pytest.fixture
def load(make_model, folder):
    """Loads it into a model, which has other weights afterwards, or all of the good ones."""

    def load():
        model = make_model(2)
        before = model.weights_hash()
        try:
            model.load_weights(folder / "w.npz")
        except ValueError:
            assert model.weights_hash() == before
            raise
        assert model.weights_hash() == make_model(1).weights_hash()

    return load


HARM = "__import__('pathlib').Path('harm').touch()"

ARRAYS = {
    "a terabyte": (npy(bytes(48), shape=(2**40,), descr="<f4"), "claims float32 .*holds 48 bytes"),
    "beyond all numbers": (npy(bytes(48), shape=(10**30,), descr="<f4"), "w.npz"),
    "a size below zero": (npy(bytes(48), shape=(-4, -3), descr="<f4"), r"claims .*\(-4, -3\)"),
    "sizes that are none": (npy(bytes(48), shape=(4.0, 3), descr="<f4"), "kernel.npy: .*shape"),
    "a shape that is none": (npy(bytes(48), shape="(4, 3)", descr="<f4"), "kernel.npy: .*shape"),
    "too many axes": (npy(np.zeros(12, "f4"), shape=(1,) * 70 + (12,)), "w.npz"),
    "fewer values": (npy(np.zeros(11, "f4"), shape=SHAPE), "claims float32 .*holds 44 bytes"),
    "more values": (npy(np.zeros(13, "f4"), shape=SHAPE), "claims float32 .*holds 52 bytes"),
    "another shape": (npy(np.zeros((3, 4), "f4")), r"expected floats of shape \(4, 3\), got"),
    "a pickle": (npy_with_header("{'descr': '|O', 'fortran_order': False, 'shape': (4, 3), }"),
                 "kernel.npy: expected numbers, got object"),
    "texts": (npy(np.full(SHAPE, "0.5")), "expected floats of .*, got <U3"),
    "whole numbers": (npy(np.zeros(SHAPE, "i4")), "expected floats of .*, got int32"),
    "complex numbers": (npy(np.zeros(SHAPE, "c8")), "expected floats of .*, got complex64"),
    "dates": (npy(np.zeros(SHAPE, "M8[s]")), "expected floats of .*, got datetime64"),
    "rows of a table": (npy(np.zeros(SHAPE, "f4,i4")), "expected floats of .*, got"),
    "code in the header": (npy_with_header(HARM), "kernel.npy: malformed"),
    "an open bracket": (npy_with_header("{'descr': (" + "(" * 300), "kernel.npy"),
    "brackets in brackets": (npy_with_header("(" * 4000), "kernel.npy"),
    "a header without an end": (npy_with_header("{'descr': '<f4"), "kernel.npy"),
    "half a header": (npy_with_header("{'descr': '<f4', 'shape': (4, 3)}"), "kernel.npy: Header"),
    "a long header": (npy_with_header(" " * 20_000), "kernel.npy"),
    "a type that is none": (npy_with_header("{'descr': '<f99', 'fortran_order': False, "
                                            "'shape': (4, 3), }"), "kernel.npy: .*descr"),
    "npy format 3.0": (b"\x93NUMPY\x03\x00" + npy(np.zeros(SHAPE, "f4"))[8:], r"got \(3, 0\)"),
    "npy format 9.9": (b"\x93NUMPY\x09\x09" + npy(np.zeros(SHAPE, "f4"))[8:], r"got \(9, 9\)"),
    "no array": (b"<html>", "kernel.npy: .*magic"),
    "nothing": (b"", "kernel.npy"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_array_that_is_none_is_refused(
    content, message, compression, members, write, load, refusing
):
    write(members | {KEY: content}, compression)
    with refusing(message) as caught:
        load()
    assert "w.npz" in str(caught.value)


def flip(offset, behind, bits):
    """A change of the byte so far behind the last place of some bytes."""

    def change(content):
        content = bytearray(content)
        content[content.rindex(behind) + offset] ^= bits
        return bytes(content)

    return change


ARCHIVES = {
    "one name twice": (lambda m: [*m.items(), (KEY, m[KEY])], {}, "different names, got .*kernel"),
    "with .npy and without": (lambda m: m | {f"{KEY}.npy": m[KEY]}, {}, f"extra: {KEY}.npy"),
    "a NUL in a name": (
        lambda m: {k.replace("kernel", "kernel#x"): v for k, v in m.items()},
        {"change": lambda content: content.replace(b"#", b"\0")},
        "twice or cut",
    ),
    "LZMA": (dict, {"compression": zipfile.ZIP_LZMA}, "expected it stored or deflated"),
    "BZIP2": (dict, {"compression": zipfile.ZIP_BZIP2}, "expected it stored or deflated"),
    "encrypted": (dict, {"change": flip(8, b"PK\1\2", 1)}, "w.npz"),
    "a size that is not so": (dict, {"change": flip(26, b"PK\1\2", 1)}, "w.npz"),
    "a packed size that is not so": (dict, {"change": flip(22, b"PK\1\2", 1)}, "more bytes than"),
    "fewer members": (dict, {"change": flip(10, b"PK\5\6", 1)}, "expected 7 members, got 6"),
    "names of other folders": (
        lambda m: m | {"../harm": m[KEY], "/harm": m[KEY]}, {}, r"extra: \.\./harm",
    ),
    "a member that is missing": (
        lambda m: {k: v for k, v in m.items() if k != KEY}, {}, rf"missing: {KEY} \(first/kernel",
    ),
    "a bomb under a name of its own": (
        lambda m: m | {"x": npy(np.zeros(2**25, "u1"))},
        {"compression": zipfile.ZIP_DEFLATED}, r"extra: x, shape \(33554432,\)",
    ),
    "a bomb in place of weights": (
        lambda m: m | {KEY: npy(np.zeros(2**23, "f4"))},
        {"compression": zipfile.ZIP_DEFLATED}, r"got float32 of shape \(8388608,\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "options", "message"), ARCHIVES.values(), ids=ARCHIVES)
def test_an_archive_of_another_kind_is_refused(
    make, options, message, members, write, load, refusing
):
    write(make(members), **options)
    with refusing(message) as caught:
        load()
    assert "w.npz" in str(caught.value)


@pytest.mark.parametrize("array", [np.zeros(2**23, "f4"), np.array("1"), np.array(1j)])
def test_a_state_of_another_kind_is_left_out(array, members, write, load):
    write(members | {"optimizer/vars/0": npy(array)}, zipfile.ZIP_DEFLATED)
    with pytest.warns(UserWarning, match="the optimizer's state in .* was left out"):
        load()


def test_a_bomb_whose_shape_nobody_knows_is_refused(folder, refusing):
    with zipfile.ZipFile(folder / "run.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("anything.npy", npy(np.zeros(2**23, "f4")))
    with refusing(r"run\.npz.*anything\.npy: \(8388608,\) packed into less than a part in 32"):
        load_arrays(folder / "run.npz")


@pytest.mark.parametrize(
    "form",
    [
        np.asfortranarray,
        lambda a: a.astype(">f4"),
        lambda a: a.astype("f8"),
        lambda a: np.asfortranarray(a.astype(">f8")),
    ],
    ids=["Fortran", "big-endian", "float64", "both"],
)
def test_arrays_in_other_forms_are_the_same(form, members, write, load):
    array = form(np.lib.format.read_array(io.BytesIO(members[KEY])))
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    write(members | {KEY: file.getvalue()})
    load()


def test_nan_is_told_by_name(make_model, folder):
    """It is loaded, as in Keras: the file may be of a run that failed, and is looked at."""
    good = make_model(1)
    good.layers[1].bias.assign([0, np.nan])
    good.save_weights(folder / "w.npz")
    model = make_model(2)
    with pytest.warns(UserWarning, match=r"w\.npz has NaN in layers/dense_1/bias; they were saved"):
        model.load_weights(folder / "w.npz")
    assert model.weights_hash() == good.weights_hash()


def test_no_file_is_written_with_a_name_that_it_would_cut(folder):
    with pytest.raises(ValueError, match=r"expected keys without a NUL, got 'a\\x00b'"):
        save_arrays(folder / "w.npz", {"a\0b": np.zeros(1)})
    assert not (folder / "w.npz").exists()
