"""Which implementation runs, by the environment; and reference mode in a debugger."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minigrad import kernels
from minigrad.kernels.runtime.threads import default_kind

FOLDER = Path(kernels.__file__).parents[2]
LEVELS = kernels.levels()
MODES = [("reference", LEVELS[0]), ("plain", LEVELS[0])]
if default_kind() == "fast":  # else a build without vector extensions
    MODES += [("fast", level) for level in LEVELS]
needs_fast = pytest.mark.skipif(default_kind() != "fast", reason="only plain kernels were built")


def run_python(*arguments, stdin=None, **variables):
    """Run Python in a new process, with none but the given variables of minigrad's set."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MINIGRAD_")}
    result = subprocess.run(
        [sys.executable, *arguments],
        env=environment | {"PYTHONPATH": str(FOLDER)} | variables,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return result.returncode, result.stdout.strip(), result.stderr


MODULES = """
import sys
from minigrad import kernels
for name in "matmul", "adam_step":
    kernel = getattr(kernels, name)
    modules = [m for m in sys.modules.values() if m is not kernels]
    print(*(m.__name__ for m in modules if vars(m).get(name) is kernel))
"""


def modules_of(**variables):
    returncode, stdout, stderr = run_python("-W", "error", "-c", MODULES, **variables)
    assert returncode == 0, stderr
    return [name.removeprefix("minigrad.kernels.") for name in stdout.split()]


@needs_fast
def test_fast_kernels_of_the_largest_instruction_set_are_the_default():
    best = [f"products.gemm_{LEVELS[-1]}", f"loops.optimizers_{LEVELS[-1]}"]
    assert modules_of() == modules_of(MINIGRAD_KERNELS="fast") == best


def test_levels_are_those_that_were_built(monkeypatch):
    monkeypatch.setattr(kernels, "find_spec", lambda name: name.endswith(LEVELS[-1]) or None)
    assert kernels.levels() == (LEVELS[-1],)


@needs_fast
@pytest.mark.parametrize("level", LEVELS)
def test_the_instruction_set_can_be_limited(level):
    loops = f"loops.optimizers_{level}"
    assert modules_of(MINIGRAD_SIMD=level) == [f"products.gemm_{level}", loops]
    assert modules_of(MINIGRAD_SIMD=level, MINIGRAD_KERNELS="plain") == ["products.plain", loops]


def test_reference_kernels_can_be_chosen():
    assert modules_of(MINIGRAD_KERNELS="reference") == ["reference", "reference"]


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("MINIGRAD_KERNELS", ["reference", "plain", "fast"]),
        ("MINIGRAD_SIMD", ["baseline", "avx2", "avx512"]),
        ("MINIGRAD_KEEP_MEMORY", ["0", "1"]),
        ("MINIGRAD_WINOGRAD", ["0", "1"]),
    ],
)
def test_an_unknown_choice_is_refused(variable, expected):
    returncode, _, stderr = run_python("-c", "import minigrad", **{variable: "quick"})
    assert returncode != 0
    last = stderr.splitlines()[-1]
    assert all(word in last for word in (variable, *expected, "'quick'"))


TRAIN = """
import numpy as np, minigrad
from minigrad import layers
minigrad.random.set_random_seed(3)
layout = [layers.Conv2D(5, 3, activation="relu"), layers.MaxPooling2D(2), layers.Dropout(0.3),
          layers.Flatten(), layers.Dense(4, activation="softmax")]
model = minigrad.Sequential([layers.Input((9, 8, 2)), *layout])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
x = np.random.default_rng(0).normal(size=(24, 9, 8, 2)).astype("float32")
history = model.fit(x, np.arange(24) % 4, batch_size=8, epochs=3, verbose=0)
print(*history.history["loss"])
"""


def test_every_implementation_trains_alike():
    losses = []
    for mode, level in MODES:
        variables = {"MINIGRAD_KERNELS": mode, "MINIGRAD_SIMD": level}
        returncode, stdout, stderr = run_python("-W", "error", "-c", TRAIN, **variables)
        assert returncode == 0, stderr
        losses.append([float(loss) for loss in stdout.split()])
    assert losses[0][-1] < losses[0][0]
    for loss in losses[1:]:
        np.testing.assert_allclose(loss, losses[0], rtol=1e-5)


SOURCES = """
import inspect, minigrad
from minigrad.ops import arithmetic
print(minigrad.core.__file__)
print(arithmetic.__file__)
print("class Tensor(" in inspect.getsource(minigrad.Tensor))
print("def backward(self" in inspect.getsource(minigrad.Tensor.backward))
print("im2col" in inspect.getsource(minigrad.kernels.conv2d_forward))
"""


def test_reference_mode_runs_the_python_sources():
    returncode, stdout, stderr = run_python("-c", SOURCES, MINIGRAD_KERNELS="reference")
    assert returncode == 0, stderr
    core, arithmetic, *found = stdout.splitlines()
    assert core.endswith("core.py") and arithmetic.endswith("arithmetic.py")
    assert found == ["True"] * 3


DEBUGGED = """\
import numpy as np
from minigrad import Tensor, ops
kernel = Tensor(np.ones((3, 3, 2, 4)), requires_grad=True)
loss = ops.conv2d(np.ones((1, 5, 5, 2)), kernel).sum()
loss.backward()
"""


def test_a_debugger_steps_from_backward_into_the_kernel_of_the_convolution(tmp_path):
    script = tmp_path / "debugged.py"
    script.write_text(DEBUGGED)
    to_backward = ("-c", "tbreak 5", "-c", "continue")
    _, stdout, _ = run_python(
        *("-m", "pdb", *to_backward, str(script)),
        stdin="step\n" * 500 + "quit\n",
        MINIGRAD_KERNELS="reference",
    )
    lines = [line for line in stdout.splitlines() if "> " in line]
    visited = [
        next((i for i, line in enumerate(lines) if all(part in line for part in place)), None)
        for place in (
            ("debugged.py(5)",),
            ("core.py(", "backward()"),
            ("conv.py(", "backward()"),
            ("reference.py(", "conv2d_backward_kernel()"),
        )
    ]
    assert None not in visited
    assert visited == sorted(visited)
