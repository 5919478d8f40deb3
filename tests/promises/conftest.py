"""One folder for each promise of ``docs/promises.md``, and a marker of the same name.

``pytest -m same_bits`` runs what holds one promise, wherever in ``tests/`` it stands.
``MINIGRAD_LONG=1`` runs the long form; ``MINIGRAD_SEED`` is the first seed of random trials.
"""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LONG = os.environ.get("MINIGRAD_LONG") == "1"
FIRST_SEED = int(os.environ.get("MINIGRAD_SEED", "0"))


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(item.path.relative_to(HERE).parts[0])


@pytest.fixture
def trials():
    """``trials(200, 20_000)``: seeds, so many in the quick and in the long form.

    A test that fails prints the seed it failed with.
    """
    last = None

    def seeds(quick, long):
        nonlocal last
        for last in range(FIRST_SEED, FIRST_SEED + (long if LONG else quick)):  # noqa: UP028
            yield last

    yield seeds
    print(f"the last seed was {last}")
