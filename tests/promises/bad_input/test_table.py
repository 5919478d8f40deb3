"""Wrong input, one row a case: the call, the error, and what its message must name.

A row is ``code | error | piece | piece ...``: the argument, the value that came, what was expected.
"""

# ruff: noqa: E501, F401 (a case is a line; its code uses what is imported)

import builtins
import os
import subprocess
import sys

import numpy as np
import pytest

import minigrad
from minigrad import (
    Input,
    Model,
    Parameter,
    Sequential,
    Tensor,
    activations,
    backend,
    callbacks,
    config,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    random,
    regularizers,
    utils,
)
from minigrad.optimizers import schedules
from minigrad.preprocessing.image import ImageDataGenerator, smart_resize
from minigrad.preprocessing.text import Tokenizer

NAN, INF = float("nan"), float("inf")
ROWS = np.random.default_rng(0).random((8, 4), dtype=np.float32)
LABELS = np.arange(8) % 3
IMAGES = np.ones((2, 5, 6, 3), "float32")
HUGE = 2**70


def model(loss="sparse_categorical_crossentropy", units=3, **options):
    """A compiled network for ROWS and LABELS."""
    network = Sequential([Input((4,)), layers.Dense(units, "softmax" if units > 1 else None)])
    network.compile(options.pop("optimizer", "sgd"), loss, **options)
    return network


def fit(x=ROWS, y=LABELS, **options):
    return model().fit(x, y, **({"verbose": 0} | options))


def two_inputs():
    a, b = Input((4,), name="a"), Input((4,), name="b")
    network = Model([a, b], layers.Dense(1)(layers.Add()([a, b])))
    network.compile("sgd", "mse")
    return network


def logs(*values, name="val_loss"):
    """A callback that logs these values, one an epoch."""
    return callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update({name: values[epoch]})
    )


def changed(**values):
    """ROWS and LABELS with one value replaced."""
    x, y = ROWS.copy(), LABELS.astype("float32")
    if "x" in values:
        x[2, 1] = values["x"]
    if "y" in values:
        y[2] = values["y"]
    return x, y


weight = Parameter(np.ones(3, "float32"), name="w")
gradient = np.ones(3, "float32")

TABLE = r"""
# --- tensors and ops
Tensor("abc") | TypeError | Tensor | real numbers
Tensor([1.0, "a"]) | TypeError | Tensor | real numbers
Tensor([None]) | TypeError | Tensor | real numbers | object
Tensor([[1.0], [1.0, 2.0]]) | ValueError | inhomogeneous
Tensor([1.0], dtype="int32") | TypeError | float32 or float64 | int32
Tensor([1.0], dtype="float16") | TypeError | float32 or float64 | float16
Tensor([1j]) | TypeError | Tensor | real numbers | complex
(weight * weight).backward() | ValueError | one element | (3,)
Tensor(1.0).backward() | RuntimeError | requires_grad=True
ops.add(ROWS, ROWS[:3]) | ValueError | add | (8, 4) | (3, 4)
ROWS @ Tensor(ROWS) | ValueError | matmul | (8, 4)
ops.matmul(Tensor(ROWS), np.ones(3)) | ValueError | matmul | (8, 4) | (3,)
ops.reshape(Tensor(ROWS), (5, 5)) | ValueError | reshape | newshape=(5, 5) | (8, 4)
ops.reshape(Tensor(ROWS), (-1, -1)) | ValueError | reshape | newshape=(-1, -1)
ops.reshape(ROWS, (HUGE,)) | ValueError | reshape | 1180591620717411303424
ops.transpose(ROWS, (0, 2)) | IndexError | transpose | axes=(0, 2)
ops.transpose(ROWS, (0, 0)) | ValueError | transpose | axes=(0, 0)
ops.expand_dims(ROWS, 7) | IndexError | expand_dims | axis=7
ops.squeeze(ROWS, 0) | ValueError | squeeze | axis=0
ops.concatenate([]) | ValueError | concatenate | at least one
ops.concatenate([ROWS, ROWS[:, :2]], axis=0) | ValueError | concatenate | (8, 4) | (8, 2)
ops.concatenate([ROWS, ROWS], axis=5) | IndexError | concatenate | axis=5
ops.stack([ROWS, ROWS[:3]]) | ValueError | stack | (8, 4)
ops.stack([]) | ValueError | stack | at least one
ops.split(ROWS, 3) | ValueError | split | indices_or_sections=3
ops.take(ROWS, [9], axis=0) | IndexError | take | indices=[9] | axis=0
ops.take(ROWS, ["a"]) | TypeError | take | integer labels
ops.sum(ROWS, axis=2) | IndexError | sum | axis=2
ops.sum(ROWS, axis=HUGE) | ValueError | sum | 1180591620717411303424
ops.mean(ROWS, axis="a") | TypeError | mean | axis='a'
ops.max(np.zeros((0, 2)), axis=0) | ValueError | max | (0, 2)
ops.argmax(ROWS, axis=3) | IndexError | argmax | axis=3
ops.softmax(ROWS, axis=2) | IndexError | softmax | axis=2
ops.broadcast_to(ROWS, (3, 3)) | ValueError | broadcast_to | (8, 4) | (3, 3)
ops.pad(ROWS, -1) | ValueError | pad | pad_width | -1
ops.pad(ROWS, 1, mode="wrap") | ValueError | pad | mode | 'wrap' | 'reflect'
ops.pad(ROWS, 2**40) | ValueError | pad
ops.repeat(ROWS, -1) | ValueError | repeat | repeats=-1
ops.repeat(ROWS, HUGE) | ValueError | repeat | 1180591620717411303424
ops.tile(ROWS, HUGE) | ValueError | tile | 1180591620717411303424
ops.one_hot([0.5], 3) | ValueError | one_hot | integer labels | 0.5
ops.one_hot([1], -1) | ValueError | one_hot | num_classes | -1
ops.one_hot([1], HUGE) | ValueError | one_hot | 1180591620717411303424
ops.clip(ROWS) | ValueError | clip | x_min, x_max
ops.eye(-1) | ValueError | eye | -1
ops.eye(HUGE) | ValueError | eye | 1180591620717411303424
ops.zeros((-1, 2)) | ValueError | zeros | (-1, 2)
ops.ones((HUGE,)) | ValueError | ones | 1180591620717411303424
ops.full((2,), "a") | ValueError | full | 'a'
ops.arange(HUGE) | ValueError | arange | 1180591620717411303424
ops.linspace(0, 1, -2) | ValueError | linspace | -2
ops.einsum("ij,jk", ROWS, ROWS) | ValueError | einsum | axis 'j' | 4 and 8
ops.dropout(ROWS, 1.5, 1) | ValueError | dropout | rate | 1.5
ops.dropout(ROWS, NAN, 1) | ValueError | dropout | rate | nan
ops.dropout(ROWS, 0.5, "seed") | TypeError | dropout | seed | 'seed'
ops.dense(ROWS, ROWS) | ValueError | dense | (8, 4)
ops.dense(ROWS, np.ones((4, 2)), np.ones(3)) | ValueError | dense | bias | (2,) | (3,)
ops.dense(ROWS, np.ones((4, 2)), activation="tanh") | ValueError | dense | activation | 'tanh' | 'relu'
ops.batch_norm(ROWS, np.ones(3), np.ones(4), 1e-3) | ValueError | batch_norm | gamma | (4,) | (3,)
ops.batch_norm(ROWS, np.ones(4), np.ones(4), 1e-3, axis=5) | ValueError | batch_norm | axis | 5
ops.softmax_cross_entropy(ROWS, [0, 1]) | ValueError | softmax_cross_entropy | (8,) | (2,)
ops.softmax_cross_entropy(ROWS, LABELS + 3) | ValueError | softmax_cross_entropy | labels from 0 to 3 | got 4
ops.softmax_cross_entropy(ROWS, LABELS - 1) | ValueError | labels from 0 to 3 | -1
ops.where(ROWS > 0, ROWS, ROWS[:3]) | ValueError | where | (8, 4) | (3, 4)
ops.norm(ROWS, ord="zzz") | ValueError | norm | 'zzz'
Tensor(ROWS).sum(axis=HUGE) | ValueError | sum | 1180591620717411303424
Tensor(ROWS).reshape(5, 5) | ValueError | reshape | newshape=5 | (8, 4)
Tensor(ROWS).mean(axis=3) | IndexError | mean | axis=3
Tensor(ROWS) * 10**400 | ValueError | expected a number that float32 holds
ops.top_k(ROWS, 0) | ValueError | top_k | k | 0
# --- convolution and pooling
ops.conv2d(ROWS, np.ones((2, 2, 1, 1))) | ValueError | conv2d | (N, H, W, C) | (8, 4)
ops.conv2d(IMAGES, np.ones((2, 2, 2, 1))) | ValueError | conv2d | C = 3 | (2, 2, 2, 1)
ops.conv2d(IMAGES, np.ones((7, 2, 3, 1))) | ValueError | conv2d | at least 7 cells along height | 5
ops.conv2d(IMAGES, np.ones((2, 2, 3, 1)), strides=0) | ValueError | conv2d | strides | 0
ops.conv2d(IMAGES, np.ones((2, 2, 3, 1)), strides=1.5) | ValueError | conv2d | strides | 1.5
ops.conv2d(IMAGES, np.ones((2, 2, 3, 1)), strides=2**62) | ValueError | conv2d | strides | 2**31
ops.conv2d(IMAGES, np.ones((2, 2, 3, 1)), dilation_rate=-1) | ValueError | conv2d | dilation_rate | -1
ops.conv2d(IMAGES, np.ones((2, 2, 3, 1)), padding="full") | ValueError | conv2d | padding | 'full' | 'same'
ops.conv2d(IMAGES, np.ones((2, 2, 3, 1)), padding=((2**62, 0), (0, 0))) | ValueError | conv2d | padding
ops.conv2d(IMAGES, np.ones((2, 2, 3, 1)), groups=2) | ValueError | conv2d | groups | 2
ops.conv2d(IMAGES, np.ones((2, 2, 3, 1)), np.ones(2)) | ValueError | conv2d | bias | (1,) | (2,)
ops.max_pool2d(IMAGES, 9) | ValueError | max_pool2d | at least 9 cells | 5
ops.max_pool2d(IMAGES, 0) | ValueError | max_pool2d | pool_size | 0
ops.max_pool2d(IMAGES, 2**31 - 1, padding="same") | ValueError | max_pool2d | pool_size | 2147483647
ops.avg_pool2d(IMAGES, 2, padding=((3, 0), (0, 0))) | ValueError | avg_pool2d | padding narrower
ops.avg_pool2d(IMAGES, 2, strides="a") | ValueError | avg_pool2d | strides | 'a'
layers.Conv2D(1, 2, padding="same", dilation_rate=2**31 - 1)(IMAGES[..., :1]) | ValueError | Conv2D | 2**31 cells along height | 2147483647
layers.Conv2D(0, 2) | ValueError | Conv2D | filters | 0
layers.Conv2D(2, -1) | ValueError | Conv2D | kernel_size | -1
layers.Conv2D(2, (1, 2, 3)) | ValueError | Conv2D | kernel_size | (1, 2, 3)
layers.Conv2D(2, 3, strides="2") | ValueError | Conv2D | strides | '2'
layers.Conv2D(2, 3, padding="sane") | ValueError | Conv2D | padding | 'sane' | 'same'
layers.Conv2D(2, 3, data_format="channel_last") | ValueError | data_format | 'channel_last' | channels_last
layers.Conv2D(2, 3, groups=0) | ValueError | Conv2D | groups | 0
layers.Conv2D(3, 3, groups=2)(IMAGES) | ValueError | groups | 2
layers.Conv2D(2, 9)(IMAGES) | ValueError | Conv2D | at least 9 cells along height | 5
layers.Conv2D(2, 2, use_bias="no") | TypeError | Conv2D | use_bias | 'no' | bool
layers.Conv1D(2, 3, padding="casual") | ValueError | Conv1D | padding | 'casual' | 'valid'
layers.Conv2DTranspose(2, 3, strides=HUGE) | ValueError | Conv2DTranspose | strides | 2**31
layers.Conv2DTranspose(2, 3, output_padding=3, strides=2) | ValueError | Conv2DTranspose | output_padding | 3
layers.DepthwiseConv2D(2, depth_multiplier=0) | ValueError | DepthwiseConv2D | depth_multiplier | 0
layers.SeparableConv2D(2, 2, padding="same", dilation_rate=2**31 - 1)(IMAGES) | ValueError | SeparableConv2D | 2**31
layers.MaxPooling2D(9)(IMAGES) | ValueError | max_pool2d | 9 cells | 5
layers.MaxPooling2D(0) | ValueError | MaxPooling2D | pool_size | 0
layers.AveragePooling2D(HUGE) | ValueError | AveragePooling2D | pool_size | 2**31
layers.MaxPooling1D(9)(ROWS[..., None]) | ValueError | 9 | 4
layers.GlobalAveragePooling2D()(ROWS) | ValueError | GlobalAveragePooling2D | 4 axes | (8, 4)
# --- layers
layers.Dense(-1) | ValueError | Dense | units | -1
layers.Dense(1.5) | ValueError | Dense | units | 1.5
layers.Dense(None) | ValueError | Dense | units | None
layers.Dense(2**40)(ROWS) | MemoryError | 1099511627776
layers.Dense(HUGE)(ROWS) | ValueError | 1180591620717411303424
layers.Dense(3, activation="reluu") | ValueError | activation | 'reluu' | 'relu'
layers.Dense(3, activation=3) | TypeError | activation | 3
layers.Dense(3, kernel_initializer="glorot") | ValueError | initializer | 'glorot'
layers.Dense(3, kernel_regularizer="l3") | ValueError | regularizer | 'l3' | l1
layers.Dense(3, kernel_constraint="max_nrm") | ValueError | constraint | 'max_nrm' | 'max_norm'
layers.Dense(3, use_bias=None) | TypeError | Dense | use_bias | None | bool
layers.Dense(3, trainable="yes") | ValueError | trainable | 'yes' | bool
layers.Dense(3, name="a/b") | ValueError | name | 'a/b'
layers.Dense(3, dtype="float99") | TypeError | Dense | dtype='float99'
layers.Dense(3)(np.ones((2, 3), dtype="U1")) | TypeError | real numbers
layers.Dense(3, kernel_initializer=lambda shape, dtype: np.ones((2, 2)))(ROWS) | ValueError | Dense | 'kernel' | (4, 3) | (2, 2)
layers.Dropout(-0.1) | ValueError | Dropout | rate | [0, 1] | -0.1
layers.Dropout(NAN) | ValueError | Dropout | rate | nan
layers.Dropout("half") | TypeError | Dropout | rate | 'half'
layers.Dropout(0.5, seed=-1) | ValueError | dropout | seed | -1
layers.Dropout(0.5, seed="a") | TypeError | dropout | seed | 'a'
layers.AlphaDropout(1.0) | ValueError | AlphaDropout | rate | 1.0
layers.AlphaDropout(None) | TypeError | AlphaDropout | rate | None
layers.GaussianDropout(NAN) | ValueError | GaussianDropout | rate | nan
layers.GaussianNoise(-1.0) | ValueError | GaussianNoise | stddev | -1.0
layers.GaussianNoise("a") | TypeError | GaussianNoise | stddev | 'a'
layers.BatchNormalization(momentum=1.5) | ValueError | BatchNormalization | momentum | [0, 1] | 1.5
layers.BatchNormalization(epsilon=0) | ValueError | BatchNormalization | epsilon | 0
layers.BatchNormalization(axis="a") | TypeError | BatchNormalization | axis | 'a'
layers.BatchNormalization(axis=7)(ROWS) | ValueError | at least 8 axes | (8, 4)
layers.BatchNormalization(center="yes") | TypeError | BatchNormalization | center | 'yes' | bool
layers.LayerNormalization(epsilon=NAN) | ValueError | LayerNormalization | epsilon | nan
layers.RMSNormalization(epsilon=-1) | ValueError | RMSNormalization | epsilon | -1
layers.GroupNormalization(3)(ROWS) | ValueError | groups | 3
layers.LeakyReLU(INF) | ValueError | negative_slope | inf
layers.LeakyReLU(NAN) | ValueError | negative_slope | nan
layers.ReLU(max_value=-1) | ValueError | ReLU | max_value | -1
layers.ELU(INF) | ValueError | ELU | alpha | inf
layers.PReLU(shared_axes=1.5) | TypeError | PReLU | shared_axes | 1.5
layers.Softmax(axis="last") | TypeError | Softmax | axis | 'last'
layers.Embedding(0, 3) | ValueError | Embedding | input_dim | 0
layers.Embedding(5, 3)([[5]]) | ValueError | embedding | from 0 to 4 | 5
layers.Embedding(5, 3)([[-1]]) | ValueError | embedding | from 0 to 4 | -1
layers.Embedding(5, 3)([[1.5]]) | ValueError | embedding | 1.5
layers.Embedding(5, 3)([[NAN]]) | ValueError | embedding | nan
layers.Embedding(2**40, 8)([[1]]) | MemoryError | 1099511627776
layers.Reshape((3, 3))(ROWS) | ValueError | Reshape | (3, 3) | (8, 4)
layers.Reshape((-1, -1)) | ValueError | Reshape | (-1, -1)
layers.Permute((1, 1)) | ValueError | Permute | (1, 1)
layers.Permute((0, 1)) | ValueError | Permute | dims | 0
layers.RepeatVector(0) | ValueError | RepeatVector | n | 0
layers.RepeatVector(2**62)(ROWS) | ValueError | 4611686018427387904
layers.ZeroPadding2D(-1) | ValueError | ZeroPadding2D | padding | -1
layers.ZeroPadding2D(2**40) | ValueError | ZeroPadding2D | padding | 2**31
layers.Cropping2D(3)(IMAGES) | ValueError | Cropping2D | (2, 5, 6, 3)
layers.UpSampling2D(0) | ValueError | UpSampling2D | size | 0
layers.UpSampling2D(2, interpolation="cubicc") | ValueError | UpSampling2D | interpolation | 'cubicc'
layers.Resizing(0, 3) | ValueError | Resizing | height | 0
layers.Resizing(3, 3, interpolation="linear") | ValueError | Resizing | interpolation | 'linear'
layers.CenterCrop(9, 9)(IMAGES) | ValueError | CenterCrop | 9
layers.Rescaling([1.0, 2.0])(IMAGES) | ValueError | Rescaling
layers.Rescaling("a")(IMAGES) | ValueError | Rescaling | 'a'
layers.RandomFlip("diagonal") | ValueError | RandomFlip | mode | 'diagonal'
layers.RandomRotation("a") | TypeError | RandomRotation | factor | 'a'
layers.RandomContrast(-1) | ValueError | RandomContrast | factor | -1
layers.RandomBrightness(2) | ValueError | RandomBrightness | factor | 2
layers.RandomZoom(5, 5) | ValueError | RandomZoom | 5
layers.Normalization(mean=1.0) | ValueError | Normalization | variance
layers.Discretization(bin_boundaries=[NAN]) | ValueError | Discretization | bin_boundaries | nan
layers.Discretization() | ValueError | Discretization | bin_boundaries or num_bins
layers.CategoryEncoding(3, output_mode="onehot") | ValueError | CategoryEncoding | output_mode | 'onehot' | one_hot
layers.CategoryEncoding(3)([5]) | ValueError | CategoryEncoding | 5
layers.StringLookup(max_tokens=0) | ValueError | StringLookup | max_tokens | 0
layers.Lambda(3) | TypeError | Lambda | function | 3
layers.Activation("selou") | ValueError | activation | 'selou' | 'selu'
layers.Concatenate()(ROWS) | ValueError | Concatenate | (8, 4)
layers.Concatenate(axis=0)([ROWS, ROWS[:, :2]]) | ValueError | Concatenate | axis | (8, 4) | got 0
layers.Concatenate(axis=5)([ROWS, ROWS]) | ValueError | Concatenate | 5
layers.Add()([ROWS, ROWS[:3]]) | ValueError | add | (8, 4) | (3, 4)
layers.Subtract()([ROWS]) | ValueError | Subtract | (8, 4)
layers.Dot("a") | ValueError | Dot | axes | 'a'
layers.InputLayer((-1,)) | ValueError | InputLayer | -1
Input((1.5,)) | ValueError | 1.5
Input(("a",)) | ValueError | 'a'
layers.Dense(3)(None) | TypeError | Dense | None
layers.Dense(3)([]) | ValueError | Dense
layers.Dense(3).get_layer | AttributeError | get_layer
# --- models
Sequential([layers.Dense(3), 3]) | TypeError | layer | 3
Sequential([layers.Dense(3)]).pop(1) | TypeError | pop
Sequential([Input((4,)), layers.Dense(3), Input((4,))]) | ValueError | Input
Sequential().pop() | IndexError | a layer to remove | none
Sequential([layers.Dense(1)]).fit(ROWS, LABELS) | ValueError | compile
Sequential([layers.Dense(1)]).evaluate(ROWS, LABELS) | ValueError | compile
Sequential([layers.Dense(1)]).train_on_batch(ROWS, LABELS) | ValueError | compile
model(optimizer="adamw2") | ValueError | optimizer | 'adamw2' | 'adamw'
model(optimizer=None).fit(ROWS, LABELS) | ValueError | optimizer | none | compile()
model(optimizer=optimizers.Adam).optimizer.step() | ValueError | parameters | none
model("sparse_crossentropy") | ValueError | loss | 'sparse_crossentropy'
model(metrics=["accurracy"]) | ValueError | metric | 'accurracy' | 'accuracy'
model(metrics=3) | TypeError | metric | 3
model(loss_weights="half") | TypeError | loss_weights | 'half'
model(loss_weights=NAN) | ValueError | loss_weights | nan
model().get_layer("zzz") | ValueError | zzz
model().get_layer(index=9) | ValueError | 9
model().set_weights([]) | ValueError | set_weights | 0 arrays
model().set_weights([np.ones((4, 3)), np.ones(4)]) | ValueError | set_weights | (3,) | (4,)
model().set_weights([np.ones((4, 3)), ["a", "b", "c"]]) | TypeError | real numbers
model().predict(ROWS[:, :2]) | ValueError | (None, 4) | (8, 2)
model().predict(ROWS, batch_size=0) | ValueError | batch_size | 0
model().predict(ROWS, steps=0) | ValueError | steps | 0
model().predict([ROWS, ROWS]) | ValueError | one input
model().predict(["a"]) | TypeError | numbers
model().predict(np.array([["a"] * 4])) | TypeError | numbers
model()([None]) | TypeError | None
two_inputs().predict(ROWS) | ValueError | 2 inputs | got 1
two_inputs().fit([ROWS, ROWS[:5]], LABELS) | ValueError | 8 | 5
two_inputs().fit({"a": ROWS}, LABELS) | ValueError | 'a', 'b' | ['a']
# --- fit, evaluate
fit(ROWS[:5]) | ValueError | 5 | 8
fit(y=LABELS[:5]) | ValueError | 8 | 5
fit(y=None) | ValueError | y
fit(ROWS[:0], LABELS[:0]) | ValueError | at least one sample
model().evaluate(ROWS[:0], LABELS[:0]) | ValueError | at least one sample
fit(epochs=-1) | ValueError | epochs | -1
fit(epochs=NAN) | ValueError | epochs | nan
fit(epochs="2") | TypeError | epochs | '2'
fit(epochs=True) | TypeError | epochs | True
fit(initial_epoch=-1) | ValueError | initial_epoch | -1
fit(batch_size=0) | ValueError | batch_size | 0
fit(batch_size=2.5) | ValueError | batch_size | 2.5
fit(batch_size="32") | TypeError | batch_size | '32'
fit(steps_per_epoch=0) | ValueError | steps_per_epoch | 0
fit(verbose=3) | ValueError | verbose | 3
fit(verbose="loud") | ValueError | verbose | 'loud'
fit(validation_split=1.5) | ValueError | validation_split | 1.5
fit(validation_split=NAN) | ValueError | validation_split | nan
fit(validation_split=-0.1) | ValueError | validation_split | -0.1
fit(validation_data=(ROWS, LABELS[:3])) | ValueError | 8 | 3
fit(validation_data=(ROWS[:, :2], LABELS)) | ValueError | (None, 4) | (8, 2)
fit(validation_data=3) | ValueError | validation_data | 3
fit(validation_data=(ROWS, LABELS), validation_freq=0) | ValueError | validation_freq | 0
fit(validation_data=(ROWS, LABELS), validation_steps=0) | ValueError | validation_steps | 0
fit(validation_data=(ROWS, LABELS), validation_batch_size=-1) | ValueError | validation_batch_size | -1
fit(sample_weight=np.ones(3)) | ValueError | 3 | 8
fit(sample_weight=np.full(8, NAN)) | ValueError | sample_weight | finite
fit(sample_weight=np.full(8, INF)) | ValueError | sample_weight | finite
fit(sample_weight="balanced") | ValueError | sample_weight | balanced
fit(class_weight={0: NAN}) | ValueError | class_weight | nan
fit(class_weight={0: "a"}) | TypeError | class_weight | 'a'
fit(class_weight={"0": 1.0}) | TypeError | class_weight | '0'
fit(class_weight=[1.0, 2.0]) | TypeError | class_weight | list
fit(class_weight={0: 1.0}, sample_weight=np.ones(8)) | ValueError | class_weight | sample_weight
fit(callbacks=[3]) | TypeError | callbacks | 3
fit(callbacks=[callbacks.Callback]) | TypeError | callbacks | Callback()
fit(shuffle="rows") | TypeError | shuffle | 'rows'
fit(shuffle=2.5) | TypeError | shuffle | 2.5
fit(y=LABELS + 1) | ValueError | labels from 0 to 2 | 3
fit(y=LABELS - 1) | ValueError | labels from 0 to 2 | -1
fit(y=LABELS + 0.5) | ValueError | integer labels | .5
fit(y=np.array(list("abcdefgh"))) | TypeError | integer labels | number them
fit(*changed(y=NAN)) | ValueError | integer labels | nan
fit(*changed(y=INF)) | ValueError | integer labels | inf
fit(np.array([["a"] * 4] * 8)) | TypeError | numbers
fit(np.array([[None] * 4] * 8)) | TypeError | x | numbers | None
fit(y=np.eye(3)[LABELS]) | ValueError | one-hot labels need categorical_crossentropy
model("binary_crossentropy", 1).fit(ROWS, LABELS) | ValueError | labels from 0 to 1 | 2
model("categorical_crossentropy").fit(ROWS, LABELS) | ValueError | integer labels need sparse_categorical_crossentropy
model("mse", 1).fit(ROWS, ROWS) | ValueError | mean_squared_error | (8, 1) | (8, 4)
model(metrics=["accuracy"]).test_on_batch(ROWS[:0], LABELS[:0]) | ValueError | at least one sample
# --- losses
losses.MeanSquaredError(reduction="average") | ValueError | reduction | 'average'
losses.MeanSquaredError(dtype="int32") | ValueError | dtype | 'int32'
losses.MeanSquaredError(name=3) | TypeError | MeanSquaredError | name | 3
losses.Huber(delta=0) | ValueError | Huber | delta | 0
losses.Huber(delta=NAN) | ValueError | Huber | delta | nan
losses.Huber(delta="a") | TypeError | Huber | delta | 'a'
losses.BinaryCrossentropy(label_smoothing=2) | ValueError | BinaryCrossentropy | label_smoothing | 2
losses.BinaryCrossentropy(label_smoothing=NAN) | ValueError | label_smoothing | nan
losses.BinaryCrossentropy(from_logits="yes") | TypeError | from_logits | 'yes' | bool
losses.BinaryCrossentropy(axis="a") | TypeError | axis | 'a'
losses.BinaryFocalCrossentropy(gamma=-1) | ValueError | gamma | -1
losses.BinaryFocalCrossentropy(alpha=NAN) | ValueError | alpha | nan
losses.SparseCategoricalCrossentropy(ignore_class="none") | TypeError | ignore_class | 'none'
losses.CategoricalGeneralizedCrossEntropy(q=2) | ValueError | q | 2
losses.LossFunctionWrapper(3) | TypeError | fn | 3
losses.get("mean_squared") | ValueError | loss | 'mean_squared'
losses.mean_squared_error(ROWS, ROWS[:3]) | ValueError | mean_squared_error | (8, 4) | (3, 4)
losses.mean_squared_error(1.0, 2.0) | ValueError | mean_squared_error | scalars
losses.mean_squared_error("a", [1.0]) | TypeError | mean_squared_error | y_true | texts
losses.mean_squared_error(None, [1.0]) | TypeError | None
losses.huber([[1], [2, 3]], [1.0, 2.0]) | ValueError | huber | y_true=[[1], [2, 3]]
losses.huber(ROWS, ROWS, delta=None) | TypeError | Huber | delta | None
losses.binary_crossentropy([[2.0]], [[0.5]]) | ValueError | labels from 0 to 1 | 2.0
losses.binary_crossentropy([[-1.0]], [[0.5]]) | ValueError | labels from 0 to 1 | -1.0
losses.binary_crossentropy([[1.0]], [[0.5]], label_smoothing=-1) | ValueError | label_smoothing | -1
losses.categorical_crossentropy([[0, -1.0]], [[0.5, 0.5]]) | ValueError | categorical_crossentropy | -1.0
losses.categorical_crossentropy([[0, 1]], [[0.5, 0.5, 0.0]]) | ValueError | categorical_crossentropy | (1, 2) | (1, 3)
losses.sparse_categorical_crossentropy([2], [[0.5, 0.5]]) | ValueError | from 0 to 1 | 2
losses.sparse_categorical_crossentropy([-1], [[0.5, 0.5]]) | ValueError | from 0 to 1 | -1
losses.sparse_categorical_crossentropy([0.5], [[0.5, 0.5]]) | ValueError | integer labels | 0.5
losses.sparse_categorical_crossentropy([NAN], [[0.5, 0.5]]) | ValueError | integer labels | nan
losses.hinge([[0.3, 1.0]], [[0.5]]) | ValueError | hinge | (1, 1) | (1, 2)
losses.MeanSquaredError()(ROWS, ROWS, sample_weight=np.ones(3)) | ValueError | sample_weight | (3,)
losses.MeanSquaredError()(ROWS, ROWS, sample_weight=[NAN] * 8) | ValueError | finite sample_weight
losses.MeanSquaredError()(ROWS, ROWS, sample_weight="a") | TypeError | sample_weight
losses.MeanSquaredError()(Parameter([1.0]), Tensor([1.0])) | ValueError | y_true | gradient
# --- metrics
metrics.get("acurracy") | ValueError | metric | 'acurracy' | 'accuracy'
metrics.Mean(dtype="text") | ValueError | dtype | 'text'
metrics.Mean(name=3) | TypeError | Mean | name | 3
metrics.Mean().update_state("a") | TypeError | mean | 'a'
metrics.Mean().update_state([1.0], sample_weight=[NAN]) | ValueError | finite sample_weight
metrics.Accuracy().update_state([1, 2], [1]) | ValueError | (2,) | (1,)
metrics.BinaryAccuracy(threshold=2) | ValueError | threshold | 2
metrics.BinaryAccuracy(threshold="a") | TypeError | BinaryAccuracy | threshold | 'a'
metrics.BinaryAccuracy().update_state([NAN], [0.3]) | ValueError | y_true | NaN
metrics.SparseCategoricalAccuracy().update_state([NAN], [[0.3, 0.7]]) | ValueError | y_true | NaN
metrics.SparseCategoricalAccuracy().update_state([1, 2], [[0.3, 0.7]]) | ValueError | (1,) | (2,)
metrics.CategoricalAccuracy().update_state([[NAN, 0]], [[0.3, 0.7]]) | ValueError | y_true | NaN
metrics.TopKCategoricalAccuracy(k=0) | ValueError | k | 0
metrics.TopKCategoricalAccuracy(k=2.5) | ValueError | k | 2.5
metrics.Precision(thresholds=2) | ValueError | precision | thresholds | 2
metrics.Precision(thresholds="a") | ValueError | Precision | thresholds | 'a'
metrics.Precision(top_k=0) | ValueError | top_k | 0
metrics.Precision(class_id=-1) | ValueError | class_id | -1
metrics.Precision().update_state([NAN], [0.3]) | ValueError | y_true | NaN
metrics.Recall().update_state([1, 0], [0.3]) | ValueError | (1,) | (2,)
metrics.AUC(num_thresholds=1) | ValueError | num_thresholds | 1
metrics.AUC(curve="ROCK") | ValueError | curve | 'ROCK'
metrics.AUC(curve=3) | TypeError | AUC | curve | 3
metrics.AUC(summation_method="sum") | ValueError | summation_method | 'sum'
metrics.AUC(multi_label="yes") | TypeError | multi_label | 'yes'
metrics.AUC().update_state([1.0], [2.3]) | ValueError | predictions from 0 to 1 | 2.3
metrics.AUC().update_state([NAN], [0.3]) | ValueError | y_true | NaN
metrics.PrecisionAtRecall(1.5) | ValueError | recall | 1.5
metrics.PrecisionAtRecall("a") | TypeError | PrecisionAtRecall | recall | 'a'
metrics.F1Score(average="mean") | ValueError | average | 'mean'
metrics.F1Score(threshold=2.0) | ValueError | threshold | 2.0
metrics.F1Score().update_state([[NAN, 1]], [[0.3, 0.2]]) | ValueError | y_true | NaN
metrics.FBetaScore(beta=-1.0) | ValueError | beta | -1.0
metrics.FBetaScore(beta=NAN) | ValueError | beta | nan
metrics.MeanIoU(0) | ValueError | num_classes | 0
metrics.MeanIoU(HUGE) | ValueError | MeanIoU | num_classes
metrics.IoU(2, [2]) | ValueError | target_class_ids | [2]
metrics.IoU(2, None) | TypeError | IoU | target_class_ids | None
metrics.MeanIoU(2, ignore_class="a") | TypeError | ignore_class | 'a'
metrics.R2Score(class_aggregation="mean") | ValueError | class_aggregation | 'mean'
metrics.R2Score(num_regressors=-1) | ValueError | num_regressors | -1
metrics.MeanSquaredError().update_state([1.0], [1.0, 2.0, 3.0]) | ValueError | y_true | (3, 1) | (1, 1)
metrics.MeanSquaredError().update_state([1.0], [1.0], sample_weight=[INF]) | ValueError | finite sample_weight
# --- optimizers and schedules
optimizers.SGD(-0.1) | ValueError | SGD | learning_rate | -0.1
optimizers.SGD(NAN) | ValueError | SGD | learning_rate | nan
optimizers.SGD(INF) | ValueError | SGD | learning_rate | inf
optimizers.SGD("fast") | TypeError | SGD | learning_rate | 'fast'
optimizers.SGD(None) | TypeError | SGD | learning_rate | None
optimizers.SGD(10**400) | ValueError | SGD | learning_rate
optimizers.SGD(0.1, momentum=1.5) | ValueError | SGD | momentum | 1.5
optimizers.SGD(0.1, momentum=-0.1) | ValueError | SGD | momentum | -0.1
optimizers.SGD(0.1, nesterov="yes") | TypeError | SGD | nesterov | 'yes' | bool
optimizers.Adam(beta_1=1.0) | ValueError | Adam | beta_1 | 1.0
optimizers.Adam(beta_2=-0.1) | ValueError | Adam | beta_2 | -0.1
optimizers.Adam(beta_2=NAN) | ValueError | Adam | beta_2 | nan
optimizers.Adam(epsilon=-1e-7) | ValueError | Adam | epsilon | -1e-07
optimizers.Adam(amsgrad="no") | TypeError | Adam | amsgrad | 'no' | bool
optimizers.Adam(clipnorm=0) | ValueError | Adam | clipnorm | 0
optimizers.Adam(clipnorm=-1.0) | ValueError | Adam | clipnorm | -1.0
optimizers.Adam(clipvalue=NAN) | ValueError | Adam | clipvalue | nan
optimizers.Adam(global_clipnorm="a") | TypeError | Adam | global_clipnorm | 'a'
optimizers.Adam(clipnorm=1.0, clipvalue=1.0) | ValueError | clipnorm | clipvalue
optimizers.Adam(weight_decay=-0.1) | ValueError | weight_decay | -0.1
optimizers.Adam(use_ema="yes") | TypeError | use_ema | 'yes' | bool
optimizers.Adam(use_ema=True, ema_momentum=2) | ValueError | ema_momentum | 2
optimizers.Adam(use_ema=True, ema_overwrite_frequency=0) | ValueError | ema_overwrite_frequency | 0
optimizers.Adam(loss_scale_factor=0) | ValueError | loss_scale_factor | 0
optimizers.Adam(gradient_accumulation_steps=1.5) | ValueError | gradient_accumulation_steps | 1.5
optimizers.AdamW(weight_decay=NAN) | ValueError | AdamW | weight_decay | nan
optimizers.RMSprop(rho=1.5) | ValueError | RMSprop | rho | 1.5
optimizers.RMSprop(momentum=NAN) | ValueError | RMSprop | momentum | nan
optimizers.Adagrad(initial_accumulator_value=-1) | ValueError | Adagrad | initial_accumulator_value | -1
optimizers.Adadelta(rho=-1) | ValueError | Adadelta | rho | -1
optimizers.Adamax(beta_1="a") | TypeError | Adamax | beta_1 | 'a'
optimizers.Nadam(epsilon="a") | TypeError | Nadam | epsilon | 'a'
optimizers.Lion(beta_2=2) | ValueError | Lion | beta_2 | 2
optimizers.Muon(exclude_layers="output") | TypeError | Muon | exclude_layers | 'output'
optimizers.Muon(ns_steps=0) | ValueError | Muon | ns_steps | 0
optimizers.Muon(rms_rate="a") | TypeError | Muon | rms_rate | 'a'
optimizers.Adafactor(beta_2_decay=0.8) | ValueError | Adafactor | beta_2_decay | 0.8
optimizers.Adafactor(clip_threshold=0) | ValueError | Adafactor | clip_threshold | 0
optimizers.get("adm") | ValueError | optimizer | 'adm' | 'adam'
optimizers.SGD(0.1, parameters=[3]) | TypeError | 3
optimizers.SGD(0.1).apply([gradient], []) | ValueError | sgd | expected 0 gradients | got 1
optimizers.SGD(0.1).apply([gradient, gradient], [weight]) | ValueError | 2 | 1
optimizers.SGD(0.1).apply([np.ones(2, "f")], [weight]) | ValueError | (3,) | (2,)
optimizers.SGD(0.1).apply([None], [weight]) | ValueError | gradient
optimizers.SGD(0.1).apply(["a"], [weight]) | TypeError | numbers
schedules.ExponentialDecay(0.1, 0, 0.5) | ValueError | ExponentialDecay | decay_steps | 0
schedules.ExponentialDecay(NAN, 1, 0.5) | ValueError | ExponentialDecay | initial_learning_rate | nan
schedules.ExponentialDecay(0.1, 10**400, 0.5) | ValueError | ExponentialDecay | decay_steps
schedules.ExponentialDecay(0.1, 1, 0.5, staircase="yes") | TypeError | staircase | 'yes' | bool
schedules.PiecewiseConstantDecay([1], [0.1]) | ValueError | PiecewiseConstantDecay | values
schedules.PiecewiseConstantDecay([2, 1], [0.1, 0.2, 0.3]) | ValueError | boundaries | [2, 1]
schedules.PiecewiseConstantDecay([1], [NAN, 0.1]) | ValueError | values | nan
schedules.PiecewiseConstantDecay(3, [0.1]) | TypeError | PiecewiseConstantDecay | boundaries=3
schedules.CosineDecay(0.1, "a") | TypeError | CosineDecay | decay_steps | 'a'
schedules.CosineDecayRestarts(0.1, 5, t_mul=0) | ValueError | t_mul | 0
schedules.PolynomialDecay(0.1, -1) | ValueError | PolynomialDecay | decay_steps | -1
schedules.InverseTimeDecay(0.1, 1, INF) | ValueError | decay_rate | inf
# --- callbacks
callbacks.EarlyStopping(patience=-1) | ValueError | EarlyStopping | patience | -1
callbacks.EarlyStopping(patience=NAN) | ValueError | EarlyStopping | patience | nan
callbacks.EarlyStopping(monitor=3) | TypeError | EarlyStopping | monitor | 3
callbacks.EarlyStopping(min_delta="a") | TypeError | EarlyStopping | min_delta | 'a'
callbacks.EarlyStopping(baseline="a") | TypeError | EarlyStopping | baseline | 'a'
callbacks.EarlyStopping(restore_best_weights="yes") | TypeError | restore_best_weights | 'yes' | bool
callbacks.EarlyStopping(start_from_epoch=1.5) | ValueError | start_from_epoch | 1.5
fit(callbacks=[callbacks.EarlyStopping("val_los", mode="auto"), logs(1.0, name="val_los")]) | ValueError | mode | val_los
callbacks.ReduceLROnPlateau(factor=1.0) | ValueError | ReduceLROnPlateau | factor | 1.0
callbacks.ReduceLROnPlateau(cooldown=-1) | ValueError | ReduceLROnPlateau | cooldown | -1
callbacks.ReduceLROnPlateau(min_lr=-1) | ValueError | min_lr | -1
callbacks.ModelCheckpoint("m.txt") | ValueError | filepath | m.txt
callbacks.ModelCheckpoint("m.keras", save_freq=0) | ValueError | save_freq | 0
callbacks.ModelCheckpoint("m.keras", save_freq="batch") | ValueError | save_freq | 'batch'
callbacks.ModelCheckpoint("m.keras", save_best_only="yes") | TypeError | save_best_only | 'yes'
callbacks.LearningRateScheduler("slow") | TypeError | schedule | 'slow'
fit(callbacks=[callbacks.LearningRateScheduler(lambda epoch: "fast")]) | ValueError | schedule | a float | fast
fit(callbacks=[callbacks.LearningRateScheduler(lambda epoch: NAN)]) | ValueError | nan
callbacks.CSVLogger(3) | TypeError | CSVLogger | filename | 3
callbacks.CSVLogger("a.csv", append="yes") | TypeError | CSVLogger | append | 'yes'
callbacks.TensorBoard(log_dir=3) | TypeError | TensorBoard | log_dir | 3
callbacks.TensorBoard(histogram_freq=-1) | ValueError | histogram_freq | -1
callbacks.LambdaCallback(on_epoch_end=3) | TypeError | on_epoch_end | 3
callbacks.BackupAndRestore("") | ValueError | backup_dir
callbacks.TerminateOnNaN(raise_error="yes") | TypeError | raise_error | 'yes'
# --- initializers, regularizers, constraints
initializers.RandomNormal(stddev=-1) | ValueError | RandomNormal | stddev | -1
initializers.RandomNormal(mean=NAN) | ValueError | RandomNormal | mean | nan
initializers.RandomNormal(seed="a") | TypeError | RandomNormal | seed | 'a'
initializers.RandomUniform(1, -1) | ValueError | RandomUniform | 1 | -1
initializers.VarianceScaling(scale=0) | ValueError | VarianceScaling | scale | 0
initializers.VarianceScaling(mode="fan") | ValueError | VarianceScaling | mode | 'fan'
initializers.VarianceScaling(distribution="flat") | ValueError | distribution | 'flat'
initializers.Orthogonal()((3,)) | ValueError | Orthogonal | (3,)
initializers.Identity()((2, 3, 4)) | ValueError | Identity | (2, 3, 4)
initializers.Zeros()((2**62, 4)) | ValueError | 4611686018427387904
initializers.Constant("a")((2,)) | ValueError | Constant | 'a'
initializers.get("zeroes") | ValueError | initializer | 'zeroes' | 'zeros'
regularizers.L1(-1) | ValueError | L1 | l1 | -1
regularizers.L2(NAN) | ValueError | L2 | l2 | nan
regularizers.L1L2(0.1, "a") | TypeError | l2 | float | 'a'
regularizers.OrthogonalRegularizer(mode="cols") | ValueError | mode | 'cols'
regularizers.get("l4") | ValueError | regularizer | 'l4'
constraints.MaxNorm(-1) | ValueError | MaxNorm | max_value | -1
constraints.MaxNorm(axis="a") | TypeError | MaxNorm | axis | 'a'
constraints.MinMaxNorm(2, 1) | ValueError | MinMaxNorm | min_value | 2
constraints.MinMaxNorm(rate=2) | ValueError | MinMaxNorm | rate | 2
constraints.get("non_ng") | ValueError | constraint | 'non_ng' | 'non_neg'
# --- random numbers
random.set_random_seed(-1) | ValueError | seed | -1
random.set_random_seed("a") | TypeError | seed | 'a'
random.set_random_seed(HUGE) | ValueError | seed | 1180591620717411303424
random.normal((2, -1)) | ValueError | normal | shape | (2, -1)
random.normal("ab") | ValueError | normal | shape | 'ab'
random.normal((2**62, 4)) | MemoryError | normal | 4611686018427387904
random.normal((2,), stddev=-1) | ValueError | normal | stddev | -1
random.normal((2,), stddev=NAN) | ValueError | normal | stddev | nan
random.normal((2,), mean="a") | ValueError | normal | mean | 'a'
random.normal((2,), dtype="int32") | ValueError | normal | floats | int32
random.uniform((2,), minval=NAN) | ValueError | uniform | minval | nan
random.uniform((2,), dtype="text") | ValueError | uniform | 'text'
random.randint((2,), 3, 3) | ValueError | randint | minval | maxval | 3
random.randint((2,), 0, 2**64) | ValueError | randint | 18446744073709551616
random.randint((2,), 0, 5, dtype="float32") | ValueError | randint | float32
random.truncated_normal((2,), stddev=-1) | ValueError | truncated_normal | stddev | -1
random.gamma((2,), -1) | ValueError | gamma | alpha | -1
random.binomial((2,), 3, 1.5) | ValueError | binomial | probabilities | 1.5
random.categorical(ROWS[0], 3) | ValueError | categorical | (4,)
random.shuffle(ROWS, axis=3) | ValueError | shuffle | axis | 3
random.dropout(ROWS, 2) | ValueError | dropout | rate | 2
# --- data
utils.to_categorical([-1]) | ValueError | to_categorical | 0 to | -1
utils.to_categorical([0.5]) | ValueError | to_categorical | integer labels | 0.5
utils.to_categorical([NAN]) | ValueError | to_categorical | integer labels | nan
utils.to_categorical([3], 3) | ValueError | to_categorical | 0 to 2 | 3
utils.to_categorical([]) | ValueError | to_categorical | num_classes
utils.to_categorical(["a"]) | TypeError | to_categorical | integer labels
utils.to_categorical([1], HUGE) | ValueError | to_categorical | num_classes=1180591620717411303424
utils.normalize(ROWS, axis=5) | IndexError | normalize | axis=5
utils.normalize(ROWS, order="a") | ValueError | normalize | order='a'
utils.pad_sequences([1, 2]) | ValueError | pad_sequences | a list of sequences
utils.pad_sequences([[1]], maxlen=-1) | ValueError | pad_sequences | maxlen | -1
utils.pad_sequences([[1]], padding="left") | ValueError | pad_sequences | padding | 'left'
utils.pad_sequences([[1]], truncating="left") | ValueError | pad_sequences | truncating | 'left'
utils.pad_sequences([["a"]]) | ValueError | pad_sequences | 'a'
utils.timeseries_dataset_from_array(ROWS, None, 99) | ValueError | 99 | 8
utils.timeseries_dataset_from_array(ROWS, None, 0) | ValueError | sequence_length | 0
utils.timeseries_dataset_from_array(ROWS, None, 2, batch_size=0) | ValueError | batch_size | 0
utils.split_dataset(ROWS) | ValueError | split_dataset | left_size
utils.split_dataset(ROWS, left_size=1.5) | ValueError | split_dataset | left_size | 1.5
utils.split_dataset(ROWS, left_size=99) | ValueError | split_dataset | left_size=99
utils.img_to_array("a") | ValueError | img_to_array | 'a'
utils.img_to_array(np.ones(3)) | ValueError | img_to_array | (3,)
utils.array_to_img(np.ones((2, 2, 7))) | ValueError | array_to_img | (2, 2, 7)
smart_resize(IMAGES[0], (0, 3)) | ValueError | smart_resize | (0, 3)
smart_resize(IMAGES[0], (3, 3), interpolation="zzz") | ValueError | smart_resize | 'zzz'
ImageDataGenerator(zoom_range="a") | TypeError | ImageDataGenerator | zoom_range
ImageDataGenerator(validation_split=2) | ValueError | validation_split | 2
ImageDataGenerator(fill_mode="mirror") | ValueError | fill_mode | 'mirror'
ImageDataGenerator().flow(ROWS) | ValueError | (8, 4)
ImageDataGenerator().flow(IMAGES, [1]) | ValueError | 2 | 1
Tokenizer(num_words=-1) | ValueError | num_words | -1
config.set_floatx("float8") | ValueError | float8
config.set_image_data_format("channels") | ValueError | channels
backend.set_value(weight, np.ones(9)) | ValueError | (3,) | (9,)
minigrad.set_num_threads(0) | ValueError | set_num_threads | 0
minigrad.set_num_threads("many") | ValueError | set_num_threads | 'many'
minigrad.set_num_threads(10**400) | ValueError | set_num_threads
"""


CASES = [line for line in TABLE.strip().splitlines() if not line.startswith("#")]


@pytest.mark.filterwarnings("ignore")  # of what leads to the error
@pytest.mark.parametrize("case", CASES)
def test_wrong_input_is_told(case, tmp_path, monkeypatch):
    code, error, *pieces = case.split(" | ")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(getattr(builtins, error)) as caught:
        eval(code, globals() | {})
    message = str(caught.value)
    missing = [piece for piece in pieces if piece not in message]
    assert not missing, f"{missing} not in: {message}"
    assert len(message) < 600  # no values of arrays


@pytest.mark.parametrize("value", ["typo", "-1", "1.5", ""])
@pytest.mark.parametrize("variable", ["KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"])
def test_wrong_limits_in_the_environment_are_told(variable, value, monkeypatch):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=f"{variable}: expected a whole number from 0, got"):
        fit()


@pytest.mark.parametrize("variable", ["MINIGRAD_KERNELS", "MINIGRAD_SIMD", "MINIGRAD_NUM_THREADS"])
def test_wrong_choices_in_the_environment_are_told(variable):
    child = subprocess.run(
        [sys.executable, "-c", "import minigrad.kernels"],
        env=os.environ | {variable: "typo"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert child.returncode == 1
    assert f"{variable}" in child.stderr and "expected" in child.stderr and "'typo'" in child.stderr


def test_the_table_is_long():
    assert len(CASES) == len(set(CASES)) >= 250
