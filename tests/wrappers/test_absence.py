"""The wrappers' module itself, which needs no scikit-learn."""

import subprocess
import sys

import pytest

from minigrad import wrappers

ABSENT = """
import sys
sys.modules["sklearn"] = None
import minigrad
assert "SKLearnClassifier" in dir(minigrad.wrappers)
try:
    minigrad.wrappers.SKLearnClassifier
except ImportError as error:
    print(error)
"""


def test_without_scikit_learn_the_error_says_what_to_install():
    run = subprocess.run([sys.executable, "-c", ABSENT], capture_output=True, text=True, check=True)
    assert run.stdout.strip().endswith("; pip install scikit-learn")


def test_names_are_those_of_keras():
    assert wrappers.__all__ == ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]
    with pytest.raises(AttributeError, match=r"nearest: wrappers\.SKLearnClassifier, SKLearnReg"):
        wrappers.KerasClassifier  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'Classifier'"):
        wrappers.Classifier  # noqa: B018
