"""The tables of `summary` where the terminal is narrow."""

import pytest

from minigrad import Sequential, layers


@pytest.mark.parametrize("columns", ["1", "10", "24", "47"])
def test_summary_of_a_narrow_terminal_is_the_narrowest_table(monkeypatch, columns):
    model = Sequential([layers.Input((5, 4, 1)), layers.Conv2D(3, 2), layers.Flatten()])
    monkeypatch.setenv("COLUMNS", columns)
    lines = []
    model.summary(print_fn=lambda text: lines.extend(text.split("\n")))
    assert any(line.startswith("│ conv2d") for line in lines)
    assert {len(line) for line in lines if line.startswith("│")} == {44}
    model.summary(print_fn=lines.append, show_trainable=True, show_operations=True)


def test_summary_refuses_a_length_that_is_too_narrow():
    with pytest.raises(ValueError, match="Insufficient console width"):
        Sequential([layers.Input((3,)), layers.Dense(2)]).summary(line_length=10)
