"""The chain rule in words."""

import numpy as np
import pytest

from minigrad import Function, Parameter, ops
from minigrad.lab import explain


def explanation(tensor):
    lines = []
    explain(tensor, print_fn=lines.append)
    return lines


def test_chain_rule_is_told_forward_and_backward():
    w, b = Parameter([0.5, -1.0, 2.0], name="w"), Parameter(-1.0, name="b")
    assert explanation(((w * np.float32([3, 1, 2]) + b - 4.0) ** 2).mean()) == [
        "Forward, what was computed:",
        "  w                 (3,)  [ 0.5, -1. ,  2. ]",
        "  c1, a constant    (3,)  [3., 1., 2.]",
        "  z1 = Mul(w, c1)   (3,)  [ 1.5, -1. ,  4. ]",
        "  b                 ()  -1.",
        "  z2 = Add(z1, b)   (3,)  [ 0.5, -2. ,  3. ]",
        "  c2, a constant    ()  not kept",
        "  z3 = Sub(z2, c2)  (3,)  [-3.5, -6. , -1. ]",
        "  2, a constant     ()  2.",
        "  z4 = Pow(z3, 2)   (3,)  [12.25, 36.  ,  1.  ]",
        "  z5 = Mean(z4)     ()  16.4167",
        "Backward, g being the gradient of z5 with respect to the result of each line:",
        "  z5 = Mean(z4)     g ()  1.",
        "    to z4: g / count for every element: (3,)  [0.3333, 0.3333, 0.3333]",
        "  z4 = Pow(z3, 2)   g (3,)  [0.3333, 0.3333, 0.3333]",
        "    to z3: g · 2 · z3^(2 - 1): (3,)  [-2.3333, -4.    , -0.6667]",
        "  z3 = Sub(z2, c2)  g (3,)  [-2.3333, -4.    , -0.6667]",
        "    to z2: g: (3,)  [-2.3333, -4.    , -0.6667]",
        "  z2 = Add(z1, b)   g (3,)  [-2.3333, -4.    , -0.6667]",
        "    to z1: g: (3,)  [-2.3333, -4.    , -0.6667]",
        "    to b: g, added up along the axes that were broadcast: ()  -7.",
        "  z1 = Mul(w, c1)   g (3,)  [-2.3333, -4.    , -0.6667]",
        "    to w: g · c1: (3,)  [-7.    , -4.    , -1.3333]",
        "The gradients of z5 with respect to the leaves:",
        "  w  (3,)  [-7.    , -4.    , -1.3333]",
        "  b  ()  -7.",
    ]


def test_large_arrays_are_told_by_their_range():
    w = Parameter(np.arange(12.0).reshape(3, 4), name="w")
    lines = explanation(ops.exp(-w).sum())
    assert lines[1] == "  w             (3, 4)  from 0 to 11"
    assert lines[-1] == "  w  (3, 4)  from -1 to -1.67e-05"


def test_rule_of_the_last_input_is_that_of_all_others():
    a, b, c = (Parameter(np.full(2, float(i)), name=name) for i, name in enumerate("abc"))
    lines = explanation(ops.concatenate([a, b, c]).sum())
    assert [line for line in lines if "its part" in line] == [
        f"    to {name}: its part of g: (2,)  [1., 1.]" for name in "abc"
    ]


def test_an_op_of_the_users_own_is_explained_by_its_backward():
    class Cube(Function):
        def forward(self, x):
            self.save(x)
            return x**3

        def backward(self, gy):
            return 3 * self.saved[0] ** 2 * gy

    lines = explanation(Cube()(Parameter(2.0, name="w")))
    assert "    to w: as Cube.backward computes: ()  12." in lines


def test_explain_prints_and_leaves_the_graph_for_backward(capsys, loss):
    explain(loss)
    assert capsys.readouterr().out.startswith("Forward, what was computed:\n")
    loss.backward()


def test_explain_refuses_what_graph_refuses():
    with pytest.raises(ValueError, match="Graph: expected a tensor computed from others"):
        explain(Parameter(1.0))
