"""ONNX files as models: those that minigrad, PyTorch and tf2onnx write."""

import numpy as np
import pytest

from minigrad import models
from minigrad.utils.structures import flatten

onnx = pytest.importorskip("onnx")

from minigrad import interop  # noqa: E402


@pytest.fixture
def read_back(tmp_path):
    """``read_back(model, x)`` exports and imports a model, compares, returns the new one."""

    def check(model, x, tolerance=1e-5):
        interop.export_onnx(model, tmp_path / "model.onnx")
        again = models.load_model(tmp_path / "model.onnx")
        results = flatten(again(x))
        expected = flatten(model(x))
        assert len(results) == len(expected)
        for result, wanted in zip(results, expected, strict=True):
            result, wanted = np.asarray(result), np.asarray(wanted)
            assert result.shape == wanted.shape
            np.testing.assert_allclose(result, wanted, rtol=tolerance, atol=tolerance)
        return again

    return check


# --- what minigrad writes ------------------------------------------------------------------------


def test_layer_comes_back(layer_case, model_of, read_back):
    read_back(*model_of(layer_case))
