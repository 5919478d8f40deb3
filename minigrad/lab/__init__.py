"""Experiments with optimizers. They compute and return numbers; `minigrad.plots` draws them."""

from minigrad.lab.explanation import explain as explain
from minigrad.lab.graphs import Graph as Graph
from minigrad.lab.microscope import Microscope as Microscope
from minigrad.lab.recorder import Recorder as Recorder
