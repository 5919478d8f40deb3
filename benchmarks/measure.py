"""How contenders are measured: each in its own process, in turns, after a check.

A contender is a module with ``configure(threads)``, which returns its version, and a function for
each subject it supports ("step", "operation", ...). That function receives the contender's variant
and a case's options, and returns a `Task`. The process waits at a pipe while another one is
measured, so that thread pools never compete.
"""

import contextlib
import importlib
import math
import multiprocessing
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field

import numpy as np

PATIENCE = 900  # seconds without an answer, after which a contender is stopped
SETTLE = 0.25  # seconds for the last contender's threads to stop spinning: OpenBLAS's take 0.1
SAMPLE = 100_000  # elements of an array that are compared


@dataclass
class Task:
    """The work of a contender in one case.

    Parameters
    ----------
    runs : dict from str to callable
        Ways to do it; the fastest one is measured. ``run(count)`` does it at least `count` times
        and returns how often.
    check : callable
        Returns the arrays in which all contenders must agree.
    """

    runs: dict
    check: callable = list


@dataclass
class Case:
    """One line of a table.

    Parameters
    ----------
    title : str
    subject : str
        The name of the function in the contenders' modules.
    options : dict
        Its keyword arguments. A dropout's ``rate`` is 0 in the check.
    contenders : tuple of str
        minigrad first: the arrays of the others must agree with its arrays.
    threads : int, optional
        Default: the value of `--threads`.
    load : int
        Busy processes during the case.
    per : int
        Times are divided by it (the images in a batch, say).
    tolerance : float
        Of the check, relative to the Euclidean norm of each array.
    """

    title: str
    subject: str
    options: dict
    contenders: tuple
    threads: int | None = None
    load: int = 0
    per: int = 1
    tolerance: float = 1e-5


@dataclass
class Result:
    """Each contender's values round by round, or the reason why it has none."""

    title: str
    unit: str = "s"
    values: dict = field(default_factory=dict)
    ways: dict = field(default_factory=dict)
    failures: dict = field(default_factory=dict)


class RefusedError(Exception):
    """The reason why a contender is not measured."""


def repeat(function):
    """Return ``run(count)`` that calls the function `count` times."""

    def run(count):
        for _ in range(count):
            function()
        return count

    return run


# --- in the contender's process ------------------------------------------------------------------


class Worker:
    def __init__(self, module, variant, threads):
        self.module = importlib.import_module(module)
        self.variant = variant
        self.version = self.module.configure(threads)

    def prepare(self, subject, options, length):
        """Warm up, keep the fastest way; return the version, the way and the check's arrays."""
        self.run = None  # frees the last case's memory
        function = getattr(self.module, subject)
        task = checked = function(self.variant, **options)
        if "rate" in options:
            checked = function(self.variant, **options | {"rate": 0.0})
        arrays = checked.check()
        seconds = {}
        for way, run in task.runs.items():
            try:
                seconds[way] = _warm_time(run, length)
            except Exception as error:  # for example, XLA lacks some of TensorFlow's operations
                failure = error
        if not seconds:
            raise failure
        way = min(seconds, key=seconds.get)
        self.run, self.count = task.runs[way], math.ceil(length / seconds[way])
        return self.version, way, [_sample(array) for array in arrays]

    def window(self):
        """Return the seconds of one run, averaged over a window."""
        self.run(math.ceil(self.count / 10))  # warms the caches and wakes sleeping threads
        return _time(self.run, self.count)


def _time(run, count):
    start = time.perf_counter()
    done = run(count)
    return (time.perf_counter() - start) / done


def _warm_time(run, length):
    run(1)  # compiles, allocates
    count = 1
    while (seconds := _time(run, count)) * count < length / 4:
        count *= 2
    return min(seconds, _time(run, count))


def _sample(array):
    flat = np.asarray(array, np.float64).reshape(-1)
    return flat[:: math.ceil(flat.size / SAMPLE)]


def _serve(pipe, *arguments):
    """Answer the parent's requests until it exits; print nothing."""
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    worker = None
    with contextlib.suppress(EOFError):
        while True:
            request = pipe.recv()
            try:
                worker = worker or Worker(*arguments)
                answer = getattr(worker, request[0])(*request[1:])
            except Exception as error:
                first_line = str(error).strip().partition("\n")[0]
                answer = RefusedError(f"{type(error).__name__}: {first_line[:160]}")
            pipe.send(answer)


# --- in the parent -------------------------------------------------------------------------------


def environment(threads):
    """Return the variables that set the number of threads of every library."""
    libraries = ("OMP", "MKL", "OPENBLAS", "MINIGRAD")
    return {f"{name}_NUM_THREADS": str(threads) for name in libraries} | {
        "NPROC": str(threads),  # of XLA's pool
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()}",
        "JAX_PLATFORMS": "cpu",
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


class Process:
    """The parent's handle of a contender's process."""

    def __init__(self, module, variant, threads):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        arguments = (theirs, module, variant, threads)
        self.process = context.Process(target=_serve, args=arguments, daemon=True)
        inherited = os.environ.copy()
        os.environ.update(environment(threads))
        self.process.start()
        os.environ.clear()
        os.environ.update(inherited)
        theirs.close()

    def ask(self, *request):
        """Return the worker's answer; raise RefusedError if it is one or the process is dead."""
        try:
            self.pipe.send(request)
            if not self.pipe.poll(PATIENCE):
                self.process.kill()
            answer = self.pipe.recv()
        except (EOFError, OSError):
            raise RefusedError(f"its process died or gave no answer in {PATIENCE} s") from None
        if isinstance(answer, RefusedError):
            raise answer
        return answer

    def stop(self):
        self.process.kill()
        self.process.join()
        self.process.close()
        self.pipe.close()


@contextlib.contextmanager
def busy(count):
    """Keep `count` cores busy with processes of our niceness; they end even if we are killed."""
    code = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(10**5))"
    with contextlib.ExitStack() as stack:
        started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(count)]
        for process in started:
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield started


def distance(expected, found):
    """Return the largest distance between the lists' arrays, relative to the expected norm."""
    if [array.shape for array in expected] != [array.shape for array in found]:
        return math.inf
    pairs = zip(expected, found, strict=True)
    relative = [np.linalg.norm(b - a) / max(np.linalg.norm(a), 1e-30) for a, b in pairs]
    return float(np.max(relative, initial=0))  # NaN if any is


def run_case(case, running, windows, length):
    """Check and measure one case.

    Parameters
    ----------
    case : Case
    running : dict from str to Process
        The contenders' processes.
    windows : int
        Values for each contender.
    length : float
        Approximate seconds of a window.

    Returns
    -------
    Result
        The texts in `ways` begin with the contender's version.
    """
    result = Result(case.title)
    expected = None
    with busy(case.load):
        for name, process in running.items():
            try:
                version, way, arrays = process.ask("prepare", case.subject, case.options, length)
                expected = expected or arrays
                away = distance(expected, arrays) if arrays else 0  # limits compute nothing
                if not away <= case.tolerance:  # NaN is refused too
                    raise RefusedError(f"computes something else: {away:.1e} from minigrad")
            except RefusedError as error:
                result.failures[name] = str(error)
            else:
                result.ways[name] = f"{version}: {way}"
                result.values[name] = []
        for _ in range(windows):
            for name in list(result.values):
                time.sleep(SETTLE)
                try:
                    result.values[name].append(running[name].ask("window") / case.per)
                except RefusedError as error:
                    result.failures[name] = str(error)
                    del result.values[name]
    return result


def quartiles(values):
    """Return the lower quartile, the median and the upper quartile."""
    return tuple(np.quantile(values, (0.25, 0.5, 0.75)))


def ratios(values, reference):
    """Return the quotients of the values of the same rounds."""
    return [value / base for value, base in zip(values, reference, strict=True)]
