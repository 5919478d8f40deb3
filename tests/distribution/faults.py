"""A rank is killed at a random instant, again and again: ``python tests/distribution/faults.py``.

Each run trains on 4 ranks, of which one is killed by SIGKILL after a random time; then it goes on
with 1, 2, 4 or 8 ranks to its end. Counted are hangs (no end within 10 s of the kill),
torn checkpoints, and runs that end with other weights than one that nobody disturbed.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import conftest
import numpy as np

EPOCHS = "40"  # of three steps
SECONDS_TO_END = 10


def start(number, folder):
    program = conftest.HERE / "ends.py"
    line, variables = conftest.command(number, program, "goes_on", 0, 0, folder, EPOCHS)
    return subprocess.Popen(
        line, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(number, folder):
    """The hash at the end of a run that nobody disturbs."""
    output, errors = start(number, folder).communicate(timeout=conftest.SECONDS)
    found = re.search(r"hash: (\w+)", output)
    return found[1] if found else errors[-2000:]


def ranks_of(process):
    """The processes of the ranks that run now."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes().split(b"\0")
            group = (path / "environ").read_bytes()
        except OSError:
            continue
        token = f"FAULTS_OF={process.token}".encode()
        if token in group and line[0].endswith(b"python") and b"ends.py" in b" ".join(line):
            found.append(int(path.name))
    return found


def torn(folder):
    """The checkpoints that cannot be read."""
    names = []
    for path in Path(folder).glob("checkpoint-*.npz"):
        try:
            with np.load(path) as arrays:
                list(arrays.values())
        except Exception:
            names.append(path.name)
    return names


def kill_one(folder, whole, rng):
    """Start a run, kill one of its ranks; return seconds until the end, None if it hangs."""
    os.environ["FAULTS_OF"] = token = f"{rng.random()}"
    process = start(4, folder)
    process.token = token
    time.sleep(rng.uniform(0.3, 1.0) * whole)
    victims = ranks_of(process)
    killed = bool(victims) and process.poll() is None
    if killed:
        try:
            os.kill(rng.choice(victims), signal.SIGKILL)
        except ProcessLookupError:
            killed = False
    begin = time.monotonic()
    try:
        process.communicate(timeout=SECONDS_TO_END if killed else conftest.SECONDS)
    except subprocess.TimeoutExpired:
        for victim in ranks_of(process):
            os.kill(victim, signal.SIGKILL)
        process.kill()
        process.communicate()
        return killed, None, process.returncode
    return killed, time.monotonic() - begin, process.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if conftest.MPIEXEC is None:
        sys.exit("faults.py: it needs mpi4py and mpiexec: pip install mpi4py mpich")
    rng, place = random.Random(given.seed), Path(tempfile.mkdtemp())
    begin = time.monotonic()
    expected = finish(4, place / "whole")
    whole = time.monotonic() - begin
    if len(expected) != 64:
        sys.exit(f"faults.py: the run that nobody disturbs failed: {expected}")
    counts = dict.fromkeys(("kills", "hangs", "torn", "code 0", "others"), 0)
    slowest = 0.0
    for run in range(given.runs):
        folder = place / str(run)
        killed, seconds, code = kill_one(folder, whole, rng)
        counts["kills"] += killed
        counts["hangs"] += seconds is None
        counts["code 0"] += killed and code == 0
        slowest = max(slowest, seconds or 0)
        counts["torn"] += bool(torn(folder))
        number = rng.choice((1, 2, 4, 8))
        got = finish(number, folder)
        if got != expected:
            counts["others"] += 1
            print(f"run {run}, which went on with {number}: {got}")
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(place)
    told = ", ".join(f"{name}: {count}" for name, count in counts.items())
    print(f"{given.runs} runs on {conftest.MPIEXEC}; {told}; slowest end {slowest:.1f} s")
    print(f"hash: {expected}")
    sys.exit(any(counts[name] for name in ("hangs", "torn", "others")))


if __name__ == "__main__":
    main()
