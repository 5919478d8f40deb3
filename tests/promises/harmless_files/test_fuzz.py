"""Damaged copies of good files through every loader, in processes of their own; see ``worker.py``.

The quick form damages 21 files 90 times each, the long form 900 times.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WORKER = Path(__file__).with_name("worker.py")
GROUPS = {
    "arrays": ["w.npz", "run.npz", "npz.keras", "model.json"],
    "hdf5": ["w.weights.h5", "w2.weights.h5", "w.keras"],
    "models": ["m.keras", "m.h5", "old.h5"],
    "data": ["images.npz", "images.idx", "images.gz", "cifar-10-python.tar.gz"],
    "archives": ["a.tar", "a.tar.gz", "a.zip"],
    "pictures": ["p.png", "p.jpg", "p.gif", "p.bmp"],
}
LIBRARIES = {"hdf5": "h5py", "models": "h5py", "pictures": "PIL"}


@pytest.mark.parametrize("group", GROUPS)
def test_a_damaged_file_is_refused_or_the_same(group, tmp_path, trials):
    """No other error, no other values, no weight changed, nothing written, little memory."""
    if group in LIBRARIES:
        pytest.importorskip(LIBRARIES[group])
    seeds = [*trials(90, 900)]
    folder = tmp_path / "inner"
    folder.mkdir()
    command = [sys.executable, str(WORKER), str(folder), str(seeds[0]), str(len(seeds))]
    try:
        done = subprocess.run(
            [*command, *GROUPS[group]], capture_output=True, text=True, timeout=3600,
            env=os.environ | {"MINIGRAD_NUM_THREADS": "1"}, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.fail(f"hangs at {(folder / 'now').read_text()}")
    now = folder / "now"
    assert not now.exists(), f"died with {done.returncode} at {now.read_text()}: {done.stderr}"
    assert done.returncode == 0, done.stderr
    *findings, outcomes = map(json.loads, done.stdout.splitlines()[-20:])
    assert not findings
    assert outcomes["other"] == 0
    assert outcomes["refused"] > len(seeds)
    assert sum(outcomes.values()) == len(seeds) * len(GROUPS[group])
