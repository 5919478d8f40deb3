# ruff: noqa: F401 (what is imported here is what the package offers)
"""Layers: what a model is made of. Keras's other names follow the imports."""

from minigrad.layers.activation import ELU, LeakyReLU, ReLU, Softmax
from minigrad.layers.base import Layer
from minigrad.layers.conv import Conv2D
from minigrad.layers.core import Activation, Dense, Dropout, Flatten, Input, InputLayer, Reshape
from minigrad.layers.normalization import BatchNormalization
from minigrad.layers.pooling import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
)

Convolution2D = Conv2D
MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalMaxPool2D = GlobalMaxPooling2D
