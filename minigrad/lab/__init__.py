"""Experiments with optimizers. They compute and return numbers; `minigrad.plots` draws them."""

from minigrad.lab.comparison import compare as compare
from minigrad.lab.comparison import sweep as sweep
from minigrad.lab.explanation import explain as explain
from minigrad.lab.graphs import Graph as Graph
from minigrad.lab.microscope import Microscope as Microscope
from minigrad.lab.recorder import Recorder as Recorder
from minigrad.lab.results import Comparison as Comparison
from minigrad.lab.results import Run as Run
from minigrad.lab.results import Sweep as Sweep
from minigrad.lab.surfaces import RULES as RULES
from minigrad.lab.surfaces import SURFACES as SURFACES
from minigrad.lab.surfaces import Descent as Descent
from minigrad.lab.surfaces import Surface as Surface
from minigrad.lab.surfaces import descend as descend
from minigrad.lab.surfaces import race as race
from minigrad.lab.watch import Watch as Watch
