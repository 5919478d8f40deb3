"""Threads: how many the kernels use, what happens to them in a fork, and Python's own threads."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import minigrad
from minigrad import Tensor, get_num_threads, kernels, no_grad, ops

pytestmark = pytest.mark.processes

VARIABLES = ("MINIGRAD_NUM_THREADS", "OMP_NUM_THREADS", "MINIGRAD_KERNELS")


def run_python(code, **variables):
    """Run code in a new process, with only the given ones of minigrad's variables set."""
    environment = {k: v for k, v in os.environ.items() if k not in VARIABLES} | variables
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- how many ------------------------------------------------------------------------------------


def test_the_number_can_be_set(num_threads):
    for number in (1, 3, 256, np.int64(2), 2.0):
        num_threads(number)
        assert get_num_threads() == number
        assert type(get_num_threads()) is int
    assert minigrad.get_num_threads is kernels.get_num_threads


@pytest.mark.parametrize("wrong", [0, -1, 1.5, 257, None, "many", float("nan"), float("inf"), [2]])
def test_other_numbers_are_refused(wrong):
    before = get_num_threads()
    with pytest.raises(ValueError, match="set_num_threads: expected a whole number of threads"):
        minigrad.set_num_threads(wrong)
    assert get_num_threads() == before


PRINT_THREADS = "import minigrad; print(minigrad.get_num_threads())"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"MINIGRAD_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"MINIGRAD_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"MINIGRAD_NUM_THREADS": "", "OMP_NUM_THREADS": ""}, None),
        ({"OMP_NUM_THREADS": "two"}, None),  # ignored, as OpenMP does
    ],
)
def test_the_number_at_the_start_comes_from_the_environment(variables, expected):
    result = run_python(PRINT_THREADS, **variables)
    assert result.returncode == 0, result.stderr
    available = kernels._available_cores()
    assert int(result.stdout) == (expected or available)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"": "max 100000"}, 256),
        ({"": "150000 100000"}, 1.5),
        ({"": "max 100000", "pod": "400000 100000", "pod/box": "max 100000"}, 4),
        ({"pod": "50000 100000", "pod/box": "800000 100000"}, 0.5),
        ({"pod": "nonsense"}, 256),
        ({}, 256),
    ],
)
def test_the_limit_of_a_container_is_respected(tmp_path, limits, expected):
    (tmp_path / "pod" / "box").mkdir(parents=True)
    for group, text in limits.items():
        (tmp_path / group / "cpu.max").write_text(text + "\n")
    own = tmp_path / "cgroup"
    own.write_text("0::/pod/box\n")
    assert kernels._container_limit(str(tmp_path), str(own)) == expected
    assert kernels._container_limit(str(tmp_path), str(tmp_path / "missing")) == 256


def test_a_wrong_variable_is_named():
    result = run_python(PRINT_THREADS, MINIGRAD_NUM_THREADS="two")
    expected = "MINIGRAD_NUM_THREADS: expected a whole number of threads from 1 to 256"
    assert expected in result.stderr
    assert "got 'two'" in result.stderr


def test_the_environment_stays_as_it_was():
    code = (
        "import os; before = dict(os.environ); import minigrad; print(before == dict(os.environ))"
    )
    assert run_python(code).stdout.strip() == "True"


@pytest.mark.same_bits
def test_the_bits_do_not_depend_on_the_number(num_threads):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(7, 29, 31, 5)).astype("float32")
    kernel = rng.normal(size=(3, 3, 5, 9)).astype("float32")

    def train_step():
        leaves = [Tensor(a.copy(), requires_grad=True) for a in (x, kernel)]
        y = ops.max_pool2d(ops.conv2d(*leaves, activation="relu"), 2)
        y = ops.dropout(y.reshape(7, -1), 0.3, seed=5)
        loss = ops.log_softmax(y @ y.T).mean()
        loss.backward()
        return [loss.data, *(leaf.grad for leaf in leaves)]

    num_threads(1)
    expected = train_step()
    for number in (2, 3):
        num_threads(number)
        for one, other in zip(expected, train_step(), strict=True):
            assert one.tobytes() == other.tobytes()


# --- fork ----------------------------------------------------------------------------------------

FORK = """
import os
import numpy as np
import minigrad
from minigrad import ops

a = np.ones((512, 512), "float32")
minigrad.set_num_threads(2)
ops.matmul(a, a)  # the parent's threads are running now
child = os.fork()
if child == 0:
    assert minigrad.get_num_threads() == 2
    for _ in range(100):
        assert (ops.matmul(a, a).data == 512).all()
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert minigrad.get_num_threads() == 2
assert ops.matmul(a, a).data[0, 0] == 512
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_computes_with_threads_of_its_own():
    result = run_python(FORK)
    assert result.returncode == 0, result.stderr


# --- Python's threads ----------------------------------------------------------------------------


def test_two_threads_build_and_walk_graphs_of_their_own(num_threads, in_threads):
    num_threads(2)

    def work(seed):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(4, 12, 12, 3)).astype("float32")
        w = Tensor(rng.normal(size=(3, 3, 3, 40)).astype("float32"), requires_grad=True)
        for _ in range(10):
            y = ops.conv2d(x, w, activation="relu").reshape(4, -1)
            (y @ y.T).sum().backward()
            w.assign(w.data - 1e-6 * w.grad)
        return w.grad

    expected = [work(1), work(2)]
    for result, alone in zip(in_threads(lambda: work(1), lambda: work(2)), expected, strict=True):
        assert_array_equal(result, alone)


def test_gradient_mode_belongs_to_a_thread(in_threads):
    one, two = threading.Event(), threading.Event()

    def without():
        with no_grad():
            one.set()
            assert two.wait(10)
            return (Tensor([1.0], requires_grad=True) * 2).requires_grad

    def recording():
        assert one.wait(10)
        result = (Tensor([1.0], requires_grad=True) * 2).requires_grad
        two.set()
        return result

    assert in_threads(without, recording) == [False, True]


def test_threads_may_share_weights_that_nobody_changes(in_threads):
    w = Tensor(np.arange(12.0).reshape(3, 4), requires_grad=False)

    def work():
        return [(w @ w.T).sum().item() for _ in range(50)]

    assert in_threads(work, work, work) == [work()] * 3
