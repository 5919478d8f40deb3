"""Strong and weak scaling on the ranks of this machine, and PyTorch's DDP beside it, in turns.

python -m benchmarks.ranks --out ranks.json
python -m benchmarks.ranks --torch /path/to/python/with/torch

One thread a rank. Strong: one batch for all. Weak: so many samples a rank. The control is minigrad
without a distribution, in one process. With overlap, a thread sends gradients while backward goes
on; "waiting" is what is left of it. It needs mpi4py, and mpiexec beside this Python.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.ranks.networks import SHAPES

WAYS = {"minigrad": "in_turns", "minigrad, overlap": "overlap"}  # what `ours` is told
ROOT = Path(__file__).parents[2]
MPIEXEC = Path(sys.executable).with_name("mpiexec")
VARIABLES = {
    "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMP_NUM_THREADS": "1",
}  # fmt: skip


def is_open_mpi():
    told = subprocess.run([MPIEXEC, "--version"], capture_output=True, text=True, check=True)
    return "Open MPI" in told.stdout or "OpenRTE" in told.stdout


def run_ours(ranks, name, batch_size, steps, how="in_turns"):
    """What `ours` prints; 0 ranks: without a distribution; None: one process, without mpiexec."""
    program = [sys.executable, "-m", "benchmarks.ranks.ours", name, str(batch_size), str(steps)]
    options = ["--map-by", ":OVERSUBSCRIBE"] if is_open_mpi() else []
    line = [MPIEXEC, *options, "-n", str(ranks), *program] if ranks else program
    line += [how] * (ranks is not None)
    return finish([subprocess.Popen(line, **pipes())])


def run_torch(python, ranks, name, batch_size, steps):
    """What `peer` prints."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rest = [str(ranks), str(port), name, str(batch_size), str(steps)]
    line = [python, "-m", "benchmarks.ranks.peer"]
    return finish([subprocess.Popen([*line, str(i), *rest], **pipes()) for i in range(ranks)])


def pipes():
    return {"env": os.environ | VARIABLES, "stdout": subprocess.PIPE, "text": True}


def finish(processes):
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        sys.exit(f"benchmarks.ranks: {processes[0].args} failed")
    return json.loads(outputs[0].splitlines()[-1])


def lower_quartile(values):
    return sorted(values)[len(values) // 4]


def measure(given):
    """Rounds of all cases in turns; a list of dicts."""
    cases = []
    for name in given.networks:
        for mode, sizes in (("strong", [given.batch] * len(given.ranks)), ("weak", given.weak)):
            for ranks, size in zip(given.ranks, sizes, strict=False):
                cases.append(("minigrad", name, mode, ranks, size))
                if ranks > 1:
                    cases.append(("minigrad, overlap", name, mode, ranks, size))
                if given.torch:
                    cases.append(("DDP, gloo", name, mode, ranks, size))
        cases.append(("no distribution", name, "strong", 0, given.batch))
    found = {case: [] for case in cases}
    for number in range(given.rounds):
        for case in cases[number % len(cases) :] + cases[: number % len(cases)]:
            who, name, _, ranks, size = case
            if who == "DDP, gloo":
                one = run_torch(given.torch, ranks, name, size, given.steps)
            else:
                one = run_ours(ranks, name, size, given.steps, WAYS.get(who, "plain"))
            found[case].append(one)
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return [summary(case, results) for case, results in found.items()]


def summary(case, results):
    who, name, mode, ranks, size = case
    steps = [step for result in results for step in result["seconds"]]
    waited = statistics.median(result.get("waited", 0) for result in results)
    step = lower_quartile(steps)
    return {
        "who": who, "network": name, "mode": mode, "ranks": ranks, "batch": size,
        "weights": results[0]["weights"], "seconds": step, "median": statistics.median(steps),
        "bytes": results[0].get("bytes", 0), "waited": waited,
        "cores": len(os.sched_getaffinity(0)),
        "hashes": sorted({result["hash"] for result in results}),
    }  # fmt: skip


def print_tables(rows):
    names = ("who", "network", "mode", "ranks", "batch", "step, ms", "median", "MB sent", "waiting")
    print("| " + " | ".join([*names, "hash"]) + " |")
    print("|---" * (len(names) + 1) + "|")
    for row in rows:
        cells = [row[key] for key in ("who", "network", "mode", "ranks", "batch")]
        cells += [f"{1000 * row['seconds']:.1f}", f"{1000 * row['median']:.1f}"]
        share = row["waited"] / row["median"]
        cells += [f"{row['bytes'] / 1e6:.2f}", f"{100 * share:.0f} %", " ".join(row["hashes"])]
        print("| " + " | ".join(map(str, cells)) + " |")
    for who in dict.fromkeys(row["who"] for row in rows):
        for name in dict.fromkeys(row["network"] for row in rows):
            strong = [
                r for r in rows if (r["who"], r["network"], r["mode"]) == (who, name, "strong")
            ]
            hashes = {h for row in strong for h in row["hashes"]}
            if len(strong) > 1:
                ranks = ", ".join(str(row["ranks"]) for row in strong)
                print(f"{who}, {name}, {ranks} ranks: {len(hashes)} different weights")


def main():
    def numbers(text):
        return [int(part) for part in text.split(",")]

    parser = argparse.ArgumentParser(prog="python -m benchmarks.ranks", description=__doc__)
    flag = parser.add_argument
    flag("--networks", type=lambda text: text.split(","), default=list(SHAPES))
    flag("--ranks", type=numbers, default=[1, 2, 4])
    flag("--batch", type=int, default=128, help="samples of a step, strong (default: %(default)s)")
    flag("--each", type=int, default=64, help="samples a rank, weak (default: %(default)s)")
    flag("--steps", type=int, default=20)
    flag("--rounds", type=int, default=5)
    flag("--torch", help="a Python that has torch (default: leave DDP out)")
    flag("--out", help="a file for the figures, in JSON")
    given = parser.parse_args()
    given.weak = [given.each * ranks for ranks in given.ranks]
    rows = measure(given)
    print_tables(rows)
    if given.out:
        Path(given.out).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
