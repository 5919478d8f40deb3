"""The engine: tensors, the graph that operations record, and the walk back through it.

A ``Tensor`` is a NumPy array that may want a gradient. Applying an operation (an instance of
``Function``) to tensors computes an array and, when a gradient is wanted, leaves the instance
behind as a node of the graph: it holds what its ``backward`` needs and points to the nodes it took
its inputs from, never the other way round, so a graph is freed as soon as the last name of its
result goes.

``backward`` visits every node once, after all the nodes that used its result, and adds up the
gradients of the leaves. It works on arrays, so there are first derivatives only.
"""

import contextlib
import threading

import numpy as np

__all__ = ["Function", "Parameter", "Tensor", "as_tensor", "is_grad_enabled", "no_grad"]

FLOAT_TYPES = (np.dtype(np.float32), np.dtype(np.float64))


# --- gradient mode -------------------------------------------------------------------------------


class _GradMode(threading.local):
    enabled = True


_mode = _GradMode()


def is_grad_enabled():
    """Whether operations of this thread record a graph."""
    return _mode.enabled


class no_grad(contextlib.ContextDecorator):
    """Record no graph inside ``with no_grad():``, or a function decorated with ``@no_grad()``."""

    def __new__(cls, function=None):
        self = super().__new__(cls)
        self.before = []  # a stack, so that one instance may be entered again inside itself
        return self if function is None else self(function)  # so that a bare @no_grad works too

    def _recreate_cm(self):
        return type(self)()  # one context a call: a decorated function may call itself

    def __enter__(self):
        self.before.append(_mode.enabled)
        _mode.enabled = False
        return self

    def __exit__(self, *error):
        _mode.enabled = self.before.pop()


# --- from anything to a float array --------------------------------------------------------------


def _check_float_type(dtype):
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = dtype
    if found not in FLOAT_TYPES:
        raise TypeError(f"Tensor: expected dtype float32 or float64, got {dtype}")
    return found


def as_array(data, dtype=None, default=np.float32):
    """Convert anything array-like to a float32 or float64 array, without a copy where it is one.

    Float arrays keep their type; Python numbers and lists, integers, booleans and float16 become
    ``default``, unless ``dtype`` says otherwise.

    Raises
    ------
    TypeError
        For complex numbers, strings, objects and lists of tensors.
    ValueError
        For ragged lists, and for integers that the type cannot hold exactly.
    """
    if isinstance(data, Tensor):
        data = data._data
    elif _has_tensor(data):
        raise TypeError("Tensor: expected numbers, got a list of tensors; write ops.stack(list)")
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"Tensor: expected an array of one shape, got {error}") from None
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind not in "fiub" or size > 8:
        raise TypeError(f"Tensor: expected real numbers, got {array.dtype} ({type(data).__name__})")
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
    return isinstance(data, Tensor)


def as_tensor(value, like=None):
    """Return ``value`` itself if it is a Tensor, else a Tensor of it without gradient.

    Scalars, lists and integers take the dtype of the tensor ``like``; float arrays keep theirs.
    """
    if isinstance(value, Tensor):
        return value
    if like is None:
        return Tensor(value)
    if isinstance(value, (int, float, np.floating, np.integer, np.bool_)):
        return Tensor(np.asarray(value, like.dtype))  # a scalar never widens a float32 tensor
    return Tensor(as_array(value, default=like.dtype))


# --- tensors -------------------------------------------------------------------------------------


class Tensor:
    """An array of float32 or float64, with a gradient if it asks for one.

    Parameters
    ----------
    data : array_like
        A float array is used as it is, not copied. Lists, numbers, integers, booleans and float16
        become float32.
    dtype : {"float32", "float64"}, optional
        Convert to this type.
    requires_grad : bool
        Whether ``backward`` shall leave the gradient of this tensor in ``.grad``.
    name : str, optional
        Shown in ``repr`` and in errors.

    Attributes
    ----------
    data : ndarray
        The values. Assigning copies into new memory and keeps dtype and shape.
    grad : ndarray or None
        The sum of the gradients of all ``backward`` calls since it was last set to None. Only
        leaves have one: tensors that the user made, not results of operations.
    logits : Tensor or None
        On the result of a softmax or sigmoid, its input, so that a cross-entropy can start there.
    activation : {"softmax", "sigmoid", None}
        Which of the two it was: each cross-entropy may start at the logits of its own alone.

    Raises
    ------
    TypeError
        If the data are not real numbers, or ``dtype`` is neither float32 nor float64.
    """

    __slots__ = (
        "_data",
        "_version",
        "activation",
        "grad",
        "logits",
        "name",
        "node",
        "requires_grad",
        "__weakref__",
    )

    __array_ufunc__ = None  # so that NumPy leaves `array * tensor` to Tensor.__rmul__

    def __init__(self, data, dtype=None, requires_grad=False, name=None):
        self._data = as_array(data, dtype)
        same_memory = isinstance(data, Tensor) and data._data is self._data
        # How often the memory was changed in place; tensors that share the memory share the list.
        self._version = data._version if same_memory else [0]
        self.grad = None
        self.activation = None
        self.logits = None
        self.name = name
        self.node = None
        self.requires_grad = bool(requires_grad)

    @property
    def data(self):
        return self._data

    @data.setter
    def data(self, value):
        if value is self._data:  # `t.data -= step` has just written into it
            self.mark_changed()
            return
        array = as_array(value, self.dtype)
        if array.shape != self.shape:
            raise ValueError(
                f"{_title(self.name, self.shape)}: expected shape {self.shape}, got {array.shape}"
            )
        self._data = np.array(array, order="C")  # a copy: no two tensors share memory by accident
        self._version = [0]

    @property
    def shape(self):
        return self._data.shape

    @property
    def dtype(self):
        return self._data.dtype

    @property
    def ndim(self):
        return self._data.ndim

    @property
    def size(self):
        return self._data.size

    def numpy(self):
        """The values as a NumPy array that shares the tensor's memory."""
        return self._data

    def item(self):
        """The one value as a Python float; ValueError if there is not exactly one."""
        if self.size != 1:
            raise ValueError(f"item: expected a tensor of one element, got shape {self.shape}")
        return self._data.item()

    def detach(self):
        """A tensor of the same values (the same memory) outside the graph."""
        return Tensor(self, name=self.name)

    def assign(self, value):
        """Overwrite the values in place; ``value`` must have the tensor's shape."""
        array = as_array(value, self.dtype)
        if array.shape != self.shape:
            raise ValueError(
                f"{_title(self.name, self.shape)}: expected shape {self.shape}, got {array.shape}"
            )
        self._data[...] = array
        self.mark_changed()

    def mark_changed(self):
        """Note that the values were changed in place, so that a graph that needs them can tell."""
        self._version[0] += 1

    def backward(self, grad=None):
        """Add the gradient of this tensor with respect to every leaf to the leaf's ``.grad``.

        The graph is freed on the way.

        Parameters
        ----------
        grad : array_like, optional
            The gradient of some scalar with respect to this tensor, of this tensor's shape.
            A tensor of one element needs none: it is taken to be that scalar.

        Raises
        ------
        RuntimeError
            If nothing here needs a gradient, the graph was freed by an earlier ``backward``, or
            values that it needs were changed in place since. No ``.grad`` has changed then.
        ValueError
            If ``grad`` is missing or has another shape.
        """
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
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        prefix = f"{type(self).__name__}("
        values = np.array2string(self._data, separator=", ", prefix=prefix, threshold=100)
        name = f", name={self.name!r}" if self.name else ""
        return (
            f"{prefix}{values}, shape={self.shape}, dtype={self.dtype}, "
            f"requires_grad={self.requires_grad}{name})"
        )

    def __format__(self, spec):
        return format(self.item() if spec else str(self), spec)  # f"{loss:.4f}" is a number's

    def __array__(self, dtype=None, copy=None):
        return np.array(self._data, dtype=dtype, copy=copy)

    def __bool__(self):
        return bool(self.item())

    def __float__(self):
        return self.item()

    def __int__(self):
        return int(self.item())

    def __contains__(self, value):
        return as_array(value, default=self.dtype) in self._data

    def __setitem__(self, index, value):
        carries = isinstance(value, Tensor) and value.requires_grad
        if carries or (self.requires_grad and (self.node is not None or _mode.enabled)):
            raise TypeError(
                "tensor[...] = value: a graph cannot record an assignment; write "
                "ops.where(mask, value, tensor) or ops.concatenate([...]), or, to overwrite "
                "a leaf's values, put the assignment under no_grad()"
            )
        self._data[index] = as_array(value, self.dtype)
        self.mark_changed()


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
        The name within the model, such as ``"conv2d/kernel"``; an optimizer's state goes by it.
    trainable : bool
        False for values that are kept with the weights but not trained (moving averages).
    regularizer : callable, optional
        ``regularizer(tensor)``: a scalar Tensor that is added to the loss.
    constraint : callable, optional
        ``constraint(array)``: the array that replaces the values after each optimizer step.
    """

    __slots__ = ("constraint", "path", "regularizer")

    def __init__(
        self,
        data,
        dtype=None,
        name=None,
        path=None,
        trainable=True,
        regularizer=None,
        constraint=None,
    ):
        super().__init__(np.array(as_array(data, dtype), order="C"), None, trainable, name)
        self.path = path if path is not None else name
        self.regularizer = regularizer
        self.constraint = constraint


# --- operations, which are the nodes -------------------------------------------------------------


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
    tensors, arrays or numbers gives a Tensor. ``backward`` returns the gradient with respect to
    each input (a tuple if there are several), or None where there is none; it may return ``gy``
    itself but must not change it. The engine undoes broadcasting. ``self.needs[i]`` says whether
    anybody wants the gradient with respect to input i, so that a costly one can be left out.
    """

    saved = ()  # the arrays that backward needs; None once they are freed

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
        if hasattr(self, "needs"):
            name = type(self).__name__
            raise RuntimeError(f"{name}: expected a new instance for every call: {name}(...)(x)")
        arrays = (x for x in inputs if isinstance(x, (Tensor, np.ndarray)))
        like = next((x for x in arrays if x.dtype in FLOAT_TYPES), None)
        inputs = [x if isinstance(x, Tensor) else as_tensor(x, like) for x in inputs]
        recording = _mode.enabled
        self.needs = tuple([recording and x.requires_grad for x in inputs])
        try:
            y = self.forward(*[x._data for x in inputs])
        except (IndexError, TypeError, ValueError) as error:  # often NumPy's, which name no op
            shapes = ", ".join(str(x.shape) for x in inputs)
            error.add_note(f"in {type(self).__name__}, given shapes {shapes}")
            raise
        output = Tensor(y)
        for x in inputs:
            if _share_memory(y, x._data):
                output._version = x._version
        if True in self.needs:
            output.requires_grad = True
            output.node = self
            self.sources = [
                (x.node or x) if needed else None
                for x, needed in zip(inputs, self.needs, strict=True)
            ]
            self.kinds = [(x._data.shape, x._data.dtype) for x in inputs]
            self.watched = [
                (t._version, t._version[0], t.name, t._data.shape)
                for t in (*inputs, output)
                if any(_share_memory(kept, t._data) for kept in self.saved)
            ]
        return output


def _share_memory(a, b):
    if a is b:
        return True
    views = isinstance(a, np.ndarray) and (a.base is not None or b.base is not None)
    return views and np.may_share_memory(a, b)


# --- the walk back -------------------------------------------------------------------------------


def _backpropagate(root, gy):
    """Visit the nodes below ``root`` once each, after all nodes that use their result."""
    uses = _count_uses(root)
    gradients = {root: (gy, False)}  # node or leaf -> (sum so far, whether we may add in place)
    ready = [root]
    while ready:
        node = ready.pop()
        gy, _ = gradients.pop(node, (None, False))
        if gy is not None:
            results = node.backward(gy)
            if not isinstance(results, tuple):
                results = (results,)
            if len(results) != len(node.sources):
                raise RuntimeError(
                    f"{type(node).__name__}.backward: expected {len(node.sources)} gradients, "
                    f"one for each input, got {len(results)}"
                )
            visible = [gy, *node.saved, *vars(node).values(), *results]
            for source, gx, kind in zip(node.sources, results, node.kinds, strict=True):
                if source is not None and gx is not None:
                    gx = np.asarray(gx)
                    # We may add in place to an array that nobody else sees.
                    owned = gx.base is None and sum(_share_memory(a, gx) for a in visible) < 2
                    if gx.shape != kind[0] or gx.dtype != kind[1]:
                        gx = _conform(gx, *kind, node)
                    before = gradients.get(source)
                    if before is None:
                        gradients[source] = gx, owned
                    elif before[1]:
                        np.add(before[0], gx, out=before[0])
                    else:
                        gradients[source] = before[0] + gx, True
        for source in node.sources:
            if isinstance(source, Function):
                uses[source] -= 1
                if uses[source] == 0:
                    ready.append(source)
        node.sources = node.saved = None
    for leaf, (grad, owned) in gradients.items():
        _add_to_grad(leaf, grad, owned)


def _count_uses(root):
    """How many inputs of how many nodes each node below ``root`` feeds; refuse a broken graph."""
    uses = {root: 0}
    stack = [root]
    while stack:
        node = stack.pop()
        name = type(node).__name__
        if node.sources is None:
            raise RuntimeError(
                f"backward: the graph was freed by an earlier backward() (at {name}); compute the "
                "loss again before the second one, or add the losses up and call it once"
            )
        for version, seen, tensor_name, shape in node.watched:
            if version[0] != seen:
                raise RuntimeError(
                    f"backward: {name} needs {_title(tensor_name, shape)} as it was, but it was "
                    "changed in place; call backward() before the change (before "
                    "optimizer.step()), or make a new tensor: write t = t + 1, not t.data += 1"
                )
        for source in node.sources:
            if isinstance(source, Function):
                if source not in uses:
                    uses[source] = 0
                    stack.append(source)
                uses[source] += 1
    return uses


def _conform(gx, shape, dtype, node):
    """Sum ``gx`` over the axes that broadcasting added or stretched, in the input's type."""
    added = gx.ndim - len(shape)
    axes = tuple(range(added)) + tuple(
        i + added for i, n in enumerate(shape) if added >= 0 and n == 1 != gx.shape[i + added]
    )
    result = gx.sum(axis=axes, keepdims=True) if axes else gx
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
