# By tests/typing/make_stubs.py
from collections.abc import Iterable
from typing import Any, Literal
from minigrad._types import Array, Int, Float, TensorLike, AnyType, Sizes, DataFormat
from minigrad.config import (
    disable_interactive_logging as disable_interactive_logging,
    enable_interactive_logging as enable_interactive_logging,
    is_interactive_logging_enabled as is_interactive_logging_enabled,
)
from minigrad.random import set_random_seed as set_random_seed
from minigrad.saving import (
    CustomObjectScope as CustomObjectScope, custom_object_scope as custom_object_scope,
    deserialize_keras_object as deserialize_keras_object,
    get_custom_objects as get_custom_objects, get_registered_name as get_registered_name,
    get_registered_object as get_registered_object,
    register_keras_serializable as register_keras_serializable,
    serialize_keras_object as serialize_keras_object,
)
def clear_session(free_memory: bool = True) -> None: ...
def normalize(x: TensorLike, axis: Int = -1, order: Int = 2) -> Array: ...
def to_categorical(x: TensorLike, num_classes: Int | None = None) -> Array: ...
def array_to_img(
    x: TensorLike, data_format: DataFormat | None = None, scale: bool = True,
    dtype: AnyType | None = None,
) -> Any: ...
def get_file(
    fname: str | None = None, origin: str | None = None, untar: bool = False,
    md5_hash: str | None = None, file_hash: str | None = None, cache_subdir: str = "datasets",
    hash_algorithm: str = "auto", extract: bool = False, archive_format: str = "auto",
    cache_dir: str | None = None, force_download: bool = False,
) -> Any: ...
def image_dataset_from_directory(
    directory: str | None, labels: str = "inferred", label_mode: str = "int",
    class_names: Any = None, color_mode: str = "rgb", batch_size: Int | None = 32,
    image_size: Sizes = (256, 256), shuffle: bool = True, seed: Int | None = None,
    validation_split: Float | None = None, subset: str | None = None,
    interpolation: str = "bilinear", follow_links: bool = False, crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False, data_format: DataFormat | None = None, format: str = "tf",
    verbose: bool = True,
) -> Any: ...
def img_to_array(
    img: Any, data_format: DataFormat | None = None, dtype: AnyType | None = None,
) -> Array: ...
def load_img(
    path: Any, color_mode: str = "rgb", target_size: Any = None, interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any: ...
def pack_x_y_sample_weight(
    x: TensorLike, y: TensorLike | None = None, sample_weight: Any = None,
) -> Any: ...
def pad_sequences(
    sequences: Iterable[Any], maxlen: Int | None = None, dtype: AnyType | None = "int32",
    padding: Literal["pre", "post"] = "pre", truncating: Literal["pre", "post"] = "pre",
    value: Any = 0.0,
) -> Array: ...
def plot_model(
    model: Any, to_file: str | None = "model.png", show_shapes: bool = False,
    show_dtype: bool = False, show_layer_names: bool = False, rankdir: str = "TB",
    expand_nested: bool = False, dpi: Int = 200, show_layer_activations: bool = False,
    show_trainable: bool = False, splines: str = "ortho",
) -> Any: ...
def save_img(
    path: Any, x: TensorLike, data_format: DataFormat | None = None, file_format: str | None = None,
    scale: bool = True, **kwargs: Any,
) -> Any: ...
def split_dataset(
    dataset: Any, left_size: Any = None, right_size: Any = None, shuffle: bool = False,
    seed: Int | None = None,
) -> Any: ...
def timeseries_dataset_from_array(
    data: Any, targets: TensorLike, sequence_length: Int, sequence_stride: Int = 1,
    sampling_rate: Int = 1, batch_size: Int | None = 128, shuffle: bool = False,
    seed: Int | None = None, start_index: Int | None = None, end_index: Int | None = None,
    format: str = "tf",
) -> Any: ...
def unpack_x_y_sample_weight(data: Any, owner: str = "batches") -> Any: ...
class PyDataset:
    def __init__(
        self, workers: Int = 1, use_multiprocessing: bool = False, max_queue_size: Int = 10,
    ) -> None: ...
    def __getitem__(self, index: Any) -> Any: ...
    @property
    def num_batches(self) -> int: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Any: ...
    def on_epoch_begin(self) -> Any: ...
    def on_epoch_end(self) -> Any: ...
    workers: int
    use_multiprocessing: Any
    max_queue_size: int
class Progbar:
    def __init__(
        self, target: TensorLike, width: Int = 20, verbose: Int = 1, interval: Float = 0.05,
        stateful_metrics: Any = None, unit_name: str = "step", stateless_metrics: Any = None,
    ) -> None: ...
    def update(self, current: Any, values: Any = None, finalize: Any = None) -> Any: ...
    def add(self, n: Int, values: Any = None) -> None: ...
    progress: Any
    verbose: Any
    sums: Any
    stateful: Any
    stateless: Any
Sequence = PyDataset
