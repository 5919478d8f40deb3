"""Importing minigrad changes nothing for the rest of the process; nor does training."""

import os

import pytest

SNAPSHOT = """
import atexit, builtins, gc, locale, logging, random as python_random, sys, tracemalloc
import faulthandler, os, signal, threading, warnings
import numpy as np
import numpy.random

def snapshot():
    state = {
        "warnings": list(warnings.filters), "showwarning": warnings.showwarning,
        "numpy's errors": np.geterr(), "numpy's printing": np.get_printoptions(),
        "numpy's handler": np.geterrcall(), "numpy's generator": repr(np.random.get_state()),
        "ufuncs": np.add, "array": np.array, "locale": locale.setlocale(locale.LC_ALL),
        "signals": {s: signal.getsignal(s) for s in signal.valid_signals()},
        "trace": (sys.gettrace(), sys.getprofile(), threading.gettrace()),
        "path": list(sys.path), "hooks": list(sys.path_hooks), "argv": list(sys.argv),
        "recursion": sys.getrecursionlimit(), "switching": sys.getswitchinterval(),
        "python's random": python_random.getstate(), "environment": dict(os.environ),
        "folder": os.getcwd(), "builtins": {k for k in vars(builtins) if k != "_"},
        "logging": (logging.root.level, list(logging.root.handlers), logging.raiseExceptions),
        "loggers": {name for name in logging.root.manager.loggerDict},
        "excepthook": (sys.excepthook, sys.unraisablehook, threading.excepthook),
        "displayhook": sys.displayhook, "streams": (sys.stdin, sys.stdout, sys.stderr),
        "gc": (gc.isenabled(), gc.get_threshold(), len(gc.callbacks)),
        "atexit": atexit._ncallbacks(), "faulthandler": faulthandler.is_enabled(),
        "tracemalloc": tracemalloc.is_tracing(), "stack": threading.stack_size(),
        "affinity": os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None,
        "priority": os.getpriority(os.PRIO_PROCESS, 0) if hasattr(os, "getpriority") else None,
    }
    state["umask"] = os.umask(0o22)
    os.umask(state["umask"])
    tiny = np.array([1e-310])
    state["denormals"] = float((tiny / 2)[0]) > 0 and float(np.float32(1e-40)) > 0
    if os.path.exists("/proc/self/status"):
        wanted = "SigPnd", "SigBlk", "SigIgn", "SigCgt", "Cpus", "Seccomp", "NoNewPrivs", "Umask"
        with open("/proc/self/status") as file:
            state["status"] = [line for line in file if line.startswith(wanted)]
        state["descriptors"] = sorted(map(os.readlink, links()))
        state["threads"] = len(os.listdir("/proc/self/task"))
    return state

def links():
    paths = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    return [path for path in paths if os.path.islink(path)]  # without that of listdir itself

def changed(before):
    after = snapshot()
    return [f"{name}: {before[name]} -> {after[name]}" for name in before
            if before[name] != after[name]]
"""

IMPORT = """
sys.setrecursionlimit(1234)
warnings.filterwarnings("ignore", "some words")
np.set_printoptions(precision=3)
finders, modules, before = list(sys.meta_path), set(sys.modules), snapshot()
import minigrad
assert not changed(before), changed(before)
names = [name for name in set(sys.modules) - modules if "minigrad" not in name]
known = sys.stdlib_module_names | {"numpy", "cython_runtime", "_cython_shared"}
others = [name for name in names if name.partition(".")[0] not in known
          and not name.startswith("_cython_")]
assert not others, others
from minigrad import (activations, backend, callbacks, constraints, datasets, initializers, lab,
    layers, losses, metrics, models, ops, optimizers, preprocessing, regularizers, saving, testing,
    utils)
assert not changed(before), changed(before)
new = [finder for finder in sys.meta_path if finder not in finders]
assert [finder.__module__ for finder in new] == ["minigrad.utils.old_names"]
assert new[0].find_spec("numpy.linalg") is None  # it answers for minigrad's names alone
"""


def run_alone(run_script, code):
    """Run a script that imports minigrad itself: the head of the others would do so too early."""
    run_script(f"import subprocess\nCODE = {SNAPSHOT + code!r}\n" + RUN)


RUN = """
options = dict(capture_output=True, text=True, timeout=900)
result = subprocess.run([sys.executable, "-W", "error", "-c", CODE], **options)
assert (result.returncode, result.stderr) == (0, ""), result.stderr
"""


def test_importing_changes_nothing(run_script):
    run_alone(run_script, IMPORT)


TRAIN = """
import minigrad
from minigrad import layers, models, ops
x, y = np.ones((70, 8, 8, 3), "float32"), np.arange(70) % 3
model = models.Sequential([layers.Conv2D(5, 3), layers.Flatten(), layers.Dropout(0.5),
    layers.Dense(3, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
minigrad.set_num_threads(2)
before = snapshot()
model.fit(x, y, epochs=2, verbose=0)
model.predict(x, verbose=0)
with warnings.catch_warnings(record=True), np.errstate(all="ignore"):
    model.compile("sgd", "mse")
    try:
        model.fit(x, y[:5], verbose=0)
    except ValueError:
        pass
minigrad.set_num_threads(1)
assert not changed(before), changed(before)
"""


def test_training_changes_nothing(run_script):
    run_alone(run_script, TRAIN)


HANDLER = """
import minigrad
from minigrad import callbacks, layers, models
def own(*_):
    pass
class Sets(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        signal.signal(signal.SIGINT, own)
model = models.Sequential([layers.Dense(2)])
model.compile("sgd", "mse")
model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0, callbacks=[Sets()])
assert signal.getsignal(signal.SIGINT) is own
"""


def test_a_handler_that_a_callback_sets_stays(run_script):
    run_alone(run_script, HANDLER)


FREED = """
def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024

def use(count, megabytes):
    arrays = [np.ones(megabytes << 17) for _ in range(count)]
    return np.ones(20_000)  # above them in memory, and still there when they are freed

if {imports}:
    import minigrad
    if {trains}:
        minigrad.ops.exp(np.ones(1 << 20, "float32"))
before = resident()
kept = [use(1, 300), use(4, 80)]
assert resident() - before < 60, resident() - before
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads Linux's files")
@pytest.mark.parametrize(
    ("imports", "trains", "variables"),
    [(False, False, {}), (True, False, {}), (True, True, {"MINIGRAD_KEEP_MEMORY": "0"})],
    ids=["without", "imported", "trained, as told"],
)
def test_freed_memory_goes_back_to_the_system(run_script, imports, trains, variables, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    run_alone(run_script, FREED.format(imports=imports, trains=trains))
