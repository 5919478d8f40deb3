"""A small convolutional network trained by Keras, and by us from the same weights."""

import numpy as np
import pytest

from minigrad import Input, Sequential, layers, optimizers

OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda: optimizers.Adam(0.01),
    "adagrad": lambda: optimizers.Adagrad(0.1),
}


def small_cnn():
    return Sequential(
        [
            Input((10, 10, 1)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(8, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_gives_keras_numbers(golden, name):
    data = golden("golden_cnn.npz")
    expected = golden("keras_golden.json")["cnn"][name]
    model = small_cnn()
    model.set_weights([data[f"w{i}"] for i in range(6)])
    model.compile(OPTIMIZERS[name](), "categorical_crossentropy", metrics=["accuracy"])
    x, y = data["X"], data["Y"]
    history = model.fit(
        x, y, batch_size=16, epochs=3, validation_split=0.2, shuffle=False, verbose=0
    )
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    for key, values in history.history.items():
        np.testing.assert_allclose(values, expected["history"][key], rtol=5e-6, err_msg=key)
    np.testing.assert_allclose(
        model.evaluate(x, y, verbose=0), expected["evaluate"], rtol=5e-6, err_msg="evaluate"
    )
    np.testing.assert_allclose(
        model.predict(x[:2], verbose=0), expected["predict0"], rtol=1e-5, atol=2e-6
    )
    for weight, values in zip(model.weights, expected["final_w"], strict=True):
        np.testing.assert_allclose(
            weight.numpy(), values, rtol=1e-5, atol=2e-6, err_msg=weight.path
        )


def test_training_gives_the_same_bits_with_any_number_of_threads(golden, num_threads):
    data = golden("golden_cnn.npz")
    hashes = set()
    for threads in (1, 2, 3):
        num_threads(threads)
        model = small_cnn()
        model.set_weights([data[f"w{i}"] for i in range(6)])
        model.compile("adam", "categorical_crossentropy")
        model.fit(data["X"], data["Y"], batch_size=16, shuffle=False, verbose=0)
        hashes.add(model.weights_hash())
    assert len(hashes) == 1
