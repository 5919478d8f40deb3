# By tests/typing/make_stubs.py
import numpy as np
from typing import Any
from minigrad._types import Int, Float, TensorLike, FloatType, Sizes, DataFormat, AnyFunction, Range
from minigrad.callbacks import History
from minigrad.core import Tensor
from minigrad.utils import (
    array_to_img as array_to_img, img_to_array as img_to_array, load_img as load_img,
    save_img as save_img, PyDataset,
)
def smart_resize(
    x: TensorLike, size: Sizes, interpolation: str = "bilinear",
    data_format: DataFormat | None = "channels_last",
) -> Any: ...
class ImageBatches(PyDataset):
    def __init__(
        self, generator: Any, read: Any, n: Int, y: TensorLike, weights: Any,
        batch_size: Int | None, shuffle: Any, seed: Int | None, save: Any,
    ) -> None: ...
    def __next__(self) -> Any: ...
    def next(self) -> Any: ...
    def reset(self) -> Any: ...
    image_data_generator: Any
    n: int
    samples: Any
    batch_size: Any
    shuffle: Tensor
    seed: Any
class ImageDataGenerator:
    def __init__(
        self, featurewise_center: bool = False, samplewise_center: bool = False,
        featurewise_std_normalization: bool = False, samplewise_std_normalization: bool = False,
        zca_whitening: bool = False, zca_epsilon: Float = 1e-06, rotation_range: Int = 0,
        width_shift_range: Range = 0.0, height_shift_range: Range = 0.0,
        brightness_range: Range | None = None, shear_range: Float = 0.0, zoom_range: Range = 0.0,
        channel_shift_range: Range = 0.0, fill_mode: str = "nearest", cval: Float = 0.0,
        horizontal_flip: bool = False, vertical_flip: bool = False, rescale: Float | None = None,
        preprocessing_function: AnyFunction | None = None, data_format: DataFormat | None = None,
        validation_split: Float = 0.0, interpolation_order: Int = 1, dtype: FloatType | None = None,
    ) -> None: ...
    def flow(
        self, x: Any, y: Any = None, batch_size: Int | None = 32, shuffle: bool = True,
        sample_weight: Any = None, seed: Int | None = None, save_to_dir: str | None = None,
        save_prefix: str = "", save_format: str = "png", ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> Any: ...
    def flow_from_directory(
        self, directory: str | None, target_size: Any = (256, 256), color_mode: str = "rgb",
        classes: Any = None, class_mode: str = "categorical", batch_size: Int | None = 32,
        shuffle: bool = True, seed: Int | None = None, save_to_dir: str | None = None,
        save_prefix: str = "", save_format: str = "png", follow_links: bool = False,
        subset: str | None = None, interpolation: str = "nearest", keep_aspect_ratio: bool = False,
    ) -> Any: ...
    def flow_from_dataframe(
        self, dataframe: Any, directory: str | None = None, x_col: str = "filename",
        y_col: str = "class", weight_col: str | None = None, target_size: Any = (256, 256),
        color_mode: str = "rgb", classes: Any = None, class_mode: str = "categorical",
        batch_size: Int | None = 32, shuffle: bool = True, seed: Int | None = None,
        save_to_dir: str | None = None, save_prefix: str = "", save_format: str = "png",
        subset: str | None = None, interpolation: str = "nearest", validate_filenames: bool = True,
    ) -> Any: ...
    def fit(
        self, x: Any, augment: bool = False, rounds: Int = 1, seed: Int | None = None,
    ) -> History: ...
    def standardize(self, x: TensorLike) -> Any: ...
    def random_transform(self, x: TensorLike, seed: Int | None = None) -> Any: ...
    def get_random_transform(self, img_shape: Any, seed: Int | None = None) -> Any: ...
    def apply_transform(self, x: TensorLike, transform_parameters: Any) -> Any: ...
    set_first: Any
    featurewise_center: Any
    featurewise_std_normalization: Any
    samplewise_center: Any
    samplewise_std_normalization: Any
    zca_whitening: Any
    zca_epsilon: float
    rotation_range: Any
    width_shift_range: Any
    height_shift_range: Any
    brightness_range: Any
    shear_range: float
    zoom_range: Any
    channel_shift_range: Any
    fill_mode: Any
    cval: Any
    horizontal_flip: Any
    vertical_flip: Any
    rescale: Any
    preprocessing_function: Any
    validation_split: float
    dtype: np.dtype[Any]
    mean: Any
    std: Any
    zca_whitening_matrix: Any
