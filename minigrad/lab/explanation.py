"""The chain rule of a graph, printed step by step."""

import numpy as np

from minigrad.lab.graphs import Graph
from minigrad.lab.text import unbroken, wrapped

SHORT = 6  # up to this many numbers an array is printed, else its range
WIDEST = 36  # the column of formulas; a longer formula pushes the rest of its line to the right


def explain(tensor, print_fn=print, watch=None, depth=None):
    """Print the chain rule of the graph behind a tensor, such as a loss, with shapes and values.

    First the forward pass, inputs before results. Then the backward pass, from the last result on:
    the upstream gradient g of each operation, and for each of its inputs the rule and the gradient.
    Call it before ``backward``, which can still be called afterwards: see `Graph`. Lines that are
    wider than the terminal are wrapped.

    Parameters
    ----------
    tensor : Tensor
        The result of operations. If it has several elements, the gradients are those of their sum.
    print_fn : callable, optional
        Called with each line.
    watch : Watch, optional
        One that watched the model compute the tensor: lines then stand under the layers' names.
    depth : int, optional
        How far layers are opened, as for `Graph`; a layer that is not opened is one line.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `Graph`.
    """
    graph = Graph(tensor, watch, depth)
    vertices = graph.vertices
    last = vertices[-1].name
    width = min(WIDEST, max(len(_formula(vertex)) for vertex in vertices))

    def show(line):
        for part in wrapped(line, indent=8):
            print_fn(part)

    def by_layer(some):
        """Yield the vertices; before the first one of a layer show its name."""
        layer = ""
        for vertex in some:
            if vertex.layer != layer:
                layer = vertex.layer
                show(f" in {layer}:" if layer else " outside of layers:")
            yield vertex

    show("Forward, what was computed:")
    for vertex in by_layer(vertices):
        show(f"  {_formula(vertex):<{width}}  {_values(vertex.value, shape=vertex.shape)}")
    show(f"Backward, g being the gradient of {last} with respect to the result of each line:")
    for vertex in by_layer(v for v in reversed(vertices) if v.passed):
        show(f"  {_formula(vertex):<{width}}  {_values(vertex.gradient, 'g ', vertex.shape)}")
        for origin, rule, gradient in zip(
            vertex.inputs, _rules(vertex), vertex.passed, strict=True
        ):
            if gradient is not None:
                show(f"    to {origin.name}: {rule}: {_values(gradient)}")
    show(f"The gradients of {last} with respect to the leaves:")
    for leaf in graph.leaves:
        show(f"  {leaf.name}  {'none' if leaf.gradient is None else _values(leaf.gradient)}")


def _formula(vertex):
    if not vertex.operation:
        return vertex.name if vertex.wants_gradient else f"{vertex.name}, a constant"
    return f"{vertex.name} = {vertex.operation}({', '.join(v.name for v in vertex.inputs)})"


def _rules(vertex):
    """The rules for the gradients of the inputs, in words."""
    names = [origin.name for origin in vertex.inputs]
    if vertex.rule is None:
        rules = [f"as {vertex.operation}.backward computes"] * len(names)
    else:
        rules = vertex.rule[0].split("; ")
        rules += rules[-1:] * (len(names) - len(rules))  # for ops with any number of inputs
        rules = [rule.format(*names, z=vertex.name) for rule in rules[: len(names)]]
    sums = zip(rules, vertex.added_up, strict=True)
    return [rule + ", added up along the axes that were broadcast" * added for rule, added in sums]


def _values(array, before="", shape=None):
    """Shape and values on one line; None is an array that the graph has not kept."""
    shape = array.shape if shape is None else shape
    several = any(isinstance(part, tuple) for part in shape)
    text = "several results" if several else _describe(array)
    return unbroken(f"{before}{shape}  {text}")


def _describe(array):
    if array is None:
        return "not kept"
    if array.size <= SHORT:
        return np.array2string(array, precision=4, separator=", ").replace("\n", "")
    return f"from {array.min():.4g} to {array.max():.4g}"
