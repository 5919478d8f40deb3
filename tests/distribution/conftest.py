"""Runs programs on several ranks."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
