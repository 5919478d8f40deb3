"""Pictures as files, as Pillow's images and as arrays (H, W, C); other sizes of pictures.

Pillow is needed for files only: resizing is NumPy's products of matrices.
"""

import contextlib
import io
import os
import warnings

import numpy as np

from minigrad.utils.archives import check_is_regular
from minigrad.utils.arguments import told
from minigrad.utils.files import replacing

# What is read: not EPS, for example, which is a program that Ghostscript runs.
FORMATS = (
    "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "TGA", "TIFF", "WEBP",
)  # fmt: skip
COLOR_MODES = {"grayscale": 1, "rgb": 3, "rgba": 4}

# Weight of a pixel at a distance, which is given in pixels.
KERNELS = {
    "bilinear": lambda d: np.maximum(1 - d, 0),
    "bicubic": lambda d: np.where(  # Keys 1981, a = −1/2
        d < 1,
        ((1.5 * d - 2.5) * d) * d + 1,
        np.where(d < 2, ((-0.5 * d + 2.5) * d - 4) * d + 2, 0),
    ),
    "lanczos3": lambda d: np.where(d < 3, np.sinc(d) * np.sinc(d / 3), 0),
    "lanczos5": lambda d: np.where(d < 5, np.sinc(d) * np.sinc(d / 5), 0),
}
INTERPOLATIONS = ("nearest", *KERNELS)


def load_img(
    path, color_mode="rgb", target_size=None, interpolation="nearest", keep_aspect_ratio=False
):
    """Read a picture.

    Parameters
    ----------
    path : str, path or io.BytesIO
    color_mode : {"rgb", "grayscale", "rgba"}
    target_size : (int, int), optional
        Height and width of the result. Default: the picture's own.
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"}
        What Pillow does for another size.
    keep_aspect_ratio : bool
        Whether to cut the middle out of a picture of other proportions, instead of distorting it.

    Returns
    -------
    PIL.Image.Image

    Raises
    ------
    ValueError
        If an argument is not one of these, or the file is damaged, no picture, or larger than
        Pillow allows (`PIL.Image.MAX_IMAGE_PIXELS`).
    OSError
        If it cannot be opened.
    ImportError
        Without Pillow.
    """
    Image = pillow("load_img")
    check_color_mode("load_img", color_mode)
    content = path
    if not isinstance(path, io.BytesIO):
        check_is_regular(path)
        with open(path, "rb") as file:
            content = io.BytesIO(file.read())
    try:
        image = Image.open(content, formats=FORMATS)
        image.load()
    except Exception as error:  # damaged bytes make the decoders raise a dozen different types
        why = str(error).replace(repr(content), "in it")
        raise ValueError(f"load_img: expected a picture, got {path}: {why}") from error
    mode = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}[color_mode]
    # Grey levels of more than 8 bits stay as they are.
    if image.mode != mode and not (mode == "L" and image.mode in ("I;16", "I")):
        image = image.convert(mode)
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    methods = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
    if interpolation not in methods:
        raise ValueError(f"load_img: expected interpolation one of {methods}, got {interpolation}")
    height, width = target_size
    box = None
    if keep_aspect_ratio:
        W, H = image.size
        cut_width, cut_height = min(W, H * width // height), min(H, W * height // width)
        left, top = (W - cut_width) // 2, (H - cut_height) // 2
        box = (left, top, left + cut_width, top + cut_height)
    return image.resize((width, height), getattr(Image.Resampling, interpolation.upper()), box=box)


@told
def img_to_array(img, data_format=None, dtype=None):
    """Turn a Pillow image into an array (H, W, C), of float32 unless `dtype` says otherwise."""
    check_data_format("img_to_array", data_format)
    x = np.array(img, dtype or "float32")
    if x.ndim not in (2, 3):
        raise ValueError(f"img_to_array: expected an image of 2 or 3 axes, got {x.shape}")
    return x if x.ndim == 3 else x[:, :, None]


@told
def array_to_img(x, data_format=None, scale=True, dtype=None):
    """Turn an array (H, W, C) of 1, 3 or 4 channels into a Pillow image.

    Parameters
    ----------
    x : array_like or Tensor
    data_format : {"channels_last"}, optional
    scale : bool
        Whether to spread the values from 0 to 255; else they have to be in this range.
    dtype : str, optional
        In which this is computed; default: float32.
    """
    check_data_format("array_to_img", data_format)
    x = np.array(x, dtype or "float32")
    if x.ndim != 3 or x.shape[2] not in COLOR_MODES.values():
        raise ValueError(
            f"array_to_img: expected one image (H, W, C) of 1, 3 or 4 channels, got {x.shape}"
        )
    Image = pillow("array_to_img")
    if scale:
        x -= x.min()
        x /= x.max() or 1
        x *= 255
    if x.shape[2] == 1:
        return Image.fromarray(x[:, :, 0].astype("int32" if x.max() > 255 else "uint8"))
    return Image.fromarray(x.astype("uint8"))


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs):
    """Write an array (H, W, C) as a picture.

    Parameters
    ----------
    path : str, path or file object
        Its ending says which format it has, unless `file_format` does.
    x, data_format, scale
        As for `array_to_img`.
    file_format : str, optional
    **kwargs
        Options of Pillow's `Image.save`.
    """
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = os.path.splitext(path)[1][1:]
    if file_format and file_format.lower() == "jpg":
        file_format = "jpeg"
    image = array_to_img(x, data_format, scale)
    if image.mode == "RGBA" and file_format == "jpeg":
        warnings.warn("save_img: JPEG has no transparency: it is left out", stacklevel=2)
        image = image.convert("RGB")
    is_open = hasattr(path, "write")
    if not (is_open or file_format):
        raise ValueError(f"save_img: expected a path with an ending or file_format, got {path!r}")
    with contextlib.nullcontext(path) if is_open else replacing(path) as file:
        image.save(file, format=file_format, **kwargs)


@told
def smart_resize(x, size, interpolation="bilinear", data_format="channels_last"):
    """Cut the middle of images to the proportions of `size`, and resize it.

    Parameters
    ----------
    x : array or Tensor (H, W, C) or (N, H, W, C)
    size : (int, int)
        Height and width.
    interpolation : {"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"}
    data_format : {"channels_last"}
    """
    check_data_format("smart_resize", data_format)
    return resize(cut_to_aspect(x, size), size, interpolation)


def resize(x, size, interpolation="bilinear", antialias=False):
    """Resize images, an array or a Tensor (..., H, W, C) of floats; a Tensor keeps its gradient.

    Parameters
    ----------
    size : (int, int)
        Height and width.
    interpolation : {"bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"}
    antialias : bool
        Whether to take more pixels into account where images become smaller. Not with "nearest".
    """
    H, W = x.shape[-3:-1]
    if interpolation == "nearest":
        rows, columns = (
            (2 * np.arange(new) + 1) * old // (2 * new)
            for new, old in zip(size, (H, W), strict=True)
        )
        return x[..., rows[:, None], columns, :]
    for axis, new in zip((x.ndim - 3, x.ndim - 2), size, strict=True):
        weights = resize_weights(x.shape[axis], new, interpolation, antialias).astype(x.dtype)
        order = list(range(x.ndim))
        order[axis], order[-1] = order[-1], axis
        swapped = np.transpose(x, order)
        y = np.reshape(swapped, (-1, x.shape[axis])) @ weights
        x = np.transpose(np.reshape(y, (*swapped.shape[:-1], new)), order)
    return x


def resize_weights(size, new_size, interpolation, antialias=False):
    """Return the weight (size, new_size) of each pixel of a line in each of the new pixels."""
    scale = size / new_size
    places = (np.arange(new_size) + 0.5) * scale - 0.5  # of the new pixels' centers
    width = max(scale, 1) if antialias else 1
    weights = KERNELS[interpolation](np.abs(places - np.arange(size)[:, None]) / width)
    return weights / weights.sum(axis=0)  # beyond the border is nothing


def cut_to_aspect(x, size):
    """Return the largest middle part of images (..., H, W, C) with the proportions of `size`."""
    H, W = x.shape[-3:-1]
    height = max(min(H, int(W * size[0] / size[1])), 1)
    width = max(min(W, int(H * size[1] / size[0])), 1)
    top, left = (H - height) // 2, (W - width) // 2
    return x[..., top : top + height, left : left + width, :]


def pad_to_aspect(x, size, fill_value=0.0):
    """Return images (..., H, W, C) with borders that give them the proportions of `size`."""
    H, W = x.shape[-3:-1]
    above = (max(H, int(W * size[0] / size[1])) - H) // 2
    left = (max(W, int(H * size[1] / size[0])) - W) // 2
    borders = [(0, 0)] * (x.ndim - 3) + [(above, above), (left, left), (0, 0)]
    return np.pad(x, borders, constant_values=fill_value)


def pillow(owner):
    """Return Pillow's module `Image`, or raise an ImportError that says how to install it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            f"{owner}: reads and writes pictures with Pillow; pip install pillow"
        ) from error
    return Image


def check_color_mode(owner, color_mode):
    if color_mode not in COLOR_MODES:
        expected = f"color_mode one of {tuple(COLOR_MODES)}"
        raise ValueError(f"{owner}: expected {expected}, got {color_mode!r}")


def check_data_format(owner, data_format):
    if data_format not in (None, "channels_last"):
        expected = "data_format 'channels_last', images (H, W, C)"
        raise ValueError(f"{owner}: expected {expected}, got {data_format!r}")
