"""What every optimizer does around its rule: scaling, accumulation, clipping, decay, averages."""

import re
import warnings

import numpy as np

from minigrad import kernels
from minigrad.core import Tensor, no_grad
from minigrad.optimizers import schedules
from minigrad.optimizers.keras_form import KerasForm, LearningRate
from minigrad.optimizers.schedules import LearningRateSchedule
from minigrad.utils import arguments
from minigrad.utils.config import Configured
from minigrad.utils.foreign import take
from minigrad.utils.naming import automatic_name, to_snake_case
from minigrad.utils.variable import Variable

_RULES = set()  # the `update` of each rule of this package


class Optimizer(KerasForm, Configured):
    """Base of the optimizers: a subclass defines ``state_names`` and ``update``.

    Or it defines ``build`` and ``update_step``, as in Keras, with ``add_variable_from_reference``.

    In Keras's form, ``optimizer.apply(grads, variables)`` makes one step. In a script::

        optimizer = Adam(learning_rate=1e-3, parameters=[w, b])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    One ``apply`` does, in this order:

    1. leave out the variables whose gradient is None, with a warning;
    2. divide the gradients by loss_scale_factor;
    3. with gradient_accumulation_steps k, add the gradients up, and do 4 to 6 only at every k-th
       call, with their mean;
    4. clip the gradients;
    5. decay the weights: w ← w - lr weight_decay w, decoupled from the gradient for every rule
       (PyTorch's SGD and Adam add weight_decay w to the gradient instead);
    6. make the rule's step;
    7. move the averages of the weights;
    8. apply the variables' constraints.

    To rules that square gradients, one beyond 2**60 in float32 (2**508 in float64), whose square
    could be infinite, counts as that large.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable without arguments
        A schedule is called with the number of ``apply`` calls made so far.
    weight_decay : float, optional
    clipnorm : float, optional
        Scale each gradient down to this Euclidean norm. Only one of the three clippings at a time.
    clipvalue : float, optional
        Clip each element of each gradient to [-clipvalue, clipvalue].
    global_clipnorm : float, optional
        Scale all gradients by one factor that limits their joint norm to this.
    use_ema : bool
        Keep an exponential moving average of each weight, a ← m a + (1-m) w after every call, with
        m = ema_momentum, and a = w after the first. ``finalize_variable_values`` copies it into
        the weights; ``fit`` calls that at its end.
    ema_momentum : float
    ema_overwrite_frequency : int, optional
        Also copy the averages into the weights after every this many steps.
    loss_scale_factor : float, optional
        The factor by which ``scale_loss`` has multiplied the loss.
    gradient_accumulation_steps : int, optional
        At least 2.
    name : str, optional
        Default: the class's in snake case, numbered through the program: "adam", "adam_1", ...
    parameters : list of Tensor, optional
        What ``step`` trains. It may be given to ``build`` or to the first ``apply`` instead.

    Attributes
    ----------
    state_names : sequence of str
        Names of the state arrays of each variable. They start as zeros unless the rule defines
        ``init_state``. A rule whose names depend on its options sets them before it calls
        ``super().__init__``, which makes the state of ``parameters``.
    built : bool
        Whether the variables are known and have their state.
    observers : list
        Objects whose ``on_step_begin(gradients, states)`` is called before 5, and
        ``on_step_end(gradients, states)`` after 6. Both arguments are dicts from variable: to its
        gradient, an array of its shape, and to its state, as ``update`` gets it.
    """

    def __init__(
        self, learning_rate, weight_decay=None, clipnorm=None, clipvalue=None,
        global_clipnorm=None, use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None,
        loss_scale_factor=None, gradient_accumulation_steps=None, name=None, parameters=None,
        **unknown,
    ):  # fmt: skip
        title = type(self).__name__
        if unknown:
            known = arguments.argument_names(type(self))
            raise arguments.unknown_argument(title, next(iter(unknown)), known)
        if isinstance(learning_rate, (list, tuple, Tensor)):
            got = f"got a {type(learning_rate).__name__} as learning rate"
            write = f"{title}(learning_rate=..., parameters=[w, b])"
            raise TypeError(f"{title}: expected a number or schedule, {got}; write {write}")
        given = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        got = [f"{name}={value}" for name, value in given.items() if value is not None]
        if len(got) > 1:
            raise ValueError(f"{title}: expected at most one clipping, got {' and '.join(got)}")
        self._keep("[0, inf)", optional=True, weight_decay=weight_decay)
        self._keep("(0, inf)", optional=True, clipnorm=clipnorm, clipvalue=clipvalue)
        self._keep("(0, inf)", optional=True, global_clipnorm=global_clipnorm)
        self._keep("(0, inf)", optional=True, loss_scale_factor=loss_scale_factor)
        self._keep("[0, 1]", ema_momentum=ema_momentum)
        self._keep("[1, inf)", int, True, ema_overwrite_frequency=ema_overwrite_frequency)
        self._keep("[2, inf)", int, True, gradient_accumulation_steps=gradient_accumulation_steps)
        self.use_ema = use_ema
        self.name = name or automatic_name(to_snake_case(title))
        self._learning_rate = None
        self.learning_rate = learning_rate
        self.built = False
        self.observers = []
        self.shared = {}  # name -> array: state that all variables share, or of add_variable
        self._calls = Variable(0, np.int64, "iteration")  # of apply, so far
        self._paths = {}  # variable -> the name that its state is saved under
        self._state = {}  # variable -> {name: array of its shape}, in the order of build
        self.exclude_from_weight_decay()
        if parameters is not None:
            self.build(parameters)
            if not self._state:
                cure = "build the model first, by a call on data"
                raise ValueError(f"{title}: expected parameters to train, got none; {cure}")

    # --- the rule: what a subclass defines -----------------------------------------------------

    __signature__ = arguments.Signature()
    unsaved = ("parameters",)
    set_first = "name"
    state_names = ()

    def init_state(self, w):
        """Return the state before the first step, {name: array like w}, for a variable w."""
        return {name: np.zeros_like(w) for name in self.state_names}

    def begin_step(self, t):
        """Update the state that all variables share, for step t = 1, 2, ..."""

    def update(self, w, g, state, lr, t, threads):
        """Make one step: change w and the arrays in ``state`` in place.

        Parameters
        ----------
        w : array (...)
            The values of one variable, in its shape.
        g : array (...)
            Their gradient; it may belong to the user and must not be changed.
        state : dict from str to array (...)
            As ``init_state`` made it.
        lr : float
            The learning rate of this step.
        t : int
            The step: 1, 2, ...
        threads : int
            For the kernel.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update or update_step")

    def inside(self, before, state, lr, t):
        """Return what ``update`` computed in step t but did not keep, for `lab.Microscope`.

        By default nothing is known. A subclass with its own ``update`` does not inherit this.

        Parameters
        ----------
        before, state : dict from str to array (...)
            The state of one variable before and after the step.
        lr, t :
            As for ``update``.

        Returns
        -------
        corrections : dict from str to float
            For each state with bias correction: its divisor.
        step_size : array (...), float or None
            The factor of the gradient, or of the corrected m; None if not known.
        """
        return {}, None

    def __init_subclass__(cls):
        super().__init_subclass__()
        if "update" in vars(cls) and "inside" not in vars(cls):
            cls.inside = Optimizer.inside
        cls._has_keras_form = cls.update_step is not Optimizer.update_step
        if cls.__module__.startswith("minigrad.optimizers."):
            _RULES.add(cls.update)

    # --- one step ------------------------------------------------------------------------------

    def build(self, variables):
        """Make the state of these variables; later calls only check that they are known.

        Raises
        ------
        TypeError
            If one is not a Tensor.
        ValueError
            If one does not take gradients (``requires_grad`` is off, or it is the result of an
            operation), comes twice, cannot be changed in place, or is not one of the first call's.
        """
        if isinstance(variables, Tensor):
            raise TypeError(f"{self.name}: expected a list of tensors, got one; write [tensor]")
        variables = list(variables)
        if self.built:
            unknown = [variable for variable in variables if variable not in self._state]
            if unknown:
                name = getattr(unknown[0], "path", None) or f"of shape {np.shape(unknown[0])}"
                raise ValueError(
                    f"{self.name}: expected the variables it was built for, got one more, {name}; "
                    "make a new optimizer for it (or compile the model again)"
                )
            return
        paths, states = {}, {}
        for index, variable in enumerate(variables):
            if not isinstance(variable, Tensor):
                raise TypeError(f"{self.name}: expected tensors to train, got {variable!r}")
            if variable in states or not variable.requires_grad or variable.node is not None:
                fault = "each tensor once, a leaf with requires_grad=True"
                raise ValueError(f"{self.name}: expected {fault}, got {variable!r}")
            if not (variable.data.flags.c_contiguous and variable.data.flags.writeable):
                fault = "writable, C-contiguous values (minigrad.Parameter makes a copy)"
                raise ValueError(f"{self.name}: expected {fault}, got {variable!r}")
            path = getattr(variable, "path", None) or variable.name or f"parameter_{index}"
            while path in paths.values():  # layers outside a model may share a name
                path += f"_{index}"
            paths[variable] = path
            w = variable.data
            states[variable] = {name: kernels.aligned(x) for name, x in self.init_state(w).items()}
            if self.use_ema:
                states[variable]["average"] = w.copy()
            if self.gradient_accumulation_steps is not None:
                states[variable]["gradient_accumulator"] = np.zeros_like(w)
        self._paths, self._state, self.built = paths, states, True

    def apply(self, grads, trainable_variables=None):
        """Make one step, by the list at the top of this class.

        Parameters
        ----------
        grads : list of array, Tensor or None
            One for each variable, of its shape.
        trainable_variables : list of Tensor, optional
            Default: those of ``build``. The first call builds.

        Raises
        ------
        ValueError
            If there is no gradient at all, one has a wrong shape, or a variable is unknown.
            Nothing has changed then.
        """
        grads = list(grads)
        variables = list(self.parameters if trainable_variables is None else trainable_variables)
        if len(grads) != len(variables):
            raise ValueError(f"{self.name}: expected {len(variables)} gradients, got {len(grads)}")
        gradients = {v: g for v, g in zip(variables, grads, strict=True) if g is not None}
        if not gradients:
            raise ValueError(
                f"{self.name}: No gradients provided for any variable; call loss.backward() first"
            )
        Optimizer.build(self, variables) if self.built else self.build(variables)
        missing = [self._paths[v] for v in variables if v not in gradients]
        if missing:
            warnings.warn(f"{self.name}: Gradients do not exist for {missing}", stacklevel=2)
        gradients = {v: self._fitting(v, g) for v, g in gradients.items()}
        touched = list(gradients)
        if self.loss_scale_factor is not None:  # asarray: NumPy turns 0-d results into numbers
            gradients = {v: np.asarray(g / self.loss_scale_factor) for v, g in gradients.items()}
        if self.gradient_accumulation_steps is not None:
            gradients = self._accumulate(gradients)
        if gradients:
            self._update_all(self._clip(gradients))
        if self.use_ema:
            self._move_averages()
        for variable in touched:
            if getattr(variable, "constraint", None) is not None:
                variable.assign(variable.constraint(variable.data))
        self._calls[()] += 1  # as a number: NumPy takes ten times as long to add arrays

    def apply_gradients(self, grads_and_vars):
        """Make one step from pairs (gradient, variable); return ``iterations``."""
        self.apply(*zip(*grads_and_vars, strict=True))
        return self.iterations

    def step(self):
        """Make one step with the gradients that ``backward`` left in the parameters."""
        self.apply([parameter.grad for parameter in self.parameters])

    def zero_grad(self):
        """Forget the gradients of the parameters, which the next ``backward`` would add to."""
        for parameter in self.parameters:
            parameter.grad = None

    def scale_loss(self, loss):
        """Return the loss times loss_scale_factor, by which ``apply`` divides the gradients."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    @property
    def parameters(self):
        """The list of tensors that ``step`` trains; ValueError if they are not known yet."""
        if not self.built:
            write = f"{type(self).__name__}(learning_rate=..., parameters=[...])"
            raise ValueError(f"{self.name}: expected parameters to train, got none; write {write}")
        return list(self._state)

    def _fitting(self, variable, gradient):
        """Return the gradient as a contiguous array of the variable's type, uncopied if it is."""
        w, g = variable.data, gradient
        if type(g) is np.ndarray and g.dtype is w.dtype and g.shape == w.shape and g.flags.carray:
            return g
        g = gradient.data if isinstance(gradient, Tensor) else gradient
        try:
            g = np.asarray(g, w.dtype, order="C")
        except (TypeError, ValueError):
            wanted = f"a gradient of numbers for {self._paths[variable]}"
            raise TypeError(f"{self.name}: expected {wanted}, got {gradient!r}") from None
        g = g if g.flags.aligned else g.copy()
        if g.shape != w.shape:
            fault = f"a gradient of shape {w.shape} for {self._paths[variable]}"
            raise ValueError(f"{self.name}: expected {fault}, got {g.shape}")
        return g

    def _accumulate(self, gradients):
        """Add the gradients up; return the means at every k-th call, nothing in between."""
        k = self.gradient_accumulation_steps
        for variable, g in gradients.items():
            self._state[variable]["gradient_accumulator"] += g
        if (self._calls + 1) % k != 0:
            return {}
        means = {v: np.asarray(self._state[v]["gradient_accumulator"] / k) for v in gradients}
        for state in self._state.values():
            state["gradient_accumulator"][...] = 0
        return means

    def _clip(self, gradients):
        if not (self.clipvalue or self.clipnorm or self.global_clipnorm):
            return gradients
        for variable, g in gradients.items():
            if not np.isfinite(g).all():
                fault = f"the gradient of {self._paths[variable]} holds infinity or NaN"
                cure = "the loss diverged, or try a smaller learning rate"
                warnings.warn(
                    f"{self.name}: {fault}, which no clipping mends; {cure}", stacklevel=3
                )
        c = self.clipvalue
        if c is not None:
            return {v: np.asarray(g.clip(-c, c)) for v, g in gradients.items()}
        with np.errstate(invalid="ignore"):
            if self.clipnorm is not None:
                pairs = ((v, g, _scale_down([g], self.clipnorm)) for v, g in gradients.items())
                return {v: np.asarray(g * scale) for v, g, scale in pairs}
            scale = _scale_down(gradients.values(), self.global_clipnorm)
            return {v: np.asarray(g * scale) for v, g in gradients.items()}

    def _update_all(self, gradients):
        lr, t = float(self.learning_rate), int(self.iterations) + 1
        threads = kernels.get_num_threads()
        for observer in self.observers:
            observer.on_step_begin(gradients, self._state)
        self.begin_step(t)
        # A rule of this package puts off what its kernel does: the steps of all are one job.
        is_ours = getattr(self.update, "__func__", None) in _RULES
        steps = [] if is_ours else threads
        for variable, g in gradients.items():
            w = variable.data
            decay = self._decay_of(variable)
            if decay is not None and self._is_decayed(variable):
                w -= w * (decay * lr)
            if self._has_keras_form:
                with no_grad():
                    self.update_step(Tensor(g), variable, lr)
            else:
                self.update(w, g, self._state[variable], lr, t, steps)
            variable.mark_changed()
        if is_ours:
            kernels.run_steps(steps, threads)
        for observer in self.observers:
            observer.on_step_end(gradients, self._state)

    # --- weight decay and averages -------------------------------------------------------------

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Leave some variables out of weight decay; a later call replaces an earlier one.

        Parameters
        ----------
        var_list : list of Tensor, optional
        var_names : list of str, optional
            Regular expressions, searched for in the variables' paths: ["bias"].
        """
        self._excluded = set(var_list or ())
        self._excluded_names = list(var_names or ())

    def _decay_of(self, variable):
        """The weight decay of a variable that is not left out."""
        return self.weight_decay

    def _is_decayed(self, variable):
        names = (re.search(name, self._paths[variable]) for name in self._excluded_names)
        return variable not in self._excluded and not any(names)

    def _move_averages(self):
        m = self.ema_momentum if self.iterations > 0 else 0.0
        for variable, state in self._state.items():
            state["average"] *= m
            state["average"] += (1 - m) * variable.data
        every = self.ema_overwrite_frequency
        if every is not None and (self.iterations + 1) % every == 0:
            self.finalize_variable_values()

    def finalize_variable_values(self, trainable_variables=None):
        """With use_ema, copy the averages into these variables; by default into all."""
        if self.use_ema and self.built:
            for variable in trainable_variables or self._state:
                variable.assign(self._state[variable]["average"])

    # --- numbers to read, set and save ---------------------------------------------------------

    @property
    def iterations(self):
        """The number of steps made, a `Variable`: set it, compare it, compute with it.

        With gradient accumulation it is smaller than that of ``apply`` calls, and cannot be set.
        """
        if self.gradient_accumulation_steps is None:
            return self._calls
        steps = Variable(int(self._calls) // self.gradient_accumulation_steps)
        steps.flags.writeable = False
        return steps

    @property
    def learning_rate(self):
        """The learning rate of the next step, a `Variable`: set it, assign to it, compute with it.

        Of a schedule or a callable it is the present value, which cannot be assigned.
        """
        rate = self._learning_rate
        if not callable(rate):
            return rate
        rate = rate(int(self._calls)) if isinstance(rate, LearningRateSchedule) else rate()
        rate = LearningRate(rate, float)
        rate.flags.writeable = False
        return rate

    @learning_rate.setter
    def learning_rate(self, value):
        value = take(schedules.SCHEDULES, value) if callable(value) else value
        if isinstance(value, dict):
            value = schedules.SCHEDULES.get(value)
        if isinstance(value, type):
            got = f"got the class {value.__name__}; write {value.__name__}(...)"
            raise TypeError(f"{self.name}: expected learning_rate as a number or schedule, {got}")
        if not callable(value):
            if isinstance(self._learning_rate, LearningRateSchedule):
                raise TypeError(f"{self.name}: a schedule sets the learning rate, it cannot be set")
            value = arguments.checked_number(self, "learning_rate", value, "[0, inf)")
            rate = self._learning_rate
            value = rate.assign(value) if isinstance(rate, Variable) else LearningRate(value)
        self._learning_rate = value

    def _arrays(self):
        """All state by name, not copied: what variables share, then variable by variable."""
        arrays = {"iterations": self._calls.view(np.ndarray)}
        if isinstance(self._learning_rate, np.ndarray):
            arrays["learning_rate"] = self._learning_rate.view(np.ndarray)
        arrays |= self.shared
        for variable, state in self._state.items():
            for name, array in state.items():
                arrays[f"{self._paths[variable]}/{name}"] = array
        return arrays

    @property
    def variables(self):
        """The arrays of ``get_state``, not copied."""
        return list(self._arrays().values())

    def get_state(self):
        """Return a copy of all state: a dict from names such as "dense/kernel/m" to arrays."""
        return {name: array.copy() for name, array in self._arrays().items()}

    def set_state(self, state):
        """Restore what ``get_state`` returned; the variables must be known.

        Raises
        ------
        ValueError
            If an array is missing, unknown, of another shape, or holds what it cannot: half a
            step, a negative learning rate. Nothing has changed then.
        """
        arrays = self._arrays()
        values = {name: np.asarray(value) for name, value in state.items()}
        faults = [f"no {name}" for name in arrays if name not in values]
        faults += [f"an unknown {name}" for name in values if name not in arrays]
        for name in [name for name in arrays if name in values]:
            if values[name].shape != arrays[name].shape:
                faults.append(f"{name} {values[name].shape} instead of {arrays[name].shape}")
        if faults:
            raise ValueError(f"{self.name}: expected its own state, got {', '.join(faults)}")
        self._assign_state([(name, array, values[name]) for name, array in arrays.items()])

    def set_weights(self, arrays):
        """Restore the values of ``variables``, in their order; the variables must be known."""
        known = self._arrays()
        if len(known) != len(arrays):
            cure = "" if self._state else "; call build(variables) first"
            fault = f"expected {len(known)} arrays, got {len(arrays)}{cure}"
            raise ValueError(f"{self.name}: {fault}")
        self.set_state(dict(zip(known, arrays, strict=True)))


def _scale_down(arrays, limit):
    """Return the factor that brings the norm of all arrays together down to ``limit``.

    The squares are added in float64, in an order that does not depend on the number of threads.
    """
    arrays = list(arrays)
    with np.errstate(over="ignore"):
        norm = sum(np.square(array, dtype=np.float64).sum() for array in arrays) ** 0.5
    largest = max(np.abs(array).max(initial=0) for array in arrays) if norm == np.inf else np.inf
    if largest < np.inf:  # its square is not: then in units of it
        return float(_scale_down([array / largest for array in arrays], limit / largest))
    return float(limit / max(norm, limit))


def norm(x):
    """Return the Euclidean norm of all elements, a float64, whose squares may be infinite."""
    largest = np.abs(x).max(initial=0).astype(np.float64)
    if not 0 < largest < np.inf:
        return largest
    return largest * np.sqrt(np.square(np.ascontiguousarray(x) / largest).sum())
