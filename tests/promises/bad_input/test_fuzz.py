"""Random and hostile calls in processes of their own: none may crash, hang or give other numbers.

What runs there, and what counts as a fault, says fuzz_child.py; its last line before a death is the
seed of the call.
"""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = Path(__file__).parent / "fuzz_child.py"
SLICE = 4000  # calls a process

pytest.importorskip("resource", reason="limits of memory are those of Unix")


def run(kind, first, count):
    return subprocess.run(
        [sys.executable, CHILD, kind, str(first), str(count)],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["calls", "kernels"])
def test_no_call_crashes_hangs_or_gives_other_numbers(kind, trials):
    seeds = list(trials(1200, 40_000))
    for first in range(seeds[0], seeds[-1] + 1, SLICE):
        count = min(SLICE, seeds[-1] + 1 - first)
        child = run(kind, first, count)
        *printed, last = child.stdout.split("\n")[:-1] or [""]
        if child.returncode < 0:
            name = signal.Signals(-child.returncode).name
            pytest.fail(f"{kind}: died by {name} at seed {last}\n{child.stderr[-2000:]}")
        assert child.returncode == 0, f"{kind}: failed at seed {last}\n{child.stderr[-3000:]}"
        assert len(printed) == count
        assert int(last.split()[1]) > count // 10  # enough of them were no errors
