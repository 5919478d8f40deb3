"""Experiments with optimizers. They compute and return numbers; `minigrad.plots` draws them."""

from minigrad.lab.surfaces import RULES as RULES
from minigrad.lab.surfaces import SURFACES as SURFACES
from minigrad.lab.surfaces import Descent as Descent
from minigrad.lab.surfaces import Surface as Surface
from minigrad.lab.surfaces import descend as descend
from minigrad.lab.surfaces import race as race
