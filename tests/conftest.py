"""Fixtures for every test: Keras's golden numbers, and a guard over minigrad's global state."""

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import minigrad
from minigrad import random as minigrad_random
from minigrad import samples
from minigrad.layers.base import around
from minigrad.utils import clear_session

GOLDEN = Path(__file__).parent / "golden"
# No test measures time: the machine may be slow, or busy.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(scope="session")
def golden():
    """``golden("keras_golden.json")``: numbers that Keras 3.15.1 computed, as dict or npz."""

    def load(name):
        path = GOLDEN / name
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                return dict(arrays)
        return json.loads(path.read_text())

    return load


@pytest.fixture(autouse=True)
def global_state_is_left_alone():
    """Fail a test that leaks gradient mode, a layer's call, a distribution, or the thread count.

    Before it, the default generator is seeded, and automatic names begin anew.
    """
    os.environ.pop("COLUMNS", None)  # texts for terminals are as wide as each test says
    threads = minigrad.get_num_threads()
    minigrad_random.set_random_seed(0)
    clear_session(free_memory=False)
    yield
    assert minigrad.is_grad_enabled(), "the test left gradients switched off"
    state = around.training, around.building, around.deferred
    around.training, around.building, around.deferred = None, False, []
    assert state == (None, False, []), "the test left a layer's call, or results put off"
    assert samples.door is None, "the test left a distribution: set_distribution(None)"
    if minigrad.get_num_threads() != threads:
        minigrad.set_num_threads(threads)
        pytest.fail("the test left another number of threads behind")


@pytest.fixture
def num_threads():
    """``num_threads(n)`` sets the number of threads for one test; it is restored afterwards."""
    before = minigrad.get_num_threads()
    yield minigrad.set_num_threads
    minigrad.set_num_threads(before)


@pytest.fixture(scope="session")
def in_threads():
    """``in_threads(*functions)`` runs them at once, and returns results or raises an error."""

    def run_all(*functions):
        results, errors = [None] * len(functions), []
        barrier = threading.Barrier(len(functions))

        def run(index, function):
            try:
                barrier.wait()
                results[index] = function()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=run, args=pair) for pair in enumerate(functions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return results

    return run_all
