"""The chain rule of a graph, printed step by step."""

import numpy as np

from minigrad.lab.graphs import Graph
from minigrad.lab.text import unbroken, wrapped

SHORT = 6  # up to this many numbers an array is printed, else its range
WIDEST = 36  # the column of formulas; a longer formula pushes the rest of its line to the right


def explain(tensor, print_fn=print):
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

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `Graph`.
    """
    vertices = Graph(tensor).vertices
    last = vertices[-1].name
    width = min(WIDEST, max(len(_formula(vertex)) for vertex in vertices))

    def show(line):
        for part in wrapped(line, indent=8):
            print_fn(part)

    show("Forward, what was computed:")
    for vertex in vertices:
        show(f"  {_formula(vertex):<{width}}  {_values(vertex.value, shape=vertex.shape)}")
    show(f"Backward, g being the gradient of {last} with respect to the result of each line:")
    for vertex in reversed(vertices):
        if vertex.operation and vertex.gradient is not None:
            show(f"  {_formula(vertex):<{width}}  {_values(vertex.gradient, 'g ')}")
            for origin, rule, gradient in zip(
                vertex.inputs, _rules(vertex), vertex.passed, strict=True
            ):
                if gradient is not None:
                    show(f"    to {origin.name}: {rule}: {_values(gradient)}")
    show(f"The gradients of {last} with respect to the leaves:")
    for vertex in vertices:
        if vertex.wants_gradient and not vertex.operation:
            arrived = vertex.gradient is not None
            show(f"  {vertex.name}  {_values(vertex.gradient) if arrived else 'none'}")


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
    return unbroken(f"{before}{array.shape if shape is None else shape}  {_describe(array)}")


def _describe(array):
    if array is None:
        return "not kept"
    if array.size <= SHORT:
        return np.array2string(array, precision=4, separator=", ").replace("\n", "")
    return f"from {array.min():.4g} to {array.max():.4g}"
