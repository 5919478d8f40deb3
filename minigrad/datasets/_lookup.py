"""Finding a data set: the argument, $MINIGRAD_DATA, the caches, and last the network."""

import io
import math
import os
import sys
import warnings
from pathlib import Path

from minigrad.datasets._containers import (
    IDX_FILES,
    idx_path,
    npz_bytes,
    read,
    read_idx,
    read_npz,
)
from minigrad.utils.download import download, is_offline, keras_home
from minigrad.utils.files import replacing
from minigrad.utils.together import first

ARCHIVE_BYTES = 1 << 16  # allowed beyond the arrays: headers, a directory


class DatasetNotFoundError(OSError):
    """The data set is not on this machine, and could not be downloaded."""


def load(dataset, path=None):
    """Return `((x_train, y_train), (x_test, y_test))` from the first place that has the data set.

    A file that the user names, by the argument or $MINIGRAD_DATA, is used or refused; in a folder
    that is named, all files that may be meant are tried. A bad file in a cache, or in the folder of
    $MINIGRAD_DATA, which may be that of another data set, is skipped with a warning. A download is
    kept in `cache_folder()`.

    Parameters
    ----------
    dataset : ImageDataset
    path : str or path, optional
        An npz file, or a folder that holds it or the four IDX files. The bare name of the npz
        file (Keras's default) means the caches, unless the current folder has such a file.

    Raises
    ------
    ValueError
        The file that was named is damaged or other data.
    FileNotFoundError
        There is nothing at the argument's path or that of $MINIGRAD_DATA.
    DatasetNotFoundError
        No cache has the data set, and no mirror provides it or $MINIGRAD_OFFLINE forbids to ask.
    """
    return first(lambda: _load(dataset, path))


def _load(dataset, path):
    npz_name = f"{dataset.name}.npz"
    if path is not None and (str(path) != npz_name or os.path.exists(path)):
        places = _places_in(path, dataset)
        if not places:
            names = f"such as {IDX_FILES['x_train']}, also with .idx, in .gz or in a folder each"
            found = ", ".join(sorted(os.listdir(Path(path).expanduser()))[:8]) or "an empty folder"
            raise FileNotFoundError(
                f"{path}: expected {npz_name} or IDX files in it ({names}), got {found}"
            )
        return _pairs(_read_any(places, dataset))

    report, named = [], []
    if variable := os.environ.get("MINIGRAD_DATA"):
        named = _places_in(variable, dataset)
        if Path(variable).expanduser().is_file():
            return _pairs(read(named[0], dataset))
        if not named:
            report.append(f"{variable} ($MINIGRAD_DATA): neither {npz_name} nor IDX files in it")

    for place in [*named, *_caches(dataset)]:
        try:
            if _has_data(place):
                return _pairs(read(place, dataset))
            report.append(f"{place}: not there")
        except (OSError, ValueError) as error:
            warnings.warn(f"skipped {error}", stacklevel=6)
            report.append(str(error))

    if is_offline():
        report.append("the network: forbidden by MINIGRAD_OFFLINE")
        raise DatasetNotFoundError(_not_found(dataset, report))
    for mirror in dataset.mirrors:
        print(f"Downloading data from {mirror}", flush=True)
        try:
            arrays = _fetch(mirror, dataset)
        except (OSError, ValueError) as error:
            report.append(str(error))
            continue
        keep(npz_name, npz_bytes(arrays))
        return _pairs(arrays)
    raise DatasetNotFoundError(_not_found(dataset, report))


def keep(name, content):
    """Put the bytes of a download into `cache_folder()`; warn if that cannot be."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        with replacing(cache_folder() / name) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        warnings.warn(f"{name} could not be kept for next time: {error}", stacklevel=7)


def cache_folder():
    """Return the folder in which minigrad keeps its downloads."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expanduser(base), "minigrad")


def _caches(dataset):
    """Return the places where a data set may already be, npz files and folders of IDX files."""
    # torchvision has no folder of its own: these are the roots in its and PyTorch's examples.
    torchvision_roots = ["data", "../data", os.path.expanduser("~/data")]
    return [
        Path(keras_home(), "datasets", dataset.keras_name),
        *(Path(root, dataset.torchvision_name, "raw") for root in torchvision_roots),
        cache_folder() / f"{dataset.name}.npz",
        cache_folder() / dataset.name,
    ]


def _places_in(path, dataset):
    """Return the npz files and IDX folders that a path may mean; none for a folder without them."""
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected a file or folder with {dataset.title}, got none")
    if not path.is_dir():
        return [path]
    own = path / dataset.torchvision_name
    places = [path / f"{dataset.name}.npz", own / "raw", own, path / dataset.name]
    return [place for place in [*places, path, path / "raw"] if _has_data(place)]


def _read_any(places, dataset):
    """Read the first place that has the data set; if none has, raise what is wrong with each."""
    errors = []
    for place in places:
        try:
            return read(place, dataset)
        except (OSError, ValueError) as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    raise ValueError("\n".join(map(str, errors)))


def _has_data(place):
    return place.is_file() or any(idx_path(place, key) for key in IDX_FILES)


def _fetch(mirror, dataset):
    """Return the verified arrays from one mirror: an npz file, or a folder (".../") of IDX.gz."""
    if not mirror.endswith("/"):
        all_bytes = sum(math.prod(shape) for shape, _ in dataset.expected.values())
        content = download(mirror, all_bytes + ARCHIVE_BYTES)
        return read_npz(io.BytesIO(content), mirror, dataset)
    arrays = {}
    for key, (shape, _) in dataset.expected.items():
        url = f"{mirror}{IDX_FILES[key]}.gz"
        content = download(url, math.prod(shape) + ARCHIVE_BYTES)
        arrays[key] = read_idx(io.BytesIO(content), url, key, dataset)
    return arrays


def _pairs(arrays):
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def _not_found(dataset, report):
    tried = "\n".join(f"  - {line}" for line in report)
    return f"""{dataset.title} was found neither on this machine nor on the network. Tried:
{tried}
What helps:
  - fetch it elsewhere, for instance from {dataset.mirrors[0]}
    and put {dataset.name}.npz into {cache_folder()}
    or the four *-ubyte.gz files into {cache_folder() / dataset.name};
  - or keep that file or folder anywhere and name it: load_data(path), or the environment
    variable MINIGRAD_DATA;
  - or do without, offline: minigrad.datasets.synthetic_digits.load_data() draws digits in
    MNIST's shapes and types. They are not MNIST."""
