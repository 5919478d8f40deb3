"""A run that is killed at any instant, and started again, ends with the bits of one that is not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
PROGRAM = [sys.executable, str(HERE / "killed.py")]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows neither forks nor kills")


def run(*arguments):
    done = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("freq", "stride"), [('"epoch"', 41), ("2", 97)])
def test_a_kill_in_any_write_changes_nothing(freq, stride, trials):
    """For every k, or some: the run ends within its k-th write, flush, rename or removal.

    Then the same again, with kills elsewhere, until it comes to its end.
    """
    stride = 3 if len(list(trials(1, 2))) == 2 else stride
    found = run("writes", freq, str(stride), str(1 + stride // 3))
    assert found["kills"] >= found["actions"] / stride - 1 and found["actions"] > 200
    assert (found["torn"], found["different"], found["left"]) == ([], [], [])
    print(found)


def test_random_kills_change_nothing(tmp_path, trials, killed, left_over):
    """Processes are killed at random instants, several in each run, until each run has ended."""
    wanted = len(list(trials(2, 100)))
    rng, kills, runs = np.random.default_rng(next(iter(trials(1, 1)))), 0, 0
    begin = time.monotonic()
    expected = run("run", str(make(tmp_path / "whole")), "1")
    whole = time.monotonic() - begin
    while kills < wanted:
        folder, outcome = make(tmp_path / str(runs)), None
        freq, left = ("1", "2", '"epoch"')[runs % 3], rng.integers(1, 8)  # kills in this run
        while outcome is None:
            process = subprocess.Popen(
                [*PROGRAM, "run", str(folder), freq], stdout=subprocess.PIPE, text=True
            )
            # After the imports, which take most of the time of so short a run; or not at all.
            wait = rng.uniform(0.2, 1.1) * whole if left and kills < wanted else 60
            try:
                output, _ = process.communicate(timeout=wait)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                kills, left = kills + 1, left - 1
                assert killed.torn_files(folder) == []
            else:
                assert process.returncode == 0
                outcome = json.loads(output)
        runs += 1
        assert outcome == expected, f"after {kills} kills"
        assert not left_over(folder)
    print(f"{kills} kills in {runs} runs")


def make(folder):
    folder.mkdir()
    return folder
