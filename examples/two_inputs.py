"""Train a model that looks at two digits: what is their sum, and which is larger?

    python examples/two_inputs.py
    python examples/two_inputs.py --pairs 50000 --epochs 10

It has two inputs and two outputs, each with a loss and metrics of its own. Both digits go through
the same layers: nobody tells these which digits they see.
"""

import sys

import numpy as np

from minigrad import Input, Model, Sequential, layers
from minigrad.command_line import count, new_parser, print_estimate, program
from minigrad.datasets import synthetic_digits
from minigrad.optimizers import Adam
from minigrad.utils import set_random_seed

Arrays = dict[str, np.ndarray]


def build_model() -> Model:
    reader = Sequential(
        [
            layers.Rescaling(1 / 255),
            layers.AveragePooling2D(2),  # a quarter of the work
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
        ],
        name="reader",
    )
    left = Input((28, 28, 1), name="left")
    right = Input((28, 28, 1), name="right")
    seen = layers.concatenate([reader(left), reader(right)])  # the same weights for both
    x = layers.Dense(32, activation="relu")(seen)
    total = layers.Dense(1, name="sum")(x)
    larger = layers.Dense(1, activation="sigmoid", name="left_is_larger")(x)
    model = Model(
        inputs={"left": left, "right": right},
        outputs={"sum": total, "left_is_larger": larger},
    )
    model.compile(
        Adam(0.003),
        loss={"sum": "mse", "left_is_larger": "binary_crossentropy"},
        loss_weights={"sum": 0.1, "left_is_larger": 1.0},
        metrics={"sum": ["mae"], "left_is_larger": ["accuracy"]},
    )
    return model


def make_pairs(images: np.ndarray, labels: np.ndarray, number: int) -> tuple[Arrays, Arrays]:
    """Draw pairs of images; return the two inputs and the two targets, in dicts."""
    left, right = np.random.randint(len(labels), size=(2, number))
    a, b = labels[left].astype("float32"), labels[right].astype("float32")
    inputs = {"left": images[left, ..., None], "right": images[right, ..., None]}
    return inputs, {"sum": a + b, "left_is_larger": (a > b).astype("float32")}


def main() -> None:
    parser = new_parser(__doc__)
    flag = parser.add_argument
    flag("--epochs", type=count, default=8, help="default: %(default)s")
    flag("--pairs", type=count, default=12000, help="to train on (default: %(default)s)")
    arguments = parser.parse_args()

    train, test = synthetic_digits.load_data(num_train=3000, num_test=500)
    some = make_pairs(*train, number=arguments.pairs)
    print_estimate(build_model, *some, 32, arguments.epochs)
    set_random_seed(1)
    x_test, y_test = make_pairs(*test, number=1000)
    model = build_model()
    model.summary()
    model.fit(*make_pairs(*train, number=arguments.pairs), epochs=arguments.epochs, verbose=2)

    result = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
    print(f"on {synthetic_digits.TITLE}, unseen ones:")
    print(f"  the sum is wrong by {result['sum_mae']:.2f} on average")
    print(f"  the larger one is found in {result['left_is_larger_accuracy']:.1%} of the pairs")
    outputs = model.predict({name: images[:5] for name, images in x_test.items()}, verbose=0)
    for total, guess, larger in zip(
        y_test["sum"], outputs["sum"][:, 0], outputs["left_is_larger"][:, 0], strict=False
    ):
        print(f"  sum {total:2.0f}, read as {guess:4.1f}; the left is larger: {larger:.0%} sure")


if __name__ == "__main__":
    sys.exit(program(main))
