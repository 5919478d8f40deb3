"""The engine: tensors, the graph that operations record, and the backward pass through it.

A ``Tensor`` is a NumPy array with an optional gradient. Applying an operation (an instance of
``Function``) to tensors computes an array. If an input requires a gradient, the instance also
becomes a node of the graph. A node holds the arrays that its ``backward`` needs. It points to the
nodes of its inputs and never to its outputs: a graph is freed, by reference counting alone, with
the last reference to its result.

``backward`` visits the nodes in reverse topological order: each one once, after all nodes that use
its result. Gradients add up in the leaves. ``backward`` works on arrays, so there are first
derivatives only.
"""

import contextlib
import functools
import inspect
import itertools
import math
import threading

import numpy as np
from numpy import add, asarray, may_share_memory, ndarray  # looked up for every operation
from numpy.lib.array_utils import normalize_axis_tuple

__all__ = [
    "Function",
    "Parameter",
    "Tensor",
    "as_tensor",
    "from_dlpack",
    "is_grad_enabled",
    "no_grad",
]

FLOAT_TYPES = (np.dtype(np.float32), np.dtype(np.float64))
BLOCK = 64  # numbers that `sum_over` has NumPy add one by one
NUMBERS = (float, int, np.floating, np.integer, np.bool_)


# --- gradient mode -------------------------------------------------------------------------------


_mode = threading.local()  # .depth: how many no_grad() this thread is in; .is_trial
_pauses = []  # an item for each no_grad() or watch of any thread; while it is empty, _mode rests
_watches = []  # the last one, watch(function, inputs), applies every op: see `debug`


def is_grad_enabled():
    """Whether operations of this thread record a graph."""
    return not _pauses or not getattr(_mode, "depth", 0)


class Scope(contextlib.ContextDecorator):
    """A context manager that also decorates functions.

    Of a generator function it concerns the body, not what runs between two ``yield``.
    """

    def __call__(self, function):
        is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
        if is_async or isinstance(function, (type, classmethod)):
            name, what = type(self).__name__, "async function" if is_async else "class"
            raise TypeError(f"{name}: expected no {what}; write `with {name}():` in it")
        if not inspect.isgeneratorfunction(function):
            return super().__call__(function)

        @functools.wraps(function)
        def generate(*arguments, **named):
            body = function(*arguments, **named)
            resume, value = body.send, None
            while True:
                try:
                    with self:
                        result = resume(value)
                except StopIteration as end:
                    return end.value
                try:
                    resume, value = body.send, (yield result)
                except BaseException as error:  # thrown in at the yield; also when it is closed
                    resume, value = body.throw, error

        return generate


class no_grad(Scope):
    """Record no graph inside ``with no_grad():``, or a function decorated with ``@no_grad()``."""

    def __new__(cls, function=None):
        self = super().__new__(cls)
        return self if function is None else self(function)  # a bare @no_grad works too

    def __enter__(self):
        _mode.depth = getattr(_mode, "depth", 0) + 1
        _pauses.append(None)
        return self

    def __exit__(self, *error):
        _pauses.pop()
        _mode.depth -= 1


def is_trial():
    """Whether this thread runs a function on zeros, only to learn the shapes of its results."""
    return getattr(_mode, "is_trial", False)


@contextlib.contextmanager
def trial(is_on=True):
    """While it lasts nothing is assigned: what counts or averages must not see the zeros."""
    before, _mode.is_trial = is_trial(), is_on
    try:
        yield
    finally:
        _mode.is_trial = before


# --- conversion to float arrays ------------------------------------------------------------------


def _check_float_type(dtype):
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = dtype
    if found not in FLOAT_TYPES:
        raise TypeError(f"Tensor: expected dtype float32 or float64, got {dtype}")
    return found


def as_array(data, dtype=None, default=np.float32):
    """Convert array-like data to a float32 or float64 array; an array of that type is not copied.

    Float arrays keep their type; Python numbers and lists, integers, booleans and float16 become
    ``default``, unless ``dtype`` says otherwise.

    Raises
    ------
    TypeError
        For complex numbers, strings, objects and lists of tensors.
    ValueError
        For ragged lists, and for integers that the type cannot hold exactly.
    """
    is_float = type(data) is ndarray and data.dtype in FLOAT_TYPES
    # Not `dtype in (None, ...)`: NumPy finds float64 equal to None.
    fits = is_float and (dtype is None or dtype == data.dtype)
    if fits and (data.base is None or data.flags.aligned):
        return data
    if isinstance(data, TensorBase):
        data = data.data
    elif _has_tensor(data):
        raise TypeError("Tensor: expected numbers, got a list of tensors; write ops.stack(list)")
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"Tensor: expected an array of one shape, got {error}") from None
    except NotImplementedError:  # by which TensorFlow says so
        raise TypeError(
            f"Tensor: expected values, got a symbolic tensor, a {type(data).__name__}; leave out "
            "@tf.function, and write loss.backward() in place of a GradientTape"
        ) from None
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind not in "fiub" or size > 8:
        cure = "; number texts, drop None, and write x.astype('float32')" if kind in "OSU" else ""
        cure = "; write x.toarray()" if hasattr(data, "toarray") else cure
        kind = type(data).__name__
        raise TypeError(f"Tensor: expected real numbers, got {array.dtype} ({kind}){cure}")
    if dtype is not None:
        dtype = _check_float_type(dtype)
    elif kind == "f" and size >= 4 and hasattr(data, "dtype"):
        dtype = FLOAT_TYPES[size == 8]
    else:
        dtype = default
    converted = array.astype(dtype, copy=not array.flags.aligned)  # kernels need it aligned
    if kind in "iu" and size > 2:
        large = array[abs(converted) >= 2**24].astype(object)  # Python's integers compare exactly
        lost = large[large.astype(dtype) != large]
        if lost.size:
            raise ValueError(
                f"Tensor: expected integers that {np.dtype(dtype)} holds exactly, got {lost[0]}; "
                "scale them, or write dtype='float64', which holds those up to 2**53"
            )
    return converted


def _has_tensor(data):
    if isinstance(data, (list, tuple)):
        return any(map(_has_tensor, data))
    return isinstance(data, TensorBase)


def as_tensor(value, like=None):
    """Return ``value`` itself if it is a Tensor, else a Tensor of it without gradient.

    Scalars, lists and integers take the dtype of the tensor ``like``; float arrays keep theirs.
    """
    if isinstance(value, TensorBase):
        return value
    return Tensor(_constant(value, None if like is None else like.dtype))


def _constant(value, dtype):
    """Convert an input that is no tensor; numbers, lists and integers take ``dtype`` if given."""
    if dtype is None:
        return as_array(value)
    if isinstance(value, NUMBERS):
        try:
            return asarray(value, dtype)  # a number never widens a float32 tensor
        except OverflowError:
            raise ValueError(f"Tensor: expected a number that {dtype} holds, got {value}") from None
    return as_array(value, default=dtype)


def from_dlpack(x):
    """Return a Tensor that shares the memory of another library's array, by way of DLPack.

    Parameters
    ----------
    x : object with ``__dlpack__``
        Such as a tensor of PyTorch, JAX or TensorFlow, on the CPU, of float32 or float64.

    Raises
    ------
    TypeError
        If it is of another type, or without ``__dlpack__``.
    BufferError
        If it is on another device, or requires a gradient.
    """
    if not hasattr(x, "__dlpack__"):
        raise TypeError(f"from_dlpack: expected an array with __dlpack__, got {type(x).__name__}")
    array = np.from_dlpack(x)
    if array.dtype not in FLOAT_TYPES:
        cure = "write Tensor(np.from_dlpack(x)), which copies"
        raise TypeError(f"from_dlpack: expected float32 or float64, got {array.dtype}; {cure}")
    return Tensor(array)


# --- tensors -------------------------------------------------------------------------------------


class TensorBase:
    """The compiled part of ``Tensor``.

    Operators are attached to the Python subclass: a compiled class cannot be extended at run time.
    """

    __slots__ = (
        "_data", "_deferred", "_is_view", "_rows", "_signature", "_version", "grad", "made_by",
        "name", "node", "requires_grad", "__weakref__",
    )  # fmt: skip

    @property
    def data(self):
        values = values_here(self)
        return values if self._rows is None else self._rows.whole(self)

    @data.setter
    def data(self, value):
        if value is self.data:  # `t.data -= step` has just written into it
            self.mark_changed()
            return
        # A copy: no two tensors share memory by accident.
        self._data = np.array(self._fitting(value), order="C")
        self._is_view = False
        if self._rows is not None:
            self._rows = self._signature = None
        self._version = [self.version + 1]

    @property
    def version(self):
        """The number of in-place changes counted since it was first read: see `mark_changed`."""
        return _version_of(self)[0]

    @property
    def shape(self):
        return _signature_of(self)[0] if self._rows is None else self._rows.shape(self)

    @property
    def dtype(self):
        return _signature_of(self)[1]

    @property
    def ndim(self):
        return len(_signature_of(self)[0])

    @property
    def size(self):
        return math.prod(self.shape)

    def numpy(self):
        """The values as a NumPy array that shares the tensor's memory."""
        return self.data

    def item(self):
        """The one value as a Python float; ValueError if there is not exactly one."""
        if self.size != 1:
            raise ValueError(f"item: expected a tensor of one element, got shape {self.shape}")
        return self.data.item()

    def detach(self):
        """A tensor of the same values (the same memory) outside the graph."""
        return Tensor(self, name=self.name)

    def assign(self, value):
        """Overwrite the values in place; ``value`` must have the tensor's shape. Returns self."""
        if not is_trial():
            array = self._fitting(value)
            values_here(self)[...] = array if self._rows is None else self._rows.own(array)
            self.mark_changed()
        return self

    def _fitting(self, value):
        array = as_array(value, self.dtype)
        if array.shape != self.shape:
            raise ValueError(
                f"{_title(self.name, self.shape)}: expected shape {self.shape}, got {array.shape}"
            )
        return array

    def _compute(self):
        """Compute the values that were put off, see ``defer``."""
        depth = getattr(_mode, "depth", 0)
        if self.requires_grad:
            _mode.depth = 0  # what was to be recorded is, even if they are first needed in no_grad
        try:
            tensor = self._deferred()
        finally:
            _mode.depth = depth
        if tensor.shape != self.shape:
            raise RuntimeError(f"defer: expected values of shape {self.shape}, got {tensor.shape}")
        self._data, self._is_view, self._version = tensor._data, tensor._is_view, tensor._version
        self._rows, self._signature = tensor._rows, tensor._signature
        self.node = tensor.node if self.requires_grad else None
        self._deferred = None

    def mark_changed(self):
        """Count an in-place change: ``backward`` refuses a graph that needs the old values."""
        if self._version is not None:
            self._version[0] += 1

    def backward(self, grad=None):
        """Add the gradient of this tensor with respect to every leaf to the leaf's ``.grad``.

        The graph is freed on the way.

        Parameters
        ----------
        grad : array_like, optional
            The upstream gradient: that of some scalar with respect to this tensor, in its shape.
            A tensor of one element is that scalar itself by default, with the gradient 1.

        Raises
        ------
        RuntimeError
            If the tensor requires no gradient, the graph was freed by an earlier ``backward``, or
            values that it needs were changed in place. No ``.grad`` changes in these cases.
        ValueError
            If ``grad`` is missing or has another shape.
        """
        values_here(self)
        if self._rows is not None:
            return self._rows.gathered(self).backward(grad)
        if not self.requires_grad:
            raise RuntimeError(
                f"backward: {_title(self.name, self.shape)} does not depend on any tensor with "
                "requires_grad=True, or was computed under no_grad()"
            )
        if grad is None:
            if self.size != 1:
                raise ValueError(
                    f"backward: expected a tensor of one element, got shape {self.shape}; "
                    "reduce it first, as in t.sum().backward(), or pass t.backward(grad)"
                )
            grad = np.ones(self.shape, self.dtype)
        else:
            grad = as_array(grad, self.dtype)
            if grad.shape != self.shape:
                raise ValueError(f"backward: expected grad of shape {self.shape}, got {grad.shape}")
        if self.node is None:
            _add_to_grad(self, grad, owned=False)
        else:
            _backpropagate(self.node, grad)

    def __len__(self):
        if self.ndim == 0:
            raise TypeError("len: expected at least one axis, got a 0-d tensor")
        return self.shape[0]

    def __iter__(self):
        return map(self.__getitem__, range(len(self)))

    def __repr__(self):
        prefix = f"{type(self).__name__}("
        if self._rows is not None:  # an error's text must not wait for other ranks
            return f"{prefix}shape={self.shape}, dtype={self.dtype}, shared by ranks)"
        values = np.array2string(self.data, separator=", ", prefix=prefix, threshold=100)
        name = f", name={self.name!r}" if self.name else ""
        return (
            f"{prefix}{values}, shape={self.shape}, dtype={self.dtype}, "
            f"requires_grad={self.requires_grad}{name})"
        )

    def __format__(self, spec):
        return format(self.item() if spec else str(self), spec)  # f"{loss:.4f}" formats a number

    def __array__(self, dtype=None, copy=None):
        return np.array(self.data, dtype=dtype, copy=copy)

    def __dlpack__(self, **options):
        """Share the values, which is not counted as a change, with other libraries' from_dlpack."""
        if self.requires_grad:
            raise BufferError(
                f"{_title(self.name, self.shape)}: expected no requires_grad, since no gradient "
                "comes back from another library; write t.detach(), which shares the memory"
            )
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.data.__dlpack_device__()

    def __bool__(self):
        return bool(self.item())

    def __float__(self):
        return self.item()

    def __int__(self):
        return int(self.item())

    def __contains__(self, value):
        return as_array(value, default=self.dtype) in self.data

    def __setitem__(self, index, value):
        carries = isinstance(value, Tensor) and value.requires_grad
        if carries or (self.requires_grad and (self.node is not None or is_grad_enabled())):
            raise TypeError(
                "tensor[...] = value: a graph cannot record an assignment; write "
                "ops.where(mask, value, tensor) or ops.concatenate([...]), or, to overwrite "
                "a leaf's values, put the assignment under no_grad()"
            )
        self.data[index] = as_array(value, self.dtype)
        self.mark_changed()


class Tensor(TensorBase):
    """An array of float32 or float64, with an optional gradient.

    Operators and NumPy's functions apply minigrad's ops. ``t += x`` and its like change ``t`` in
    place where no graph is recorded, as under ``no_grad()``; where one is, they make a new tensor,
    and refuse a leaf of the graph with a TypeError.

    Parameters
    ----------
    data : array_like
        A float array is used as it is, not copied. Lists, numbers, integers, booleans and float16
        become float32.
    dtype : {"float32", "float64"}, optional
        Convert to this type.
    requires_grad : bool
        Whether ``backward`` stores the gradient of this tensor in ``.grad``.
    name : str, optional
        Shown in ``repr`` and in errors.

    Attributes
    ----------
    data : ndarray
        The values. Assigning copies into new memory and keeps dtype and shape.
    grad : ndarray or None
        The sum of the gradients of all ``backward`` calls since it was last set to None. Only
        leaves have one: tensors that the user made, not results of operations.
    version : int
        Grows with every in-place change that the engine can see.
    made_by : tuple or None
        On the result of a softmax over the last axis, or of a sigmoid: ("softmax", x, version of x,
        version of the result). A cross-entropy starts at these logits x.

    Raises
    ------
    TypeError
        If the data are not real numbers, or ``dtype`` is neither float32 nor float64.
    """

    __slots__ = ()  # ops/__init__.py binds the operators here

    def __init__(self, data, dtype=None, requires_grad=False, name=None):
        is_tensor = isinstance(data, TensorBase)
        _fill(self, as_array(values_here(data) if is_tensor else data, dtype))
        if is_tensor:
            self._rows = data._rows
            if data._data is self._data:
                self._version = _version_of(data)
        self.requires_grad = bool(requires_grad)
        self.name = name


def _fill(tensor, array):
    """Initialize a new tensor: its array, and all other fields empty."""
    tensor._data = array
    tensor._is_view = array.base is not None
    tensor._signature = tensor._version = tensor.grad = tensor.made_by = None
    tensor._deferred = tensor.name = tensor.node = None
    tensor._rows = None  # a Part of `distribution`, if ranks share the rows of a batch
    tensor.requires_grad = False


def defer(shape, dtype, requires_grad, compute):
    """Return a tensor of this shape and dtype whose values are computed when they are needed.

    ``compute()`` then returns a Tensor of them. Layers that may run in one kernel with the layer
    after them defer their results: see ``layers/fusion.py``.
    """
    tensor = Tensor.__new__(Tensor)
    _fill(tensor, _NO_VALUES)
    tensor._data, tensor._signature = None, (shape, np.dtype(dtype))
    tensor.requires_grad, tensor._deferred = requires_grad, compute
    return tensor


_NO_VALUES = np.zeros(0, np.float32)


def values_here(tensor):
    """The values of a tensor; where ranks share a batch, those of the samples that are here."""
    if tensor._deferred is not None:
        tensor._compute()
    return tensor._data


def _signature_of(tensor):
    """The tensor's shape and dtype, read from the array once."""
    if tensor._signature is None:
        tensor._signature = tensor._data.shape, tensor._data.dtype
    return tensor._signature


def _version_of(tensor):
    """The count of in-place changes, in a list: tensors that share the memory share the list."""
    if tensor._version is None:
        tensor._version = [0]
    return tensor._version


def _title(name, shape):
    return f"tensor {name!r}" if name else f"a tensor of shape {shape}"


class Parameter(Tensor):
    """A tensor that an optimizer trains: a copy of ``data``, contiguous and writable.

    Parameters
    ----------
    data : array_like
        The initial values.
    dtype, name :
        As for ``Tensor``; the name is that within its layer, such as ``"kernel"``.
    path : str, optional
        The name within the model, such as ``"conv2d/kernel"``; optimizers save their state by it.
    trainable : bool
        False for values that are kept with the weights but not trained (moving averages).
    regularizer : callable, optional
        ``regularizer(tensor)``: a scalar Tensor that is added to the loss.
    constraint : callable, optional
        ``constraint(array)``: the array that replaces the values after each optimizer step.
    copy : bool
        False to take the array ``data`` itself, if it is contiguous and writable.

    Attributes
    ----------
    trainable : bool
        Whether it is trained now, another name of ``requires_grad``: False while it is frozen.
    made_trainable : bool
        What it was made as.
    """

    __slots__ = ("constraint", "made_trainable", "path", "regularizer")

    def __init__(
        self, data, dtype=None, name=None, path=None, trainable=True,
        regularizer=None, constraint=None, copy=True,
    ):  # fmt: skip
        array = as_array(data, dtype)
        if copy or not array.flags.carray:
            array = np.array(array, order="C")
        super().__init__(array, None, trainable, name)
        self.path = path if path is not None else name
        self.made_trainable = bool(trainable)
        self.regularizer = regularizer
        self.constraint = constraint

    @property
    def trainable(self):
        return self.requires_grad

    @trainable.setter
    def trainable(self, trainable):
        self.requires_grad = bool(trainable)

    def numpy(self):
        """A copy of the values, which stays as it is while training goes on; ``data`` does not."""
        return self.data.copy()

    @property
    def value(self):
        """The parameter itself, in place of what Keras's variables hold; gradients reach it."""
        return self

    def assign_add(self, value):
        """Add to the values in place; the sum must have the parameter's shape."""
        return self.assign(self.data + as_array(value, self.dtype))

    def assign_sub(self, value):
        """Subtract from the values in place; the difference must have the parameter's shape."""
        return self.assign(self.data - as_array(value, self.dtype))


# --- operations: the nodes of the graph ----------------------------------------------------------

# Function.needs for up to three inputs: all nodes share these tuples.
_NEEDS = [list(itertools.product((False, True), repeat=number)) for number in range(4)]


class Function:
    """One operation. A subclass writes ``forward`` and ``backward``, both on arrays::

        class Exp(Function):
            def forward(self, x):
                y = np.exp(x)
                self.save(y)
                return y

            def backward(self, gy):
                (y,) = self.saved
                return gy * y

        def exp(x):
            return Exp()(x)

    Options of the operation (axes, strides) go to its ``__init__``. Calling the instance with
    tensors, arrays or numbers gives a Tensor. ``backward`` gets the upstream gradient ``gy`` and
    returns the gradient with respect to each input (a tuple if there are several), or None where
    there is none. It may return ``gy`` itself but must not change it. The engine sums over
    broadcast axes. ``self.needs[i]`` is False if the gradient with respect to input i is not
    needed: ``backward`` may skip a costly one.
    """

    __slots__ = (
        "needs",
        "saved",  # the arrays that backward needs; None once they are freed
        "_origins",  # for each input its node or leaf, or its signature if it needs no gradient
        "_signature",  # shape and dtype of the result
        "_watched",  # versions that must not change before backward, see _watch
        "_walk",  # the backward pass that the next three belong to
        "_uses",
        "_gradient",
        "_owned",
        "__weakref__",
    )

    def forward(self, *arrays):
        raise NotImplementedError(f"{type(self).__name__}: forward is missing")

    def backward(self, gy):
        raise NotImplementedError(f"{type(self).__name__}: backward is missing")

    def save(self, *arrays):
        """Keep arrays for ``backward``, which finds them in ``self.saved``.

        Inputs and outputs that are kept this way are guarded against changes in place.
        """
        self.saved = arrays

    def __call__(self, *inputs):
        if getattr(self, "needs", None) is not None:
            name = type(self).__name__
            raise RuntimeError(f"{name}: expected a new instance for every call: {name}(...)(x)")
        return _apply(self, inputs)

    @property
    def sources(self):
        """For each input its node or leaf, None if it needs no gradient; None after backward."""
        return self._origins and [None if type(x) is tuple else x for x in self._origins]

    @property
    def signatures(self):
        """For each input its shape and dtype; None after backward."""
        return self._origins and [getattr(x, "_signature", x) for x in self._origins]


def _apply(function, inputs):
    """Call ``forward``; if an input requires a gradient, record ``function`` as a node."""
    number, recording, wanted = len(inputs), not _pauses, 0
    if not recording:
        if _watches and getattr(function, "saved", None) is None:  # the watch calls it once more
            return _watches[-1](function, inputs)
        recording = not getattr(_mode, "depth", 0)
    arrays, origins = [None] * number, [None] * number
    for i, x in enumerate(inputs):
        wanted = wanted * 2 & 7  # a bit for each of up to three inputs
        if isinstance(x, TensorBase):
            tensor = x  # core.pxd declares its type: attributes become C fields
            if tensor._deferred is not None:
                tensor._compute()
            if tensor._rows is not None:
                tensor = tensor._rows.current(tensor)  # one that was kept from an earlier call
            arrays[i] = tensor._data
            if recording and tensor.requires_grad:
                origins[i] = tensor if tensor.node is None else tensor.node
                wanted += 1
        else:
            arrays[i] = _constant(x, _first_float_type(inputs))
    few = number < len(_NEEDS)
    function.needs = _NEEDS[number][wanted] if few else tuple([x is not None for x in origins])
    function.saved, function._origins = (), None
    try:
        # Most ops have two inputs: spelled out, the call makes no tuple and no bound method.
        y = function.forward(arrays[0], arrays[1]) if number == 2 else function.forward(*arrays)
    except (IndexError, OverflowError, TypeError, ValueError) as error:  # often NumPy's
        shapes = ", ".join([str(x.shape) for x in arrays])
        error.add_note(f"in {type(function).__name__}, given shapes {shapes}")
        raise
    y = as_array(y)
    cls = Tensor
    output = cls.__new__(cls)  # Tensor(y) would convert it again
    _fill(output, y)
    for x in inputs:
        if isinstance(x, TensorBase):
            tensor = x
            if tensor._data is y or (output._is_view and may_share_memory(tensor._data, y)):
                output._version = _version_of(tensor)
    if True in function.needs:
        _record(function, inputs, arrays, origins, output)
    return output


def _record(function, inputs, arrays, origins, output):
    """Make ``function`` the node of ``output``."""
    output.requires_grad = True
    output.node = function
    function._origins, function._signature, function._walk = origins, _signature_of(output), None
    for i, x in enumerate(inputs):
        is_tensor = isinstance(x, TensorBase)  # a leaf's signature is needed by `_count_uses`
        signature = _signature_of(x) if is_tensor else (arrays[i].shape, arrays[i].dtype)
        if origins[i] is None:
            origins[i] = signature
    function._watched = ()
    for kept in function.saved:
        if type(kept) is ndarray:
            is_view = kept.base is not None
            for x in inputs:
                if isinstance(x, TensorBase):
                    _watch(function, kept, is_view, x)
            _watch(function, kept, is_view, output)


def _watch(function, kept, is_view, tensor):
    """Remember the tensor's version if the saved array ``kept`` shares its memory."""
    near = is_view or tensor._is_view
    if kept is tensor._data or (near and may_share_memory(kept, tensor._data)):
        version = _version_of(tensor)
        function._watched += ((version, version[0], tensor.name, _signature_of(tensor)),)


def _first_float_type(inputs):
    """The dtype of the first float tensor or array, which plain numbers take; None if none."""
    for x in inputs:
        if isinstance(x, TensorBase):
            return _signature_of(x)[1]
        if isinstance(x, ndarray) and x.dtype in FLOAT_TYPES:
            return x.dtype
    return None


# --- the backward pass ---------------------------------------------------------------------------


def _backpropagate(root, gy):
    """Visit the nodes from ``root`` on in reverse topological order; add to the leaves' grads."""
    leaves = {}  # leaf -> a bare Function that accumulates its gradient
    _count_uses(root, leaves)
    root._gradient = gy
    ready = [root]
    while ready:
        node = ready.pop()
        gy, node._gradient = node._gradient, None
        results = (None,) * len(node._origins) if gy is None else _results(node, gy)
        for i, origin in enumerate(node._origins):
            if isinstance(origin, tuple):
                continue
            if isinstance(origin, Function):
                below = origin
                below._uses -= 1
                passed_on = below._uses == 0  # its gradient is complete
                if passed_on:
                    ready.append(below)
            else:
                below, passed_on = leaves[origin], False
            if results[i] is not None:
                gx = results[i]
                if gx is not gy or below._signature != node._signature:
                    gx = _conform(gx, below._signature, node)
                if below._gradient is None:
                    below._gradient = gx
                    below._owned = not passed_on and _is_private(results[i], gy, results, node)
                elif below._owned:
                    add(below._gradient, gx, below._gradient)
                else:
                    below._gradient, below._owned = asarray(add(below._gradient, gx)), True
        node._origins = node.saved = None
    for leaf, total in leaves.items():
        if total._gradient is not None:
            grad = asarray(total._gradient)  # here the last promises are waited for
            _add_to_grad(leaf, grad, total._owned or grad is not total._gradient)


def _results(node, gy):
    """What ``node.backward`` returns, as a tuple."""
    results = node.backward(gy)
    if not isinstance(results, tuple):
        results = (results,)
    if len(results) != len(node._origins):
        raise RuntimeError(
            f"{type(node).__name__}.backward: expected {len(node._origins)} gradients, "
            f"one for each input, got {len(results)}"
        )
    return results


def _is_private(gx, gy, results, node):
    """Whether nothing else refers to the array: it may then be kept and added to in place."""
    if gx is gy or type(gx) is not ndarray or gx.base is not None:
        return False
    visible = [gy, *results, *node.saved, *getattr(node, "__dict__", {}).values()]
    views = [x for x in visible if isinstance(x, ndarray) and x.base is not None]
    once = sum([x is gx for x in visible]) == 1
    return once and True not in [may_share_memory(x, gx) for x in views]


def _count_uses(root, leaves):
    """Count the uses of each node's result; refuse a graph that was freed or whose data changed."""
    walk = object()
    stack = [root]
    while stack:
        node = stack.pop()
        if node._origins is None:
            raise RuntimeError(
                "backward: the graph was freed by an earlier backward() (at "
                f"{type(node).__name__}); compute the loss again before the second one, or add "
                "the losses up and call it once"
            )
        for version, seen, name, (shape, _) in node._watched:
            if version[0] != seen:
                raise RuntimeError(
                    f"backward: {type(node).__name__} needs the old values of "
                    f"{_title(name, shape)}, which was changed in place; call backward() before "
                    "the change (before optimizer.step()), or make a new tensor: write t = t + 1, "
                    "not t.data += 1"
                )
        for origin in node._origins:
            if isinstance(origin, Function):
                below = origin
                if below._walk is not walk:
                    _begin(below, walk)
                    stack.append(below)
                below._uses += 1
            elif isinstance(origin, TensorBase) and origin not in leaves:
                leaves[origin] = below = Function()
                below._signature = origin._signature
                _begin(below, walk)


def _begin(node, walk):
    """Reset the node's state for this pass: an earlier one may have failed halfway."""
    node._walk, node._uses, node._gradient, node._owned = walk, 0, None, False


def sum_over(x, axis=None, keepdims=False):
    """Sum an array over ``axis`` in blocks: rounding errors hardly grow with its length.

    NumPy does so along axes without gaps in memory only; along others it adds one by one. One axis
    comes after the other, in an order that does not depend on the others' lengths, as NumPy's
    does: so a sample's sum has the same bits in every batch.
    """
    if not x.flags.c_contiguous:
        x = x.copy()
    if axis is None or (type(axis) is int and x.size <= 2 * BLOCK):
        return x.sum(axis=axis, keepdims=keepdims)
    axes = normalize_axis_tuple(axis, x.ndim)
    for i in sorted(axes, reverse=True):
        while x.shape[i] > 2 * BLOCK and x.strides[i] != x.itemsize:
            rows, number = np.moveaxis(x, i, 0), x.shape[i] // BLOCK
            blocks = rows[: number * BLOCK].reshape(number, BLOCK, *rows.shape[1:])
            x = np.moveaxis(np.concatenate([blocks.sum(axis=1), rows[number * BLOCK :]]), 0, i)
        x = x.sum(axis=i, keepdims=True)
    return x if keepdims else x.squeeze(axes)


def _conform(gx, signature, node):
    """Return ``gx`` in the shape and dtype of the input, summed over the broadcast axes."""
    if type(gx) is not ndarray:
        if hasattr(gx, "wait"):  # a `Promise` of `distribution`, for a leaf, in its shape and dtype
            return gx
        gx = asarray(gx)
    shape, dtype = signature
    if gx.shape == shape and gx.dtype is dtype:
        return gx
    added = gx.ndim - len(shape)
    axes = [i + added for i, n in enumerate(shape) if added >= 0 and n == 1 != gx.shape[i + added]]
    axes = (*range(added), *axes)
    result = sum_over(gx, axes, True) if axes else gx
    result = result.reshape(result.shape[max(added, 0) :])
    if result.shape != shape:
        raise RuntimeError(
            f"{type(node).__name__}.backward: expected a gradient of shape {shape}, got {gx.shape}"
        )
    return result.astype(dtype, copy=False)


def _add_to_grad(leaf, grad, owned):
    if leaf.grad is not None:
        leaf.grad = leaf.grad + grad
    else:
        leaf.grad = grad if owned else grad.copy()  # a leaf's gradient is its own array
