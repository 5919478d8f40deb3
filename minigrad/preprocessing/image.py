"""Pictures, and batches of them that are changed at random: `ImageDataGenerator`.

New programs do better with layers such as `RandomFlip`, which a model can hold.
"""

import itertools
import os
import warnings

import numpy as np

from minigrad.core import Tensor
from minigrad.layers.augmentation import RandomTransform
from minigrad.utils.arguments import Described
from minigrad.utils.arrays import one_hot
from minigrad.utils.datasets import PyDataset
from minigrad.utils.folders import list_files
from minigrad.utils.images import (
    COLOR_MODES,
    array_to_img,
    check_color_mode,
    check_data_format,
    img_to_array,
    load_img,
    save_img,
    smart_resize,
)

__all__ = [
    "ImageBatches",
    "ImageDataGenerator",
    "array_to_img",
    "img_to_array",
    "load_img",
    "save_img",
    "smart_resize",
]

FORMATS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")
CLASS_MODES = ("categorical", "binary", "sparse", "raw", "input", None)


class ImageDataGenerator(Described):
    """Batches of images that are changed at random, and brought to a scale.

    The random numbers are those of `numpy.random`, which `set_random_seed` seeds, drawn as Keras
    draws them.

    Parameters
    ----------
    featurewise_center, featurewise_std_normalization : bool
        Subtract the mean over all images of each channel, and divide by the standard deviation
        (which takes the first for granted). `fit` computes them.
    samplewise_center, samplewise_std_normalization : bool
        The same with the mean and standard deviation of each image.
    zca_whitening : bool
        Turn values so that those of different pixels no longer vary together (and subtract the mean
        over all images, without dividing). `fit` computes the matrix: for small images only.
    zca_epsilon : float
        Added to what is divided by, the standard deviation along each direction.
    rotation_range : float
        The largest angle, in degrees.
    width_shift_range, height_shift_range : float, int or array_like
        How far images move right or left, and up or down: below 1, in widths and heights of the
        image, else in pixels; or a list of distances to choose from. An int means whole pixels.
    brightness_range : (float, float), optional
        Brightness is multiplied by a number between these. Needs Pillow.
    shear_range : float
        The largest angle of shearing, in degrees.
    zoom_range : float or (float, float)
        Height and width of what is shown, in those of the image; 0.2 means from 0.8 to 1.2.
    channel_shift_range : float
        The most that is added to all values, which stay within those of the image.
    fill_mode : {"nearest", "constant", "reflect", "wrap"}
        What is beyond the border: see ``layers.RandomRotation``.
    cval : float
        The value with "constant".
    horizontal_flip, vertical_flip : bool
        Whether to mirror half of the images.
    rescale : float, optional
        Values are multiplied by this, after `preprocessing_function`.
    preprocessing_function : callable, optional
        Applied to each image (H, W, C).
    data_format : {"channels_last"}, optional
    validation_split : float
        The part of the images, the first ones, that is `subset="validation"`.
    interpolation_order : {1, 0}
        Values between pixels: on straight lines, or the nearest pixel's.
    dtype : str, optional
        Of the images; default: float32.
    """

    def __init__(
        self, featurewise_center=False, samplewise_center=False,
        featurewise_std_normalization=False, samplewise_std_normalization=False,
        zca_whitening=False, zca_epsilon=1e-6, rotation_range=0, width_shift_range=0.0,
        height_shift_range=0.0, brightness_range=None, shear_range=0.0, zoom_range=0.0,
        channel_shift_range=0.0, fill_mode="nearest", cval=0.0, horizontal_flip=False,
        vertical_flip=False, rescale=None, preprocessing_function=None, data_format=None,
        validation_split=0.0, interpolation_order=1, dtype=None,
    ):  # fmt: skip
        check_data_format("ImageDataGenerator", data_format)
        if validation_split and not 0 < validation_split < 1:
            expected = "validation_split from 0 to 1"
            raise ValueError(f"ImageDataGenerator: expected {expected}, got {validation_split}")
        pair = zoom_range if isinstance(zoom_range, (tuple, list)) else None
        for name, value in (("zoom_range", pair), ("brightness_range", brightness_range)):
            if value is not None and len(value) != 2:
                expected = f"{name} as two numbers"
                raise ValueError(f"ImageDataGenerator: expected {expected}, got {value!r}")
        self.featurewise_center = (
            featurewise_center or featurewise_std_normalization or zca_whitening
        )
        self.featurewise_std_normalization = featurewise_std_normalization and not zca_whitening
        self.samplewise_center = samplewise_center or samplewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.brightness_range = brightness_range
        self.shear_range = shear_range
        self.zoom_range = list(pair or (1 - zoom_range, 1 + zoom_range))
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.validation_split = validation_split
        self.dtype = dtype or "float32"
        self.mean = self.std = self.zca_whitening_matrix = None
        # A constant begins right at the border here, as in SciPy, which Keras uses.
        self._pixels = RandomTransform(
            "nearest" if fill_mode == "constant" else fill_mode,
            "bilinear" if interpolation_order else "nearest",
            seed=0,
        )

    def flow(
        self, x, y=None, batch_size=32, shuffle=True, sample_weight=None, seed=None,
        save_to_dir=None, save_prefix="", save_format="png", ignore_class_split=False, subset=None,
    ):  # fmt: skip
        """Return batches of images (N, H, W, C): x, (x, y) or (x, y, sample_weight).

        Parameters
        ----------
        x, y, sample_weight : array_like
        batch_size : int or None
            None: all in one batch.
        shuffle : bool
            Whether to draw a new order for each epoch.
        seed : int, optional
            Two flows of one seed draw the same, as for images and masks.
        save_to_dir, save_prefix, save_format : str, optional
            The folder in which all pictures are kept that are made, to look at them.
        ignore_class_split : bool
            Whether a subset may lack some of the labels.
        subset : {"training", "validation"}, optional

        Returns
        -------
        ImageBatches
        """
        x = np.asarray(x, self.dtype)
        y, weights = (None if a is None else np.asarray(a) for a in (y, sample_weight))
        if x.ndim != 4:
            raise ValueError(f"flow: expected images (N, H, W, C), got {x.shape}")
        for name, array in (("y", y), ("sample_weight", weights)):
            if array is not None and len(array) != len(x):
                raise ValueError(f"flow: expected {len(x)} in {name}, got {len(array)}")
        kept = self._subset(len(x), subset)
        if subset and y is not None and not ignore_class_split:
            found, others = np.unique(y[kept]), np.unique(np.delete(y, kept, axis=0))
            if not np.array_equal(found, others):
                cure = "shuffle x and y, or ignore_class_split=True"
                raise ValueError(f"flow: expected the same labels in both subsets; {cure}")
        y, weights = (None if a is None else a[kept] for a in (y, weights))
        images, save = x[kept], (save_to_dir, save_prefix, save_format)
        return ImageBatches(
            self, lambda i: images[i], len(kept), y, weights, batch_size, shuffle, seed, save
        )

    def flow_from_directory(
        self, directory, target_size=(256, 256), color_mode="rgb", classes=None,
        class_mode="categorical", batch_size=32, shuffle=True, seed=None, save_to_dir=None,
        save_prefix="", save_format="png", follow_links=False, subset=None,
        interpolation="nearest", keep_aspect_ratio=False,
    ):  # fmt: skip
        """Return batches of the pictures in a folder, which has a folder for each class.

        Parameters
        ----------
        directory : str or path
        target_size, color_mode, interpolation, keep_aspect_ratio
            As for `load_img`.
        classes : list of str, optional
            The folders, in the order of the labels. Default: all, in alphabetical order.
        class_mode : {"categorical", "binary", "sparse", "input"} or None
            Labels are one-hot, or numbers; the images themselves; or there are none.
        follow_links : bool
            Whether to look into folders that are links.
        subset : {"training", "validation"}, optional
            Of each class.
        batch_size, shuffle, seed, save_to_dir, save_prefix, save_format
            As for `flow`.

        Returns
        -------
        ImageBatches
            With the attributes `filepaths`, `filenames`, `classes` (the labels), `class_indices`
            (labels by names), `samples`, `num_classes` and `image_shape`.
        """
        paths, labels, names = list_files(
            "flow_from_directory", directory, "inferred", classes, follow_links, FORMATS
        )
        parts = [np.flatnonzero(labels == label) for label in range(len(names))]
        kept = np.concatenate(
            [part[self._subset(len(part), subset)] for part in parts] or [np.arange(0)]
        )
        print(f"Found {len(kept)} images belonging to {len(names)} classes.")
        batches = self._flow_files(
            [paths[i] for i in kept], labels[kept], names, class_mode, None, target_size,
            color_mode, interpolation, keep_aspect_ratio, batch_size, shuffle, seed,
            (save_to_dir, save_prefix, save_format),
        )  # fmt: skip
        batches.filenames = [os.path.relpath(path, directory) for path in batches.filepaths]
        return batches

    def flow_from_dataframe(
        self, dataframe, directory=None, x_col="filename", y_col="class", weight_col=None,
        target_size=(256, 256), color_mode="rgb", classes=None, class_mode="categorical",
        batch_size=32, shuffle=True, seed=None, save_to_dir=None, save_prefix="",
        save_format="png", subset=None, interpolation="nearest", validate_filenames=True,
    ):  # fmt: skip
        """Return batches of the pictures that a table names.

        Parameters
        ----------
        dataframe : pandas.DataFrame, or a dict of columns
        directory : str or path, optional
            Where the files are, if the table has no whole paths.
        x_col, y_col, weight_col : str
            The columns with files, labels and weights. With "raw", `y_col` may be a list.
        class_mode : {"categorical", "binary", "sparse", "raw", "input"} or None
            "raw" means the column's numbers.
        validate_filenames : bool
            Whether to leave out files that are not there, with a warning.
        **others
            As for `flow_from_directory`; the subset is one of the whole table.

        Returns
        -------
        ImageBatches
            As of `flow_from_directory`.
        """
        filenames = [os.fspath(name) for name in dataframe[x_col]]
        paths = [os.path.join(directory or "", name) for name in filenames]
        kept = np.arange(len(paths))
        if validate_filenames:
            kept = np.array([i for i in kept if os.path.isfile(paths[i])], int)
            if len(kept) < len(paths):
                missing = next(path for path in paths if not os.path.isfile(path))
                count = len(paths) - len(kept)
                warnings.warn(f"left out {count} files, such as {missing}", stacklevel=2)
        names, labels = None, None
        if class_mode == "raw":
            columns = y_col if isinstance(y_col, (list, tuple)) else [y_col]
            labels = np.stack([np.asarray(dataframe[column]) for column in columns], axis=-1)
            labels = labels if isinstance(y_col, (list, tuple)) else labels[:, 0]
        elif class_mode in ("categorical", "binary", "sparse"):
            column = list(dataframe[y_col])
            names = list(classes or sorted(set(column)))
            kept = np.array([i for i in kept if column[i] in names], int)
            labels = np.array([names.index(one) if one in names else -1 for one in column])
        kept = kept[self._subset(len(kept), subset)]
        belonging = "" if names is None else f" belonging to {len(names)} classes"
        print(f"Found {len(kept)} validated image filenames{belonging}.")
        weights = None if weight_col is None else np.asarray(dataframe[weight_col])[kept]
        batches = self._flow_files(
            [paths[i] for i in kept], None if labels is None else labels[kept], names, class_mode,
            weights, target_size, color_mode, interpolation, False, batch_size, shuffle, seed,
            (save_to_dir, save_prefix, save_format),
        )  # fmt: skip
        batches.filenames = [filenames[i] for i in kept]
        return batches

    def fit(self, x, augment=False, rounds=1, seed=None):
        """Compute what `featurewise_...` and `zca_whitening` need, over images (N, H, W, C).

        Parameters
        ----------
        x : array_like
        augment : bool
            Whether of images that are changed at random.
        rounds : int
            How many times each image is changed then.
        seed : int, optional
        """
        x = np.array(x, self.dtype)
        if x.ndim != 4:
            raise ValueError(f"fit: expected images (N, H, W, C), got {x.shape}")
        if self.rescale:
            x *= self.rescale
        if augment:
            draw = np.random if seed is None else np.random.RandomState(seed)
            x = np.stack([self._change(image, draw) for _ in range(rounds) for image in x])
        if self.featurewise_center:
            self.mean = x.mean(axis=(0, 1, 2), keepdims=True)[0]
        if self.featurewise_std_normalization:
            self.std = (x - self.mean).std(axis=(0, 1, 2), keepdims=True)[0]
        if self.zca_whitening:  # (N, H, W, C) -> (H · W · C, N), as U · S · V
            U, S, _ = np.linalg.svd((x - self.mean).reshape(len(x), -1).T, full_matrices=False)
            self.zca_whitening_matrix = U * (len(x) ** 0.5 / (S + self.zca_epsilon)) @ U.T

    def standardize(self, x):
        """Return an image, or several, as `preprocessing_function`, `rescale`, ... change it."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        x = np.array(x, self.dtype)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= x.mean()
        if self.samplewise_std_normalization:
            x /= x.std() + 1e-6
        if self.featurewise_center and self.mean is None:
            warnings.warn("featurewise_center: call fit(x) first; it is left out", stacklevel=2)
        elif self.featurewise_center:
            x -= self.mean
            if self.featurewise_std_normalization:
                x /= self.std + 1e-6
            if self.zca_whitening:
                rows = x.reshape(-1, len(self.zca_whitening_matrix))  # (N, H · W · C)
                x = (rows @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def random_transform(self, x, seed=None):
        """Return an image (H, W, C) changed at random."""
        return self.apply_transform(x, self.get_random_transform(np.shape(x), seed))

    def get_random_transform(self, img_shape, seed=None):
        """Draw a change for images of this shape: a dict, for `apply_transform`."""
        return self._draw(img_shape, np.random if seed is None else np.random.RandomState(seed))

    def apply_transform(self, x, transform_parameters):
        """Return an image (H, W, C), changed.

        Parameters
        ----------
        x : array_like
        transform_parameters : dict
            `theta` and `shear` (degrees), `tx` and `ty` (pixels to the left and up), `zx` and
            `zy` (width and height of what is shown, in those of the image), `flip_horizontal`,
            `flip_vertical`, `channel_shift_intensity`, `brightness`; what is left out changes
            nothing.
        """
        x, change = np.array(x, self.dtype), transform_parameters.get
        H, W, _ = x.shape
        theta, shear = np.deg2rad(change("theta", 0)), np.deg2rad(change("shear", 0))
        rotation = [[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0]]
        shift = [[1, 0, change("tx", 0)], [0, 1, change("ty", 0)]]
        shearing = [[1, -np.sin(shear), 0], [0, np.cos(shear), 0]]
        zoom = [[change("zx", 1), 0, 0], [0, change("zy", 1), 0]]
        matrix = np.eye(3)
        for step in (rotation, shift, shearing, zoom):
            matrix = matrix @ [*step, [0, 0, 1]]
        if not np.array_equal(matrix, np.eye(3)):
            # From the image's center: (column, row, 1) of each pixel, and where it is taken from.
            j, i = np.meshgrid(np.arange(W) - (W - 1) / 2, np.arange(H) - (H - 1) / 2)
            columns, rows, _ = np.tensordot(matrix, [j, i, np.ones((H, W))], 1)
            x = self._look_up(x, rows + (H - 1) / 2, columns + (W - 1) / 2)
        if change("channel_shift_intensity") is not None:
            x = np.clip(x + change("channel_shift_intensity"), x.min(), x.max())
        if change("flip_horizontal"):
            x = x[:, ::-1]
        if change("flip_vertical"):
            x = x[::-1]
        if change("brightness") is not None:
            x = _brighten(x, change("brightness"))
        return x

    def _draw(self, shape, draw):
        """Draw numbers in Keras's order; `draw` is a generator or the module `numpy.random`."""

        def within(limit):
            return draw.uniform(-limit, limit) if limit else 0

        def shift(limits, size):
            if not np.any(limits):
                return 0
            if isinstance(limits, float):
                distance = draw.uniform(-limits, limits)
            else:  # one of a list, or of the whole numbers below an int
                distance = draw.choice(limits) * draw.choice([-1, 1])
            return distance * size if np.max(limits) < 1 else distance

        theta = within(self.rotation_range)
        ty = shift(self.height_shift_range, shape[0])
        tx = shift(self.width_shift_range, shape[1])
        shear = within(self.shear_range)
        zx, zy = (1, 1) if self.zoom_range == [1, 1] else draw.uniform(*self.zoom_range, 2)
        flip_horizontal = (draw.random_sample() < 0.5) and self.horizontal_flip
        flip_vertical = (draw.random_sample() < 0.5) and self.vertical_flip
        channels = within(self.channel_shift_range) if self.channel_shift_range else None
        brightness = draw.uniform(*self.brightness_range) if self.brightness_range else None
        return {
            "theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy,
            "flip_horizontal": flip_horizontal, "flip_vertical": flip_vertical,
            "channel_shift_intensity": channels, "brightness": brightness,
        }  # fmt: skip

    def _change(self, x, draw):
        return self.apply_transform(x, self._draw(x.shape, draw))

    def _look_up(self, x, rows, columns):
        """The image at places between pixels."""
        y = self._pixels.look_up(Tensor(x[None]), rows[None], columns[None]).numpy()[0]
        if self.fill_mode != "constant":
            return y.astype(x.dtype)
        H, W, _ = x.shape
        inside = (rows >= 0) & (rows <= H - 1) & (columns >= 0) & (columns <= W - 1)
        return np.where(inside[..., None], y, self.cval).astype(x.dtype)

    def _subset(self, n, subset):
        """The numbers of the images that are in the subset; the first ones are for validation."""
        if subset not in (None, "training", "validation"):
            expected = "subset 'training' or 'validation'"
            raise ValueError(f"ImageDataGenerator: expected {expected}, got {subset!r}")
        cut = int(n * self.validation_split)
        return np.arange(n)[{None: slice(None), "training": slice(cut, n)}.get(subset, slice(cut))]

    def _flow_files(
        self, paths, labels, names, class_mode, weights, target_size, color_mode, interpolation,
        keep_aspect_ratio, batch_size, shuffle, seed, save,
    ):  # fmt: skip
        check_color_mode("ImageDataGenerator", color_mode)
        if class_mode not in CLASS_MODES:
            expected = f"class_mode one of {CLASS_MODES}"
            raise ValueError(f"ImageDataGenerator: expected {expected}, got {class_mode!r}")

        def read(index):
            options = color_mode, target_size, interpolation, keep_aspect_ratio
            return img_to_array(load_img(paths[index], *options), dtype=self.dtype)

        y = labels if class_mode == "raw" else None
        if class_mode == "categorical":
            y = one_hot(labels, len(names), self.dtype)
        elif class_mode in ("binary", "sparse"):
            y = labels.astype(self.dtype)
        elif class_mode == "input":
            y = "input"
        batches = ImageBatches(self, read, len(paths), y, weights, batch_size, shuffle, seed, save)
        batches.filepaths = paths
        batches.classes = batches.labels = labels
        batches.class_mode = class_mode
        batches.target_size = tuple(target_size)
        batches.image_shape = (*target_size, COLOR_MODES[color_mode])
        if names is not None:
            batches.num_classes = len(names)
            batches.class_indices = {name: label for label, name in enumerate(names)}
        return batches


class ImageBatches(PyDataset):
    """What `ImageDataGenerator.flow` and its kin return.

    `batches[i]` is a batch, `len(batches)` their number in an epoch. Iterating begins with the
    first one and never ends; `next(batches)` goes on where it was.

    Attributes
    ----------
    n, samples : int
        The number of images.
    batch_size, shuffle, seed
        The arguments.
    """

    def __init__(self, generator, read, n, y, weights, batch_size, shuffle, seed, save):
        super().__init__()
        self.image_data_generator = generator
        self.n = self.samples = n
        self.batch_size = batch_size or max(n, 1)
        self.shuffle = shuffle
        self.seed = seed
        self._read, self._y, self._weights, self._save = read, y, weights, save
        self._order = None
        self._made = 0
        self._rest = None

    def __len__(self):
        return -(-self.n // self.batch_size)

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"ImageBatches: expected a number below {len(self)}, got {index}")
        draw = np.random if self.seed is None else np.random.RandomState(self.seed + self._made)
        self._made += 1
        if self._order is None:
            self._order = draw.permutation(self.n) if self.shuffle else np.arange(self.n)
        samples = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        generator = self.image_data_generator
        x = [generator._change(self._read(sample), draw) for sample in samples]
        x = np.stack([generator.standardize(image) for image in x])
        self._keep_pictures(x, samples)
        if self._y is None:
            return x
        y = x.copy() if isinstance(self._y, str) else self._y[samples]
        return (x, y) if self._weights is None else (x, y, self._weights[samples])

    def __iter__(self):
        for index in itertools.count():
            if index and index % len(self) == 0:
                self.on_epoch_end()
            yield self[index % len(self)]

    def __next__(self):
        self._rest = self._rest or iter(self)
        return next(self._rest)

    next = __next__  # Keras 2's name

    def reset(self):
        """Let `next` begin with the first batch."""
        self._rest = None

    def on_epoch_end(self):
        """Draw a new order, with the next batch."""
        self._order = None

    def _keep_pictures(self, x, samples):
        folder, prefix, ending = self._save
        if folder:
            for image, sample in zip(x, samples, strict=True):
                save_img(os.path.join(folder, f"{prefix}_{sample}_{self._made}.{ending}"), image)


def _brighten(x, factor):
    """Multiply the brightness by a factor, with Pillow: in whole numbers from 0 to 255."""
    low, high = x.min(), x.max()
    beyond = low < 0 or high > 255
    image = array_to_img(x, scale=beyond)
    from PIL import ImageEnhance

    y = img_to_array(ImageEnhance.Brightness(image).enhance(factor), dtype=x.dtype)
    return y / 255 * (high - low) + low if beyond else y
