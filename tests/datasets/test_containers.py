"""Files of image data sets: the right ones load, others raise an error that names the file."""

import gzip
import io
import zipfile

import numpy as np
import pytest

from minigrad.datasets import _containers, fashion_mnist, mnist
from minigrad.datasets._containers import IDX_FILES, read

pytestmark = pytest.mark.harmless_files


def test_npz_loads(tiny, tmp_path):
    tiny.check(mnist.load_data(tiny.write_npz(tmp_path / "any name.npz")))


def test_uncompressed_npz_loads(tiny, tmp_path):
    np.savez(tmp_path / "plain.npz", extra=np.arange(3), **tiny.arrays)
    tiny.check(mnist.load_data(tmp_path / "plain.npz"))


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_folder_loads(tiny, tmp_path, zipped):
    tiny.check(mnist.load_data(tiny.write_idx(tmp_path / "raw", zipped)))


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    "place",
    [
        "{dotted}",
        "{dashed}/{dashed}",
        "{dashed}/{dotted}",
        "{dotted}/{dotted}",
        "{dashed}.gz/{dashed}",
    ],
)
def test_idx_files_may_have_a_dot_or_a_folder_each(tiny, tmp_path, place, zipped):
    for key, dashed in IDX_FILES.items():
        dotted = dashed.replace("-idx", ".idx")
        path = tmp_path / "raw" / place.format(dashed=dashed, dotted=dotted)
        path = path.with_name(path.name + ".gz") if zipped else path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(tiny.idx[key]) if zipped else tiny.idx[key])
    tiny.check(mnist.load_data(tmp_path / "raw"))


@pytest.mark.parametrize(
    "change",
    [
        {"x_test": np.zeros((5, 28, 28), np.uint8)},
        {"x_train": np.zeros((13, 28, 27), np.uint8)},
        {"y_train": np.zeros(13, np.int64)},
        {"y_train": np.array([None] * 13)},
        {"x_train": np.asfortranarray(np.zeros((13, 28, 28), np.uint8))},
    ],
    ids=["content", "shape", "dtype", "pickle", "order"],
)
def test_npz_of_other_arrays_is_refused(tiny, tmp_path, change):
    path = tiny.write_npz(tmp_path / "other.npz", **change)
    with pytest.raises(ValueError, match=r"other\.npz: expected an npz archive of MNIST, got .*_t"):
        mnist.load_data(path)


def test_npz_without_an_array_is_refused(tmp_path, tiny):
    np.savez(tmp_path / "less.npz", x_train=tiny.arrays["x_train"])
    found = r"no y_train, x_test, y_test among the members \['x_train\.npy'\]"
    with pytest.raises(ValueError, match=rf"less\.npz.*{found}"):
        mnist.load_data(tmp_path / "less.npz")


def test_foreign_file_is_refused(tiny, tmp_path):
    (tmp_path / "page.npz").write_bytes(b"<!DOCTYPE html><title>Log in</title>")
    with pytest.raises(ValueError, match=r"page\.npz: .*not a zip file .*DOCTYPE"):
        mnist.load_data(tmp_path / "page.npz")


def test_cut_npz_is_refused_wherever_it_ends(tiny, tmp_path):
    content = tiny.write_npz(tmp_path / "whole.npz").read_bytes()
    for length in range(0, len(content), 397):
        (tmp_path / "cut.npz").write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"cut\.npz: expected an npz archive of MNIST"):
            mnist.load_data(tmp_path / "cut.npz")


def test_npz_with_a_changed_byte_never_gives_other_arrays(tiny, tmp_path):
    content = tiny.write_npz(tmp_path / "whole.npz").read_bytes()
    refused = 0
    positions = [*range(0, 200), *range(200, len(content) - 600, 151)]
    positions += range(len(content) - 600, len(content))
    for position in positions:
        changed = bytearray(content)
        changed[position] ^= 0xFF
        try:
            arrays = _containers.read_npz(io.BytesIO(changed), "changed.npz", tiny.dataset)
        except ValueError as error:
            assert str(error).startswith("changed.npz: expected")
            refused += 1
        else:  # a byte that is not read, such as a time stamp
            assert all(np.array_equal(arrays[key], tiny.arrays[key]) for key in arrays)
    assert refused > len(positions) / 2


@pytest.mark.parametrize("zipped", [False, True])
def test_cut_or_long_idx_is_refused(tiny, tmp_path, zipped):
    folder = tiny.write_idx(tmp_path / "raw", zipped)
    path = folder / (IDX_FILES["x_test"] + (".gz" if zipped else ""))
    content = path.read_bytes()
    for damaged in (
        b"",
        content[:7],
        content[:-1],
        content[: len(content) // 2],
        content + content,
    ):
        path.write_bytes(damaged)
        with pytest.raises(
            ValueError, match=rf"{path.name}: expected the IDX file {path.stem[:10]}"
        ):
            mnist.load_data(folder)


def test_exchanged_idx_files_are_refused(tiny, tmp_path):
    folder = tiny.write_idx(tmp_path / "raw")
    (folder / IDX_FILES["x_test"]).rename(folder / IDX_FILES["x_train"])
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte: .*got the header 00 00 08 03"):
        mnist.load_data(folder)


def test_missing_idx_file_is_named(tiny, tmp_path):
    folder = tiny.write_idx(tmp_path / "raw")
    (folder / IDX_FILES["y_test"]).unlink()
    with pytest.raises(
        ValueError,
        match=r"raw: expected t10k-labels-idx1-ubyte or t10k-labels\.idx1-ubyte, or .*\.gz",
    ):
        mnist.load_data(folder)


def test_zip_bomb_is_not_decompressed(tiny, tmp_path):
    """A member that declares, or hides, 60 MB of zeros costs no more than the right one."""
    path = tiny.write_npz(tmp_path / "bomb.npz", x_test=np.zeros((60_000_000,), np.uint8))
    with pytest.raises(ValueError, match=r"x_test as uint8 \(60000000,\)"):
        mnist.load_data(path)
    # The header is right, and more follows than it says.
    member = io.BytesIO()
    np.save(member, tiny.arrays["x_test"])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, array in tiny.arrays.items():
            with archive.open(f"{key}.npy", "w") as file:
                np.save(file, array) if key != "x_test" else file.write(
                    member.getvalue() + bytes(60_000_000)
                )
    asked = []
    read_bytes = zipfile.ZipExtFile.read
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            zipfile.ZipExtFile, "read", lambda file, n: (asked.append(n), read_bytes(file, n))[1]
        )
        with pytest.raises(ValueError, match="more bytes in x_test instead of 3920"):
            mnist.load_data(path)
    assert max(asked) == 13 * 28 * 28 + 1


def test_gzip_bomb_is_not_decompressed(tiny):
    bomb = io.BytesIO(gzip.compress(tiny.idx["x_test"] + bytes(20_000_000)))
    with pytest.raises(ValueError, match=r"bomb: .* more bytes in x_test"):
        _containers.read_idx(bomb, "bomb", "x_test", tiny.dataset)


def test_npz_bytes_round_trip(tiny):
    content = _containers.npz_bytes(tiny.arrays)
    arrays = _containers.read_npz(io.BytesIO(content), "copy", tiny.dataset)
    assert all(np.array_equal(arrays[key], tiny.arrays[key]) for key in tiny.arrays)


@pytest.mark.parametrize("module", [mnist, fashion_mnist])
def test_real_data_loads(module, real_data):
    """With $MINIGRAD_DATA set to a folder with both: the hashes are those of the real data."""
    (x_train, y_train), (x_test, y_test) = module.load_data(real_data)
    assert (x_train.shape, y_train.shape) == ((60000, 28, 28), (60000,))
    assert (x_test.shape, y_test.shape) == ((10000, 28, 28), (10000,))


def test_real_data_is_not_taken_for_another(real_data):
    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data(real_data)
    file = io.BytesIO()
    np.savez(file, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    with pytest.raises(ValueError, match="other content in x_train"):
        _containers.read_npz(file, "fashion", mnist.MNIST)


def test_read_names_a_file_that_cannot_be_opened(tiny, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.npz"):
        read(tmp_path / "nothing.npz", tiny.dataset)
