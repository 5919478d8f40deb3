"""Other libraries, imported without their warnings; a test whose library is missing is left out."""

import importlib
import os
import warnings

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's news about the processor


@pytest.fixture(scope="session")
def library():
    """``library("torch.utils.data")`` imports a module, or skips the test."""

    def find(name):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return importlib.import_module(name)
            except ModuleNotFoundError as error:
                pytest.skip(f"{name}: {error}")

    return find
