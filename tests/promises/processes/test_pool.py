"""The pool's threads end when not needed, keep no one waiting, and compute as callers do."""

import ctypes
import ctypes.util
import os

import numpy as np
import pytest

from minigrad import kernels, ops

on_linux = pytest.mark.skipif(
    not os.path.exists("/proc/self/task"), reason="counts Linux's threads"
)
compiled = pytest.mark.skipif(kernels.kind == "reference", reason="NumPy's twins have no threads")

ENDS = """
before = count_threads()
large = np.ones((1024, 1024), "float32")
for number in (121, 1, 8, 3, 256, 1, 2, 1):
    minigrad.set_num_threads(number)
    ops.matmul(large, large)
    random.set_random_seed(1)
    assert count_threads() <= before + number - 1
    print(count_threads() - before)
"""


@on_linux
@compiled
def test_threads_beyond_the_number_end_at_once(run_script):
    counts = list(map(int, run_script(ENDS)))
    assert [counts[i] for i in (1, 5, 7)] == [0, 0, 0]
    assert counts[0] > 8 and counts[2] == 7 and counts[3] == 2 and counts[6] == 1


AFFINITY = """
import subprocess

os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
for name in ("MINIGRAD_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.pop(name, None)
code = "import minigrad; print(minigrad.get_num_threads())"
print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_the_number_at_the_start_is_that_of_the_cores_that_may_be_used(run_script):
    assert run_script(AFFINITY) == ["1"]


RACE = """
expected, stop = train(1), threading.Event()

def set_threads():
    while not stop.is_set():
        for number in (1, 4, 2, 8):
            minigrad.set_num_threads(number)

before = count_threads()
threads = [threading.Thread(target=set_threads) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in range(int(sys.argv[1])):
    assert train(1) == expected
stop.set()
for thread in threads:
    thread.join()
minigrad.set_num_threads(1)
assert count_threads() <= before
"""


@on_linux
def test_the_number_may_change_while_kernels_run(run_script, trials):
    run_script(RACE, len(list(trials(3, 300))))


BODY = """
def forever():
    while True:
        train(1)

def multiply():
    large = np.ones((1500, 1500), "float32")
    while True:
        ops.matmul(large, large)

thread = threading.Thread(target={target}, daemon=True)
thread.start()
train(2)
{end}
"""
ENDINGS = {
    "end": "pass",
    "sys.exit": "sys.exit()",
    "os._exit": "os._exit(0)",
    "atexit": "import atexit; atexit.register(train, 3)",
    "later import": "import atexit, logging; atexit.register(lambda: print(end=train(3)[:0]))",
    "del": "del minigrad, ops, layers, models",
}


@pytest.mark.parametrize(
    ("target", "end"), [*(("forever", end) for end in ENDINGS), ("multiply", "end")]
)
def test_a_process_exits_while_threads_train(run_script, target, end):
    run_script(BODY.format(target=target, end=ENDINGS[end]))


def rounding_of(name):
    """The number of a direction of rounding in this machine's <fenv.h>; x86's."""
    return {"nearest": 0, "up": 0x800}[name]


@compiled
@pytest.mark.skipif(os.uname().machine != "x86_64" if hasattr(os, "uname") else True, reason="x86")
def test_the_pools_threads_round_as_the_caller_does(num_threads):
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    x = np.random.default_rng(0).normal(size=(301, 999)).astype("float32")

    def step():
        return [ops.multiply(x, x).data, ops.matmul(x, x.T).data, ops.exp(x).data]

    num_threads(3)
    nearest = step()  # the threads begin now
    libm.fesetround(rounding_of("up"))
    try:
        results = []
        for number in (1, 3, 3, 3):
            num_threads(max(number, kernels.get_num_threads()))  # none of them ends
            kernels._num_threads = number
            results.append(step())
    finally:
        libm.fesetround(rounding_of("nearest"))
    for result in results[1:]:
        for one, other in zip(results[0], result, strict=True):
            np.testing.assert_array_equal(one, other)
    assert (results[0][0] != nearest[0]).any(), "the direction of rounding made no difference"


def test_kernels_leave_the_float_mode_alone():
    x = np.full((64, 64), 1e-30, "float32")
    tiny = np.float32(1e-40)
    before = np.geterr(), tiny / np.float32(2)
    ops.softmax(ops.matmul(x, x)).sum()
    assert (np.geterr(), tiny / np.float32(2)) == before
    assert tiny / np.float32(2) > 0
