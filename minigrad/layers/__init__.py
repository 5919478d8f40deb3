# ruff: noqa: F401, I001 (what is imported is exported; the names are packed, not one a line)
"""Layers: what a model is made of. Keras's other names follow the imports."""

from minigrad.layers import core, noise, normalization, pooling
from minigrad.layers.activation import ELU, LeakyReLU, ReLU, Softmax
from minigrad.layers.augmentation import (
    RandomBrightness, RandomContrast, RandomCrop, RandomFlip, RandomRotation, RandomTranslation,
    RandomZoom,
)  # fmt: skip
from minigrad.layers.base import Layer
from minigrad.layers.categories import (
    CategoryEncoding, Discretization, IntegerLookup, StringLookup,
)  # fmt: skip
from minigrad.layers.conv import Conv2D
from minigrad.layers.conv_variants import (
    Conv1DTranspose, Conv2DTranspose, DepthwiseConv1D, DepthwiseConv2D, SeparableConv1D,
    SeparableConv2D,
)  # fmt: skip
from minigrad.layers.core import Activation, Dense, Dropout, Flatten, Input, InputLayer, Reshape
from minigrad.layers.embedding import Embedding
from minigrad.layers.keras_form import InputSpec
from minigrad.layers.functions import (
    ActivityRegularization, Identity, Lambda, PReLU, TimeDistributed,
)  # fmt: skip
from minigrad.layers.merging import (
    Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract,
    add, average, concatenate, dot, maximum, minimum, multiply, subtract,
)  # fmt: skip
from minigrad.layers.noise import (
    AlphaDropout, GaussianDropout, GaussianNoise, SpatialDropout1D, SpatialDropout2D,
)  # fmt: skip
from minigrad.layers.normalization import BatchNormalization
from minigrad.layers.pooling import (
    AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, MaxPooling2D,
)  # fmt: skip
from minigrad.layers.scaling import (
    GroupNormalization, LayerNormalization, Normalization, RMSNormalization, Rescaling,
    UnitNormalization,
)  # fmt: skip
from minigrad.layers.sequences import (
    AveragePooling1D, Conv1D, GlobalAveragePooling1D, GlobalMaxPooling1D, MaxPooling1D,
)  # fmt: skip
from minigrad.layers.shaping import (
    CenterCrop, Cropping1D, Cropping2D, Permute, RepeatVector, Resizing, UpSampling1D,
    UpSampling2D, ZeroPadding1D, ZeroPadding2D,
)  # fmt: skip
from minigrad.utils import config as _config
from minigrad.utils.old_names import lookup

Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D


def _get(config):
    return _config.deserialize(config | {"module": config.get("module") or "keras.layers"})


serialize, deserialize = _config.config_functions(_get)
__getattr__ = lookup(__name__)

for module in (core, noise, normalization, pooling):  # Keras 2 had more layers there
    module.__getattr__ = lookup(module.__name__, __name__)
