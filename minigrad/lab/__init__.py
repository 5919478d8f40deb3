"""Experiments with optimizers. They compute and return numbers; `minigrad.plots` draws them."""
