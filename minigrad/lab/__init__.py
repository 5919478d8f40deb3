"""Experiments with optimizers. They compute and return numbers; `minigrad.plots` draws them."""

from minigrad.lab.comparison import compare as compare
from minigrad.lab.comparison import sweep as sweep
from minigrad.lab.explanation import explain as explain
from minigrad.lab.features import feature_maps as feature_maps
from minigrad.lab.graphs import Graph as Graph
from minigrad.lab.landscape import Landscape as Landscape
from minigrad.lab.landscape import Trajectory as Trajectory
from minigrad.lab.landscape import landscape as landscape
from minigrad.lab.microscope import Microscope as Microscope
from minigrad.lab.rates import RangeTest as RangeTest
from minigrad.lab.rates import TunedComparison as TunedComparison
from minigrad.lab.rates import compare_tuned as compare_tuned
from minigrad.lab.rates import range_test as range_test
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
