"""Batches of the pictures in a folder, with labels by the folders in it."""

import os

import numpy as np

from minigrad import random
from minigrad.utils.arguments import whole_number
from minigrad.utils.arrays import one_hot
from minigrad.utils.images import (
    INTERPOLATIONS,
    check_color_mode,
    check_data_format,
    cut_to_aspect,
    img_to_array,
    load_img,
    pad_to_aspect,
    pillow,
    resize,
)
from minigrad.utils.pipelines import Dataset, as_batch

OWNER = "image_dataset_from_directory"
FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


def image_dataset_from_directory(
    directory, labels="inferred", label_mode="int", class_names=None, color_mode="rgb",
    batch_size=32, image_size=(256, 256), shuffle=True, seed=None, validation_split=None,
    subset=None, interpolation="bilinear", follow_links=False, crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False, data_format=None, format="tf", verbose=True,
):  # fmt: skip
    """Return batches of the pictures (.jpg, .png, .bmp, .gif) in a folder; Pillow reads them.

    Parameters
    ----------
    directory : str or path
        It has a folder for each class, unless `labels` says otherwise.
    labels : "inferred", list of int, or None
        By the folders; one for each file, in the order of their paths; or none.
    label_mode : {"int", "binary", "categorical"} or None
        int32 (n,); float32 (n, 1) for two classes; float32 (n, classes), one-hot; or none.
    class_names : list of str, optional
        The folders, in the order of the labels. Default: all, in alphabetical order.
    color_mode : {"rgb", "grayscale", "rgba"}
    batch_size : int or None
        None: no batches but single pictures.
    image_size : (int, int) or int
        Height and width to which all pictures are brought.
    shuffle : bool
        Whether to put the files in another order, once; `fit` draws one of the batches for each
        epoch. The same `seed` gives the same order, Keras's.
    seed : int, optional
    validation_split : float, optional
        The part of the files, the last ones, that is for validation.
    subset : {"training", "validation", "both"}, optional
        Which part; "both" returns two data sets.
    interpolation : {"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"}
    follow_links : bool
        Whether to look into folders that are links.
    crop_to_aspect_ratio, pad_to_aspect_ratio : bool
        Whether to keep the proportions, and to cut off or add what does not fit.
    data_format : {"channels_last"}, optional
    format : {"tf", "grain"}
        Without effect.
    verbose : bool
        Whether to print how many files there are.

    Returns
    -------
    minigrad.utils.pipelines.Dataset, or a list of two
        Of (images, labels), or of images: float32 (n, height, width, channels), from 0 to 255. Its
        attributes are `class_names` and `file_paths`.

    Raises
    ------
    ValueError
        If arguments do not fit each other or the files, or if there are none.
    ImportError
        Without Pillow.
    """
    pillow(OWNER)
    check_color_mode(OWNER, color_mode)
    check_data_format(OWNER, data_format)
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2:
        raise ValueError(f"{OWNER}: expected image_size (height, width), got {image_size!r}")
    _check_options(
        labels, label_mode, interpolation.lower(), crop_to_aspect_ratio, pad_to_aspect_ratio
    )
    _check_split(validation_split, subset, shuffle, seed)
    if labels is None or label_mode is None:
        labels = label_mode = None
    paths, labels, class_names = list_files(OWNER, directory, labels, class_names, follow_links)
    if label_mode == "binary" and len(class_names) != 2:
        raise ValueError(f"{OWNER}: expected two classes for 'binary' labels, got {class_names}")
    if verbose:
        classes = "" if labels is None else f" belonging to {len(class_names)} classes"
        print(f"Found {len(paths)} files{classes}.")
    order = np.arange(len(paths))
    if shuffle:
        np.random.RandomState(random.next_seed() % 2**32 if seed is None else seed).shuffle(order)

    def read(path):
        x = img_to_array(load_img(path, color_mode))
        if crop_to_aspect_ratio:
            x = cut_to_aspect(x, size)
        elif pad_to_aspect_ratio:
            x = pad_to_aspect(x, size)
        return resize(x, size, interpolation.lower())

    def dataset(part, purpose=None):
        if verbose and purpose:
            print(f"Using {len(part)} files for {purpose}.")
        if len(part) == 0:
            what = f"a picture ({', '.join(FORMATS)}) for {purpose or 'the data set'}"
            raise ValueError(f"{OWNER}: expected {what}, got none in {directory}")
        files = [paths[i] for i in part]
        samples = Dataset(lambda index: as_batch(read(files[index])), len(files))
        if labels is not None:
            y = encode(labels[part], label_mode, len(class_names))
            images = samples
            samples = Dataset(lambda index: (images[index], y[index]), len(files))
        if batch_size is not None:
            samples = samples.batch(whole_number(OWNER, "batch_size", batch_size, least=1))
        samples.class_names, samples.file_paths = class_names, files
        return samples

    if not validation_split:
        return dataset(order)
    cut = len(order) - int(validation_split * len(order))
    parts = {"training": order[:cut], "validation": order[cut:]}
    if subset == "both":
        return [dataset(part, purpose) for purpose, part in parts.items()]
    return dataset(parts[subset], subset)


def list_files(owner, directory, labels, class_names, follow_links, formats=FORMATS):
    """Return the paths of the files, their labels (int32, or None) and the names of the classes."""
    if labels == "inferred":
        found = [entry.name for entry in os.scandir(directory) if entry.is_dir()]
        folders = sorted(name for name in found if not name.startswith("."))
        if unknown := set(class_names or ()) - set(folders):
            expected = f"class_names among the folders {folders}"
            raise ValueError(f"{owner}: expected {expected}, got {sorted(unknown)}")
        names = list(class_names or folders)
        parts = [_files_in(os.path.join(directory, name), follow_links, formats) for name in names]
        paths = [path for part in parts for path in part]
        return paths, np.repeat(np.arange(len(names), dtype="int32"), list(map(len, parts))), names
    if class_names is not None:
        expected = "class_names only with labels 'inferred'"
        raise ValueError(f"{owner}: expected {expected}, got {class_names}")
    paths = _files_in(directory, follow_links, formats)
    if labels is None:
        return paths, None, None
    if len(labels) != len(paths):
        raise ValueError(f"{owner}: expected {len(paths)} labels, one a file, got {len(labels)}")
    return paths, np.asarray(labels, "int32"), [str(label) for label in sorted(set(labels))]


def encode(labels, label_mode, num_classes):
    """Return labels (n,) as `label_mode` says."""
    if label_mode == "categorical":
        return one_hot(labels, num_classes, np.float32)
    return labels[:, None].astype("float32") if label_mode == "binary" else labels


def _files_in(folder, follow_links, formats):
    """The paths of the files of these formats, in alphabetical order, folder by folder."""
    walk = sorted(os.walk(folder, followlinks=follow_links))
    return [
        os.path.join(where, name)
        for where, _, names in walk
        for name in sorted(names)
        if name.lower().endswith(formats)
    ]


def _check_options(labels, label_mode, interpolation, crops, pads):
    if labels not in ("inferred", None) and not isinstance(labels, (list, tuple)):
        raise ValueError(f"{OWNER}: expected labels 'inferred', None or a list, got {labels!r}")
    if label_mode not in ("int", "categorical", "binary", None):
        expected = "label_mode 'int', 'categorical', 'binary' or None"
        raise ValueError(f"{OWNER}: expected {expected}, got {label_mode!r}")
    if interpolation not in INTERPOLATIONS:
        expected = f"interpolation one of {INTERPOLATIONS}"
        raise ValueError(f"{OWNER}: expected {expected}, got {interpolation!r}")
    if crops and pads:
        raise ValueError(f"{OWNER}: expected crop_ or pad_to_aspect_ratio, got both")


def _check_split(validation_split, subset, shuffle, seed):
    if bool(validation_split) != bool(subset):
        got = f"{validation_split} and {subset!r}"
        raise ValueError(f"{OWNER}: expected validation_split and subset, or none, got {got}")
    if subset not in ("training", "validation", "both", None):
        expected = "subset 'training', 'validation' or 'both'"
        raise ValueError(f"{OWNER}: expected {expected}, got {subset!r}")
    if validation_split and not 0 < validation_split < 1:
        raise ValueError(f"{OWNER}: expected validation_split from 0 to 1, got {validation_split}")
    if validation_split and shuffle and seed is None:
        raise ValueError(f"{OWNER}: expected a seed, so that the parts do not overlap, got None")
