"""Runs programs on several ranks, and functions on several forked processes."""

import hashlib
import importlib.util
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from minigrad import config, kernels, random, samples
from minigrad.distribution import tree
from minigrad.distribution.door import Door
from minigrad.distribution.exchange import Alone

HERE = Path(__file__).parent
SECONDS = 240  # a run that takes longer hangs


def find_mpiexec():
    """The mpiexec beside this Python, or the system's; None without one or without mpi4py."""
    if importlib.util.find_spec("mpi4py") is None:
        return None
    beside = Path(sys.executable).with_name("mpiexec")
    return str(beside) if beside.exists() else shutil.which("mpiexec")


MPIEXEC = find_mpiexec()


def is_open_mpi():
    told = subprocess.run([MPIEXEC, "--version"], capture_output=True, text=True, check=False)
    return "Open MPI" in told.stdout or "OpenRTE" in told.stdout or "PRTE" in told.stdout


def command(ranks, *program):
    """The command line, and its variables: Open MPI asks for leave where others do not."""
    options, variables = [], dict(os.environ, MINIGRAD_NUM_THREADS="1")
    if is_open_mpi():
        options = ["--map-by", ":OVERSUBSCRIBE"]
        variables |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return [MPIEXEC, *options, "-n", str(ranks), sys.executable, *map(str, program)], variables


class Finished:
    """What a run wrote, its exit code, and its last line of output as JSON."""

    def __init__(self, done):
        self.code, self.output, self.errors = done.returncode, done.stdout, done.stderr

    @property
    def value(self):
        assert self.code == 0, self.errors[-3000:]
        return json.loads(self.output.strip().splitlines()[-1])


@pytest.fixture(scope="session")
def ranks():
    """``ranks(4, "train.py", "fit")`` runs a program of this folder; 0 ranks: without mpiexec."""
    if MPIEXEC is None:
        pytest.skip("needs mpi4py and mpiexec: pip install mpi4py mpich")

    def run(number, program, *arguments, **variables):
        line, environment = command(number, HERE / program, *arguments)
        line = line if number else line[-2 - len(arguments) :]
        done = subprocess.run(
            line, capture_output=True, text=True, timeout=SECONDS, check=False,
            env=environment | variables,
        )  # fmt: skip
        return Finished(done)

    run.is_open_mpi = is_open_mpi
    return run


class Pipes(Alone):
    """An exchange over pipes, one for each pair of ranks."""

    def __init__(self, rank, pipes):
        self.rank, self.size, self.pipes = rank, len(pipes), pipes

    def _all(self, value):
        for pipe in filter(None, self.pipes):
            pipe.send(value)
        return [value if pipe is None else pipe.recv() for pipe in self.pipes]

    def complete(self, part, present):
        pairs = zip(self._all(part), present, strict=True)
        return tree.add_up([part if counts else None for part, counts in pairs])

    def gather(self, rows, counts):
        parts = self._all(rows)
        assert [len(part) for part in parts] == list(counts)
        return np.concatenate(parts)


def _rank(function, rank, pipes, shards, floats, queue):
    warnings.simplefilter("ignore")
    config.set_floatx(floats)
    kernels.set_num_threads(1)
    samples.door = Door(Pipes(rank, pipes), shards) if shards else None
    random.set_random_seed(3)
    try:
        weights, shown = function()
    except Exception as error:
        queue.put((repr(error), None))
        raise
    digest = hashlib.sha256(b"".join(w.tobytes() for w in weights) + repr(shown).encode())
    queue.put((digest.hexdigest(), weights))


@pytest.fixture
def forked():
    """See `on_ranks`."""
    return on_ranks


def on_ranks(function, ranks, shards, floats="float32"):
    """Return the hashes of what a function returns on all ranks, and the weights of one.

    The function returns a list of arrays, its weights, and whatever else is compared.
    """
    context = multiprocessing.get_context("fork")
    pipes = [[None] * ranks for _ in range(ranks)]
    for i in range(ranks):
        for j in range(i):
            pipes[i][j], pipes[j][i] = context.Pipe()
    queue = context.Queue()
    given = [(function, i, pipes[i], shards, floats, queue) for i in range(ranks)]
    processes = [context.Process(target=_rank, args=args) for args in given]
    for process in processes:
        process.start()
    found = []
    while len(found) < ranks:
        found.append(queue.get(timeout=120))
        if found[-1][1] is None:  # the others would wait for it
            for process in processes:
                process.terminate()
            raise AssertionError(found[-1][0])
    for process in processes:
        process.join(10)
    return {digest for digest, _ in found}, found[0][1]
