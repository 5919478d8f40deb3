"""Experiments with optimizers. They compute and return numbers; `minigrad.plots` draws them."""

from minigrad.lab.comparison import compare as compare
from minigrad.lab.comparison import sweep as sweep
from minigrad.lab.results import Comparison as Comparison
from minigrad.lab.results import Run as Run
from minigrad.lab.results import Sweep as Sweep
