"""DLPack both ways: memory is shared, and refused as NumPy and PyTorch refuse it."""

import numpy as np
import pytest

import minigrad
from minigrad import Parameter, Tensor, from_dlpack


@pytest.fixture(params=["float32", "float64"])
def numbers(request):
    return np.arange(6, dtype=request.param).reshape(2, 3)


def test_numpy_takes_a_tensor_without_a_copy(numbers):
    t = Tensor(numbers)
    assert t.__dlpack_device__() == numbers.__dlpack_device__()
    taken = np.from_dlpack(t)
    assert np.shares_memory(taken, numbers) and taken.dtype == numbers.dtype
    assert np.from_dlpack(t.detach()).ctypes.data == t.data.ctypes.data
    assert not np.shares_memory(np.from_dlpack(t, copy=True), numbers)
    np.testing.assert_array_equal(np.asarray(t), numbers)


def test_a_tensor_takes_numpys_memory(numbers):
    t = from_dlpack(numbers)
    assert np.shares_memory(t.data, numbers)
    numbers[0, 0] = 7
    assert t.data[0, 0] == 7
    assert not t.requires_grad
    strided = from_dlpack(numbers[:, ::2].T)
    assert np.shares_memory(strided.data, numbers)
    np.testing.assert_array_equal((strided * 2).numpy(), numbers[:, ::2].T * 2)


def test_torch_and_minigrad_share_memory(numbers):
    torch = pytest.importorskip("torch")
    t = Tensor(numbers)
    theirs = torch.from_dlpack(t)
    theirs[1, 2] = -1
    assert t.data[1, 2] == -1
    ours = from_dlpack(theirs)
    ours.assign(np.ones((2, 3)))
    assert theirs.sum() == 6 and np.shares_memory(ours.data, numbers)


def test_what_requires_a_gradient_is_refused_both_ways(numbers):
    torch = pytest.importorskip("torch")
    t = Tensor(numbers, requires_grad=True, name="x")
    for shared in (t, t * 2, Parameter(numbers, name="kernel")):
        with pytest.raises(BufferError, match=r"requires_grad.*t\.detach\(\)"):
            np.from_dlpack(shared)
        assert np.shares_memory(np.from_dlpack(shared.detach()), shared.data)
    theirs = torch.ones(3, requires_grad=True)
    with pytest.raises(BufferError):
        from_dlpack(theirs)
    assert from_dlpack(theirs.detach()).shape == (3,)


def test_what_is_read_only_stays_so(numbers):
    numbers.flags.writeable = False
    t = from_dlpack(numbers)
    assert not t.data.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        t.assign(np.ones((2, 3)))
    assert not np.from_dlpack(t).flags.writeable
    with pytest.raises(BufferError, match="readonly"):
        t.__dlpack__()  # as NumPy, to those who do not ask for a version that knows it
    assert numbers.sum() == 15


def test_what_would_have_to_be_converted_is_refused():
    for wrong in (np.arange(3), np.zeros(3, "float16"), np.zeros(3, complex), np.zeros(3, bool)):
        with pytest.raises(TypeError, match=rf"got {wrong.dtype}; write Tensor\(np\.from_dlpack"):
            from_dlpack(wrong)
    with pytest.raises(TypeError, match="expected an array with __dlpack__, got list"):
        from_dlpack([1.0, 2.0])


def test_results_put_off_are_computed():
    conv = minigrad.layers.Conv2D(2, 1, use_bias=False)
    x = np.ones((1, 2, 2, 3), np.float32)
    with minigrad.no_grad():
        y = minigrad.Sequential([conv])(x)
    expected = np.broadcast_to(conv.kernel.data.sum((0, 1, 2)), (1, 2, 2, 2))
    np.testing.assert_allclose(np.from_dlpack(y), expected, rtol=1e-6)
