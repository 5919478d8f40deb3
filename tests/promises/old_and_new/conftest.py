"""How the tests of this folder start a program: other options, places, users."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

import minigrad

PACKAGE = Path(minigrad.__file__).parent
OURS = ("MINIGRAD_DATA", "MINIGRAD_KERNELS", "MINIGRAD_SIMD", "MINIGRAD_NUM_THREADS", "PYTHONPATH")
PR_CAPBSET_DROP = 24  # <linux/prctl.h>


def drop_privileges():
    """Root without capabilities is stopped by permissions as everyone else is, after an exec."""
    for capability in range(64):
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


@pytest.fixture
def odd_folder(tmp_path):
    """A folder whose name has blanks, umlauts, and a sign that no 8-bit code has."""
    folder = tmp_path / "Größe und Maß → hier"
    folder.mkdir()
    return folder


@pytest.fixture
def start_python(odd_folder):
    """Run Python with these arguments as a user without privileges; its result."""

    def start(*arguments, folder=odd_folder, **variables):
        inherited = {name: value for name, value in os.environ.items() if name not in OURS}
        unprivileged = sys.platform == "linux" and os.geteuid() == 0
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=folder,
            env={**inherited, "MINIGRAD_OFFLINE": "1", **variables},
            preexec_fn=drop_privileges if unprivileged else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=300,
            check=False,
        )

    return start
