"""Learning rates that change with the step: ``schedule(step)``, where steps count from 0.

In the formulas, lr₀ is initial_learning_rate and s the step. All is computed in double precision.
"""

import bisect
import math

from minigrad.utils.config import Configured, config_functions
from minigrad.utils.old_names import lookup
from minigrad.utils.registry import Registry


class LearningRateSchedule(Configured):
    """Base of the schedules: a subclass defines ``__call__(step)``.

    It keeps every constructor argument in an attribute of the same name; they form its config. The
    argument ``name`` has no effect, as in Keras; by default it is that of the class.
    """

    def __call__(self, step):
        """Return the learning rate, a float, of a step: 0, 1, ..."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step)")


class ExponentialDecay(LearningRateSchedule):
    """Decay by the factor decay_rate in every decay_steps: lr₀ decay_rate^(s / decay_steps).

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : float
        Positive.
    decay_rate : float
    staircase : bool
        Round s / decay_steps down: the rate falls in jumps.
    """

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name=None):
        self.name = name or type(self).__name__
        self._keep(initial_learning_rate=initial_learning_rate, decay_rate=decay_rate)
        self._keep("(0, inf)", decay_steps=decay_steps)
        self.staircase = staircase

    def __call__(self, step):
        return self.initial_learning_rate * self.decay_rate ** self._periods(step)

    def _periods(self, step):
        periods = step / self.decay_steps
        return math.floor(periods) if self.staircase else periods


class InverseTimeDecay(ExponentialDecay):
    """Decay as one over time: lr₀ / (1 + decay_rate s / decay_steps).

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : float
        Positive.
    decay_rate : float
    staircase : bool
        Round s / decay_steps down: the rate falls in jumps.
    """

    def __call__(self, step):
        return self.initial_learning_rate / (1 + self.decay_rate * self._periods(step))


class PiecewiseConstantDecay(LearningRateSchedule):
    """Constant between boundaries: values[i] up to and including the step boundaries[i].

    Parameters
    ----------
    boundaries : list of numbers
        Steps, in increasing order.
    values : list of float
        One more than boundaries; the last holds beyond the last boundary.
    """

    def __init__(self, boundaries, values, name=None):
        self.name = name or type(self).__name__
        self.boundaries, self.values = list(boundaries), list(values)
        if len(self.values) != len(self.boundaries) + 1 or self.boundaries != sorted(boundaries):
            raise ValueError(
                "PiecewiseConstantDecay: expected boundaries in increasing order and one value "
                f"more than boundaries, got boundaries {boundaries} and values {values}"
            )

    def __call__(self, step):
        return self.values[bisect.bisect_left(self.boundaries, step)]


class PolynomialDecay(LearningRateSchedule):
    """Fall to an end within D = decay_steps, and stay there: (lr₀ - end) (1 - s/D)^power + end.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : float
        Positive.
    end_learning_rate, power : float
    cycle : bool
        Restart beyond decay_steps instead of staying at the end: D grows to its first multiple
        that is not below s. The rate jumps up and falls again.
    """

    def __init__(
        self, initial_learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False,
        name=None,
    ):  # fmt: skip
        self.name = name or type(self).__name__
        self._keep("(0, inf)", decay_steps=decay_steps)
        self._keep(initial_learning_rate=initial_learning_rate, power=power)
        self._keep(end_learning_rate=end_learning_rate)
        self.cycle = cycle

    def __call__(self, step):
        multiple = max(1, math.ceil(step / self.decay_steps)) if self.cycle else 1
        done = min(step / (self.decay_steps * multiple), 1)
        height = self.initial_learning_rate - self.end_learning_rate
        return height * (1 - done) ** self.power + self.end_learning_rate


class CosineDecay(LearningRateSchedule):
    """Fall along half a cosine within D = decay_steps: lr₀ ((1-α) ½ (1 + cos(π s/D)) + α).

    Then the rate stays at α lr₀. With a warmup_target, the rate first rises linearly from lr₀ to
    the target within W = warmup_steps, and then falls from the target, with s - W in place of s.
    Source: Loshchilov and Hutter, 2017, https://arxiv.org/abs/1608.03983, without the restarts.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : float
        Positive; the warm-up is not counted.
    alpha : float
    warmup_target : float, optional
    warmup_steps : float
        Not negative; without a target there is no warm-up.
    """

    def __init__(
        self, initial_learning_rate, decay_steps, alpha=0.0, name=None, warmup_target=None,
        warmup_steps=0,
    ):  # fmt: skip
        self.name = name or type(self).__name__
        self._keep(initial_learning_rate=initial_learning_rate, alpha=alpha)
        self._keep("(0, inf)", decay_steps=decay_steps)
        self._keep(optional=True, warmup_target=warmup_target)
        self._keep("[0, inf)", warmup_steps=warmup_steps)

    def __call__(self, step):
        top = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return top + (self.warmup_target - top) * step / self.warmup_steps
            top = self.warmup_target
            step = step - self.warmup_steps
        return top * _half_cosine(min(step / self.decay_steps, 1), self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay that restarts, each time over t_mul times the steps at m_mul times the rate.

    In period i = 0, 1, ..., after the fraction f in [0, 1) of its steps, the rate is
    lr₀ ((1-α) ½ m_mulⁱ (1 + cos(π f)) + α).
    Source: Loshchilov and Hutter, 2017, https://arxiv.org/abs/1608.03983.

    Parameters
    ----------
    initial_learning_rate : float
    first_decay_steps : float
        The length of period 0; positive.
    t_mul : float
        At least 1.
    m_mul, alpha : float
    """

    def __init__(
        self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name=None
    ):
        self.name = name or type(self).__name__
        self._keep(initial_learning_rate=initial_learning_rate, m_mul=m_mul, alpha=alpha)
        self._keep("(0, inf)", first_decay_steps=first_decay_steps)
        self._keep("[1, inf)", t_mul=t_mul)

    def __call__(self, step):
        period, length = 0, self.first_decay_steps
        if self.t_mul == 1:
            period, step = divmod(step, length)
        while step >= length:  # a logarithm could round to the wrong period
            step = step - length
            length *= self.t_mul
            period += 1
        height = self.m_mul**period
        return self.initial_learning_rate * _half_cosine(step / length, self.alpha, height)


def _half_cosine(done, alpha, height=1.0):
    return (1 - alpha) * 0.5 * height * (1 + math.cos(math.pi * done)) + alpha


SCHEDULES = Registry("learning rate schedule", LearningRateSchedule, spelling=str)
SCHEDULES.add_classes(vars())

serialize, deserialize = config_functions(SCHEDULES.get)
__getattr__ = lookup(__name__)
