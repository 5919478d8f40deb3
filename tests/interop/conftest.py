"""What runs ONNX files: onnxruntime, given the arrays that the model was given."""

import numpy as np
import pytest

from minigrad.utils.structures import flatten


@pytest.fixture(scope="session")
def run_onnx():
    """``run_onnx(made, x)`` returns the results of a path or ModelProto for arrays, in a list."""
    runtime = pytest.importorskip("onnxruntime")

    def run(made, x):
        content = made.SerializeToString() if hasattr(made, "SerializeToString") else str(made)
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        names = [entry.name for entry in session.get_inputs()]
        given = dict(zip(names, flatten(x), strict=True))
        return session.run(None, given)

    return run


@pytest.fixture
def same_in_onnx(run_onnx):
    """``same_in_onnx(model, x)`` exports a model, compares it to 1e-5, returns the ModelProto."""
    pytest.importorskip("onnx")
    from minigrad import interop

    def check(model, x, **options):
        expected = [part.numpy() for part in flatten(model(x))]
        made = interop.to_onnx(model, **options)
        results = run_onnx(made, x)
        assert len(results) == len(expected)
        for result, wanted in zip(results, expected, strict=True):
            assert result.shape == wanted.shape
            np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-5)
        return made

    return check
