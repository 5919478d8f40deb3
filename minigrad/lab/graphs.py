"""The graph behind a tensor: what was computed from what, with shapes, values and gradients."""

import collections
import dataclasses
import math

import numpy as np

from minigrad.core import Function, Tensor
from minigrad.lab.chain_rules import CHAIN_RULES
from minigrad.lab.drawing import draw
from minigrad.lab.names import name_weights
from minigrad.lab.watch import Watch
from minigrad.ops.nn import Elementwise
from minigrad.utils.arguments import short_text
from minigrad.utils.files import replacing


@dataclasses.dataclass(eq=False, repr=False)
class Vertex:
    """One tensor of a graph: a leaf that requires a gradient, a constant, or an op's result.

    Or all that one call of a layer computed, which is then the operation.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Or a tuple of such, if a layer has several results.
    operation : str
        The operation that computed it, or the layer's path; "" for leaves and constants.
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
    calls : tuple of Call
        The calls of layers within which it was made (a leaf: first used), the outermost first.
    is_layer : bool
        Whether the operation is a whole layer.
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
    calls: tuple = ()
    is_layer: bool = False

    @property
    def layer(self):
        """The path of the layer within which it was made; "" if that is the model, or none."""
        return self.calls[-1].path if self.calls else ""

    def __repr__(self):  # without the inputs, which have inputs
        made = f", made by {self.operation}" if self.operation else ""
        return f"Vertex({self.name!r}, shape={self.shape}{made})"


class Graph:
    """The graph that computed a tensor. It is drawn if it is the last value of a notebook's cell.

    The tensor's own graph stays unchanged, and so does every ``.grad``. A graph keeps only what
    ``backward`` needs: other results are computed again, by minigrad's own operations, from known
    values. A constant's value is known only if its operation has kept it. Layers that
    ran as one kernel (see `minigrad.layers.fusion`) are shown as they were written, convolution,
    pooling and dropout apart; batch normalization with relu is one vertex.

    Parameters
    ----------
    tensor : Tensor
        The result of operations, before its ``backward``, and before a value has changed.
    watch : Watch, optional
        One that watched the model while it computed the tensor. Vertices then have a ``layer``, and
        weights names such as "block/first/kernel".
    depth : int, optional
        With `watch`, how far layers are opened: 0 shows the model as one vertex, 1 each layer of
        the model, 2 the layers within these, and so on. The weights of a layer that is not opened
        are not shown. Default: open all, down to the operations.

    Attributes
    ----------
    vertices : list of Vertex
        Inputs before results; the last one is `tensor`.
    leaves : list of Vertex
        The leaves that require a gradient, those within layers too.

    Raises
    ------
    TypeError
        If `tensor` is no Tensor.
    ValueError
        If it is a leaf, or was computed from no tensor that requires a gradient, or `depth` is no
        number of levels, or given without `watch`.
    RuntimeError
        If an earlier ``backward`` has freed the graph.
    """

    def __init__(self, tensor, watch=None, depth=None):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"Graph: expected a Tensor, got {tensor!r}")
        if tensor.node is None:
            fault = "a tensor computed from others, one of them with requires_grad=True"
            raise ValueError(f"Graph: expected {fault}, got {tensor!r}")
        if watch is not None and not isinstance(watch, Watch):
            raise TypeError(f"Graph: expected a Watch, got {watch!r}")
        if depth is not None and (watch is None or not isinstance(depth, int) or depth < 0):
            fault = "depth from 0, with the Watch of the model that computed the tensor"
            raise ValueError(f"Graph: expected {fault}, got depth={depth!r}, watch={watch!r}")
        self.vertices = []
        operations, by_source = self._add_vertices(tensor, watch)
        root = operations[-1][1]
        for node, vertex in operations:
            _take_kept_values(node, vertex)
        root.value = tensor.data.copy()
        for node, vertex in operations:
            _compute_value(node, vertex)
        root.gradient = np.ones(tensor.shape, tensor.dtype)
        for node, vertex in reversed(operations):
            _pass_gradient_on(node, vertex)
        self.leaves = [v for v in self.vertices if v.wants_gradient and not v.operation]
        if depth is not None:
            self.vertices = _fold(self.vertices, by_source, depth)
        for vertex in reversed(self.vertices):
            for origin in vertex.inputs:
                origin.calls = origin.calls if origin.operation else vertex.calls
        _give_names([*self.vertices, *(leaf for leaf in self.leaves if leaf not in self.vertices)])

    def __repr__(self):
        made = collections.Counter(v.operation for v in self.vertices if v.operation)
        return f"Graph({short_text(dict(made))})"

    def _repr_svg_(self):
        return draw(self.vertices)

    def save(self, path):
        """Write the drawing into an .svg file, which appears whole or not at all."""
        if not str(path).endswith(".svg"):
            raise ValueError(f"Graph.save: expected a path that ends in .svg, got {str(path)!r}")
        with replacing(path) as temporary:
            temporary.write_text(self._repr_svg_(), encoding="utf-8")

    def _add_vertices(self, tensor, watch):
        """Make the vertices.

        Returns the pairs (node, vertex) of operations, inputs first, and {node or leaf: vertex}.
        """
        order = _inputs_first(tensor.node, _sources)
        names = {} if watch is None else name_weights(watch.model)
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
                    vertex.calls = () if watch is None else watch.calls_around(source)
                    operations.append((node, self._add(vertex)))
                    inputs = [vertex]
            else:
                name = names.get(source) or getattr(source, "path", None) or source.name
                vertex = self._add(Vertex(name, source.shape, value=source.data.copy()))
            vertices[source] = vertex
        return operations, vertices

    def _add_constant(self, shape):
        return self._add(Vertex("", shape, wants_gradient=False))

    def _add(self, vertex):
        self.vertices.append(vertex)
        return vertex


def _sources(node):
    """The origins of a node's inputs, those that need no gradient left out."""
    if not isinstance(node, Function):
        return []
    if node.sources is None:
        raise RuntimeError("Graph: the graph was freed by backward(); compute it again")
    return [source for source in node.sources if source is not None]


def _inputs_first(root, inputs_of):
    """All that leads to ``root``, and itself, in topological order: inputs first."""
    order, seen = [], set()
    stack = [(root, False)]
    while stack:
        item, inputs_done = stack.pop()
        if inputs_done:
            order.append(item)
        elif item not in seen:
            seen.add(item)
            stack.append((item, True))
            stack += [(below, False) for below in reversed(inputs_of(item))]
    return order


def _give_names(vertices):
    """Name the vertices; a name that is missing or taken gets a number."""
    uses = collections.Counter()
    for vertex in vertices:
        letter = "z" if vertex.operation else "x" if vertex.wants_gradient else "c"
        name = vertex.name or letter
        uses[name] += 1
        is_new = vertex.name and uses[name] == 1
        vertex.name = name if is_new else f"{name}{uses[name]}"
        if not vertex.wants_gradient and vertex.shape == () and vertex.value is not None:
            vertex.name = f"{vertex.value:g}"


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


# --- levels --------------------------------------------------------------------------------------


def _fold(vertices, by_source, depth):
    """Return the vertices, those of each call at this depth as one."""
    owners = {v: v.calls[depth] for v in vertices if len(v.calls) > depth}
    users = collections.defaultdict(list)
    for vertex in vertices:
        for origin in vertex.inputs:
            users[origin].append(vertex)
    given = {call: [] for call in owners.values()}  # the vertices of what it was given
    data = {}  # vertices of tensors that need no gradient, by the tensors' ids
    for call, inputs in given.items():
        for tensor in call.given:
            constant = Vertex("", tensor.shape, wants_gradient=False, value=tensor.data.copy())
            constant = data.setdefault(id(tensor), constant)
            inputs.append(by_source.get(tensor.node or tensor, constant))
    shown = {vertex for inputs in given.values() for vertex in inputs}
    for vertex in vertices:
        callers = [owners.get(user) for user in users[vertex]]
        if not vertex.operation and None not in callers and vertex not in shown:
            owners[vertex] = None  # a weight or constant of layers that are not opened
    folded = {call: _one_vertex(call, owners, users, given[call], depth) for call in given}
    for vertex in [*vertices, *folded.values()]:
        vertex.inputs = [folded.get(owners.get(origin), origin) for origin in vertex.inputs]
    last = vertices[-1]
    return _inputs_first(folded.get(owners.get(last), last), lambda vertex: vertex.inputs)


def _one_vertex(call, owners, users, given, depth):
    """All that a call computed as one vertex, whose inputs are still those of the operations."""
    within = [vertex for vertex, owner in owners.items() if owner is call]
    results = [
        v for v in within if not users[v] or any(owners.get(user) is not call for user in users[v])
    ]
    passed = dict.fromkeys(given)
    for vertex in within:
        for origin, gradient in zip(vertex.inputs, vertex.passed, strict=True):
            if owners.get(origin, origin) not in (call, None):
                gradients = [g for g in (passed.get(origin), gradient) if g is not None]
                passed[origin] = np.asarray(sum(gradients)) if gradients else None
    whole = Vertex("", results[0].shape, call.path or call.layer.name, list(passed))
    whole.rule, whole.calls = ("through its operations", ""), within[0].calls[:depth]
    whole.is_layer = True
    whole.passed, whole.added_up = list(passed.values()), [False] * len(passed)
    if len(results) == 1:
        whole.value, whole.gradient = results[0].value, results[0].gradient
    else:
        whole.shape = tuple(result.shape for result in results)
    return whole


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
    signatures = node.signatures or [(None, vertex.gradient.dtype)] * len(passed)
    for origin, gradient, (_, dtype) in zip(vertex.inputs, passed, signatures, strict=True):
        if gradient is not None and origin.wants_gradient:
            vertex.added_up.append(np.size(gradient) != math.prod(origin.shape))
            gradient = _undo_broadcasting(gradient, origin.shape).astype(dtype, copy=False)
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
