"""Train a network by hand: parameters, ops, a loss and an optimizer, without layers or a model.

Three layers learn which of two interleaved spirals a point lies on. The loop below is what
`Sequential.fit` does with every batch.
"""

import sys

import numpy as np

from minigrad import Parameter, Tensor, initializers, no_grad, ops
from minigrad.command_line import new_parser, program
from minigrad.optimizers import Adam
from minigrad.utils import set_random_seed

HIDDEN_UNITS = 64
STEPS = 300


def two_spirals(points: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw points on two spirals; the second is the first one turned by half a circle.

    Returns
    -------
    positions : float32 array (2 * points, 2)
    spirals : int array (2 * points,)
        0 or 1, the spiral that each point lies on.
    """
    turns = np.sqrt(generator.uniform(0.02, 1.0, points))
    angle = 3 * np.pi * turns
    spiral = np.stack([turns * np.cos(angle), turns * np.sin(angle)], axis=1)
    noise = generator.normal(0.0, 0.02, (2 * points, 2))
    positions = np.concatenate([spiral, -spiral]) + noise
    return positions.astype("float32"), np.repeat([0, 1], points)


def make_parameters() -> tuple[list[Parameter], list[Parameter]]:
    """Weights of 2 -> HIDDEN_UNITS -> HIDDEN_UNITS -> 2, and biases of zero."""
    he_normal = initializers.get("he_normal")
    sizes = [(2, HIDDEN_UNITS), (HIDDEN_UNITS, HIDDEN_UNITS), (HIDDEN_UNITS, 2)]
    kernels = [Parameter(he_normal(size)) for size in sizes]
    biases = [Parameter(np.zeros(outputs, "float32")) for _, outputs in sizes]
    return kernels, biases


def network(x: Tensor | np.ndarray, kernels: list[Parameter], biases: list[Parameter]) -> Tensor:
    """Logits, one for each spiral: (N, 2) -> (N, 2)."""
    for kernel, bias in zip(kernels[:-1], biases[:-1], strict=True):
        x = ops.relu(x @ kernel + bias)
    return x @ kernels[-1] + biases[-1]


@no_grad()
def print_map(kernels: list[Parameter], biases: list[Parameter]) -> None:
    """Print the predicted spiral at each point of a grid in the plane."""
    rows, columns = np.linspace(1.1, -1.1, 22), np.linspace(-1.1, 1.1, 44)
    places = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)  # (22*44, 2)
    seen = ops.argmax(network(places.astype("float32"), kernels, biases), axis=-1)
    for row in seen.reshape(22, 44):
        print("".join(".#"[spiral] for spiral in row))


def main() -> None:
    new_parser(__doc__).parse_args()  # for --help
    set_random_seed(1)
    x, y = two_spirals(200, np.random.default_rng(1))
    kernels, biases = make_parameters()
    optimizer = Adam(learning_rate=0.01, parameters=kernels + biases)

    for step in range(1, STEPS + 1):
        logits = network(x, kernels, biases)
        loss = ops.mean(ops.softmax_cross_entropy(logits, y))
        loss.backward()  # fills .grad of every parameter
        optimizer.step()  # moves every parameter against its gradient
        optimizer.zero_grad()  # the next backward starts from zero
        if step % 50 == 0:
            accuracy = np.mean(ops.argmax(logits, axis=-1) == y)
            print(f"step {step:3d}  loss {loss.item():.4f}  accuracy {accuracy:.3f}")

    print_map(kernels, biases)


if __name__ == "__main__":
    sys.exit(program(main))
