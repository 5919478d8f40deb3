"""The graph behind a tensor: what was computed from what, with shapes, values and gradients."""

import collections
import dataclasses
import math

import numpy as np

from minigrad.core import Function, Tensor
from minigrad.lab.chain_rules import CHAIN_RULES
from minigrad.lab.drawing import draw
from minigrad.ops.nn import Elementwise
from minigrad.utils.files import replacing


@dataclasses.dataclass(eq=False)
class Vertex:
    """One tensor of a graph: a leaf that requires a gradient, a constant, or an op's result.

    Attributes
    ----------
    name : str
    shape : tuple of int
    operation : str
        The operation that computed it; "" for leaves and constants.
    inputs : list of Vertex
        The operation's inputs.
    rule : tuple or None
        The operation's row of `CHAIN_RULES`, if it has one.
    wants_gradient : bool
    value : array or None
        None if it cannot be computed from what the graph keeps.
    gradient : array or None
        Of the sum of the graph's last tensor with respect to this one.
    passed : list of (array or None)
        The gradient that the operation passes on to each of its inputs.
    added_up : list of bool
        For each input, whether that gradient was summed over broadcast axes.
    """

    name: str
    shape: tuple
    operation: str = ""
    inputs: list = dataclasses.field(default_factory=list)
    rule: tuple | None = None
    wants_gradient: bool = True
    value: np.ndarray | None = None
    gradient: np.ndarray | None = None
    passed: list = dataclasses.field(default_factory=list)
    added_up: list = dataclasses.field(default_factory=list)


class Graph:
    """The graph that computed a tensor. It is drawn if it is the last value of a notebook's cell.

    The tensor's own graph stays unchanged, and so does every ``.grad``. A graph keeps only what
    ``backward`` needs: other results are computed again, by minigrad's own operations, from known
    values. A constant's value is known only if its operation has kept it. Layers that
    ran as one kernel (see `minigrad.layers.fusion`) are shown as they were written: convolution,
    pooling and dropout apart.

    Parameters
    ----------
    tensor : Tensor
        The result of operations, before its ``backward``, and before a value has changed.

    Attributes
    ----------
    vertices : list of Vertex
        Inputs before results; the last one is `tensor`.

    Raises
    ------
    TypeError
        If `tensor` is no Tensor.
    ValueError
        If it is a leaf, or was computed from no tensor that requires a gradient.
    RuntimeError
        If an earlier ``backward`` has freed the graph.
    """

    def __init__(self, tensor):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"Graph: expected a Tensor, got {tensor!r}")
        if tensor.node is None:
            fault = "a tensor computed from others, one of them with requires_grad=True"
            raise ValueError(f"Graph: expected {fault}, got {tensor!r}")
        self.vertices = []
        self._uses = collections.Counter()
        operations = self._add_vertices(tensor)
        root = operations[-1][1]
        for node, vertex in operations:
            _take_kept_values(node, vertex)
        root.value = tensor.data.copy()
        for node, vertex in operations:
            _compute_value(node, vertex)
        for vertex in self.vertices:
            if not vertex.wants_gradient and vertex.shape == () and vertex.value is not None:
                vertex.name = f"{vertex.value:g}"
        root.gradient = np.ones(tensor.shape, tensor.dtype)
        for node, vertex in reversed(operations):
            _pass_gradient_on(node, vertex)

    def _repr_svg_(self):
        return draw(self.vertices)

    def save(self, path):
        """Write the drawing into an .svg file, which appears whole or not at all."""
        if not str(path).endswith(".svg"):
            raise ValueError(f"Graph.save: expected a path that ends in .svg, got {str(path)!r}")
        with replacing(path) as temporary:
            temporary.write_text(self._repr_svg_(), encoding="utf-8")

    def _add_vertices(self, tensor):
        """Make the vertices; return the pairs (node, vertex) of operations, inputs first."""
        order = _inputs_first(tensor.node)
        shapes = {tensor.node: tensor.shape}
        for node in order:
            if isinstance(node, Function):
                for source, (shape, _) in zip(node.sources, node.signatures, strict=True):
                    shapes[source] = shape
        vertices, operations = {}, []
        for source in order:
            if isinstance(source, Function):
                inputs = [
                    vertices[origin] if origin is not None else self._add_constant(shape)
                    for origin, (shape, _) in zip(source.sources, source.signatures, strict=True)
                ]
                for node, value in _unfused(source, inputs):
                    shape = shapes[source] if value is None else value.shape
                    operation = _operation(node)
                    vertex = Vertex("", shape, operation, inputs, _rule(node), value=value)
                    operations.append((node, self._add(vertex)))
                    inputs = [vertex]
            else:
                name = getattr(source, "path", None) or source.name
                vertex = self._add(Vertex(name, source.shape, value=source.data.copy()))
            vertices[source] = vertex
        return operations

    def _add_constant(self, shape):
        return self._add(Vertex("", shape, wants_gradient=False))

    def _add(self, vertex):
        """Append a vertex; a name that is missing or taken gets a number."""
        letter = "z" if vertex.operation else "x" if vertex.wants_gradient else "c"
        name = vertex.name or letter
        self._uses[name] += 1
        vertex.name = name if vertex.name and self._uses[name] == 1 else f"{name}{self._uses[name]}"
        self.vertices.append(vertex)
        return vertex


def _inputs_first(root):
    """The nodes and leaves below ``root``, and itself, in topological order: inputs first."""
    order, seen = [], set()
    stack = [(root, False)]
    while stack:
        source, inputs_done = stack.pop()
        if inputs_done:
            order.append(source)
        elif source not in seen:
            seen.add(source)
            stack.append((source, True))
            if isinstance(source, Function):
                if source.sources is None:
                    raise RuntimeError("Graph: the graph was freed by backward(); compute it again")
                stack += [(s, False) for s in reversed(source.sources) if s is not None]
    return order


def _unfused(node, inputs):
    """Pairs (node, result or None): the node itself, or the ops that it fuses.

    A fused op has the method ``unfused``, and knows the values of its ``inputs``.
    """
    if not hasattr(node, "unfused"):
        return [(node, None)]
    values, replayed = node.unfused()
    for vertex, value in zip(inputs, values, strict=True):
        vertex.value = value
    return replayed


def _operation(node):
    name = node.name if isinstance(node, Elementwise) else type(node).__name__
    return name + "+relu" * (getattr(node, "relu", False) is True)


def _rule(node):
    """The row of `CHAIN_RULES` for one of minigrad's ops; a user's op may have the same name."""
    own = type(node).__module__.startswith("minigrad.ops.")
    return CHAIN_RULES.get(_operation(node)) if own else None


# --- values and gradients ------------------------------------------------------------------------


def _take_kept_values(node, vertex):
    """Assign the arrays that a node has saved to the vertices they belong to."""
    if vertex.rule is None:
        return
    _, slots = vertex.rule
    for slot, array in zip(slots.split(), node.saved, strict=True):
        if array is not None and slot == "z":
            vertex.value = array
        elif array is not None and slot != "-":
            origin = vertex.inputs[int(slot)]
            if origin.value is None:
                origin.value = array.reshape(origin.shape)  # (1, K) -> (K,): MatMul saves matrices


def _compute_value(node, vertex):
    """Compute a result again if it is unknown and its inputs are known."""
    values = [origin.value for origin in vertex.inputs]
    known = all(value is not None for value in values)
    if vertex.value is None and known and vertex.rule is not None:
        saved = node.saved
        vertex.value = node.forward(*values)
        node.save(*saved)  # the same arrays, whose changes the engine watches


def _pass_gradient_on(node, vertex):
    """Run the backward pass of one node, on arrays of this graph alone."""
    if vertex.gradient is None:
        return
    passed = node.backward(vertex.gradient)
    passed = passed if isinstance(passed, tuple) else (passed,)
    for origin, gradient in zip(vertex.inputs, passed, strict=True):
        if gradient is not None and origin.wants_gradient:
            vertex.added_up.append(np.size(gradient) != math.prod(origin.shape))
            gradient = _undo_broadcasting(gradient, origin.shape)
            before = origin.gradient
            origin.gradient = gradient if before is None else before + gradient
            vertex.passed.append(gradient)
        else:
            vertex.passed.append(None)
            vertex.added_up.append(False)


def _undo_broadcasting(gradient, shape):
    gradient = np.asarray(gradient)
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1)
    return np.asarray(gradient.sum(axis=stretched, keepdims=True))
