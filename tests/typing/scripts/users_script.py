"""What a user may write, with annotations: no type checker finds anything in it."""

import numpy as np

import minigrad
from minigrad import callbacks, layers, losses, metrics, ops, optimizers
from minigrad.datasets import synthetic_digits
from minigrad.optimizers import Adam
from minigrad.optimizers.schedules import ExponentialDecay


class Scale(layers.Layer):
    """A layer of its own."""

    def __init__(self, start: float = 1.0, name: str | None = None) -> None:
        super().__init__(name=name)
        self.start = start

    def call(self, x: minigrad.Tensor, training: bool = False) -> minigrad.Tensor:
        return x * self.start if training else x


class Printer(callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        print(epoch, (logs or {})["loss"])


class SignDescent(optimizers.Optimizer):
    def update_step(
        self, gradient: minigrad.Tensor, variable: minigrad.Parameter, learning_rate: float
    ) -> None:
        variable.assign_sub(learning_rate * ops.sign(gradient))


def build() -> minigrad.Model:
    inputs = minigrad.Input(shape=(28, 28, 1))
    x = inputs
    for filters in (8, 16):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.concatenate([layers.Flatten()(x), layers.GlobalAveragePooling2D()(x)])
    x = layers.Dropout(0.5)(Scale(2)(x), training=True)
    outputs = layers.Dense(10, kernel_initializer="he_normal", kernel_regularizer="l2")(x)
    return minigrad.Model(inputs, outputs)


@minigrad.no_grad()
def accuracy(model: minigrad.Model, x: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean(ops.argmax(model(x), axis=-1) == y))


def main() -> None:
    minigrad.utils.set_random_seed(1)
    (x, y), (x_test, y_test) = synthetic_digits.load_data(num_train=640, num_test=64)
    model = build()
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    rate = ExponentialDecay(0.01, decay_steps=100, decay_rate=0.9)
    measured = ["accuracy", metrics.SparseTopKCategoricalAccuracy(k=3)]
    model.compile(Adam(rate, beta_1=0.8), loss=loss, metrics=measured)
    history = model.fit(
        x[..., None] / 255, y, np.int64(32), epochs=2, verbose=0, callbacks=[Printer()]
    )
    print(history.history["loss"][-1], model.evaluate(x_test[..., None], y_test, verbose=0))
    w = minigrad.Parameter(np.ones((3, 2)), name="w")
    optimizer = Adam(optimizers.schedules.CosineDecay(0.1, decay_steps=10), parameters=[w])
    error = ((np.ones((4, 3)) @ w - 1.0) ** 2).mean()
    error.backward()
    optimizer.step()
    print(accuracy(model, x_test[..., None], y_test), w.data.shape, float(w.sum()), w[0] > 1)


if __name__ == "__main__":
    main()
