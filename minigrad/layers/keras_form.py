"""What Keras's users find in a layer, read, set and override, and few layers need."""

from minigrad.utils.arguments import Described


class InputSpec(Described):
    """The shape that an input must have; a layer checks what its ``input_spec`` says.

    Parameters
    ----------
    dtype : str, optional
        Without effect: inputs are converted to the layer's type.
    shape : tuple of int or None, optional
        The whole shape, batch axis included; None where any size will do.
    ndim, max_ndim, min_ndim : int, optional
        The number of axes, or its limits.
    axes : dict from int to int, optional
        Sizes that single axes must have.
    name : str, optional
    """

    def __init__(
        self, dtype=None, shape=None, ndim=None, max_ndim=None, min_ndim=None, axes=None, name=None
    ):
        self.dtype = dtype
        self.shape = None if shape is None else tuple(shape)
        self.ndim = ndim if shape is None else len(self.shape)
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.name = name

    def expected(self, shape):
        """Return in words what this shape lacks; None if it fits."""
        rank = len(shape)
        for words, limit, fits in (
            ("", self.ndim, rank == self.ndim),
            ("at least ", self.min_ndim, rank >= (self.min_ndim or 0)),
            ("at most ", self.max_ndim, rank <= (self.max_ndim or rank)),
        ):
            if limit is not None and not fits:
                return f"an input of {words}{limit} axes, the batch axis included"
        for axis, size in [*enumerate(self.shape or ()), *self.axes.items()]:
            if size is not None and -rank <= axis < rank and shape[axis] not in (None, size):
                return f"an input of size {size} on axis {axis}"
        return None


class KerasForm:
    """Base of ``Layer``: checks inputs by ``input_spec``, and says how the layer was built."""

    input_spec = None  # an InputSpec, or a list or dict of them for several inputs
    supports_masking = autocast = True  # what Keras's layers have, without effect
    compute_dtype = variable_dtype = dtype_policy = property(lambda self: self.dtype)

    _shapes_of_build = ("input_shape",)  # the arguments of ``build``
    _shapes_of_call = _built_by = ()  # shapes by name: of further inputs; what ``build`` got

    def note_shapes(self, options):
        """Keep the shapes of a call's further arguments, if ``build`` takes several shapes."""
        if len(self._shapes_of_build) > 1:
            vars(self)["_shapes_of_call"] = {
                f"{name}_shape": (None, *value.shape[1:])
                for name, value in options.items()
                if hasattr(value, "shape")
            }

    def arrange_shapes(self, input_shape, others):
        """Return what ``build`` is called with: the one shape, or several by their names.

        ``build(self, query_shape, value_shape)`` takes those of ``call(self, query, value)``; a
        shape that is not known is None.
        """
        names, shapes = self._shapes_of_build, (input_shape, *others)
        if len(names) > 1 and not others:
            first, rest = self._signature[:2]
            known = [f"{name}_shape" for name in (first, *rest)]
            for name in names:
                if name not in known:
                    raise self._error(f"build to have arguments among {', '.join(known)}", name)
            found = {known[0]: input_shape} | dict(self._shapes_of_call)
            shapes = [found.get(name) for name in names]
        vars(self)["_built_by"] = dict(zip(names, shapes, strict=False))
        return shapes

    def check_input_spec(self, shape):
        """Raise ValueError unless the shape, or each in a list or dict, fits ``input_spec``."""
        specs, shapes = self.input_spec, shape
        if specs is None:
            return
        if isinstance(specs, InputSpec):
            specs, shapes = [specs], [shape]
        elif isinstance(shape, dict):
            specs = [specs[name] for name in shape] if isinstance(specs, dict) else specs
            shapes = list(shape.values())
        for spec, each in zip(specs, shapes, strict=False):
            expected = None if spec is None or each is None else spec.expected(each)
            if expected:
                raise self._error(expected, tuple(each))

    @property
    def input(self):
        """The Symbol that the layer was last called with, or a structure of Symbols."""
        return self._symbol().call.arguments[0]

    @property
    def output(self):
        """The Symbol that the layer's last call with Symbols gave, or a list of several."""
        first = self._symbol()
        return first if first.call.is_single else [reference() for reference in self._output]

    def _symbol(self):
        symbol = self._output and self._output[0]()
        if symbol is None and hasattr(self, "batch_shape"):  # an InputLayer
            return self.symbol()
        if symbol is None:
            raise AttributeError(
                f"{self._title}: expected a layer of a model of known input shape, got one that "
                "was never called with a Symbol; begin the model with Input(shape)"
            )
        return symbol

    def get_config(self):
        """Return the constructor's arguments, as a dict that ``from_config`` takes."""
        config = super().get_config()
        if config.get("activity_regularizer") is None:
            config.pop("activity_regularizer", None)  # as in Keras
        return config

    def get_build_config(self):
        """Return what ``build_from_config`` makes the weights by, or None before they are made."""
        if not self.built or self.input_shape is None:
            return None
        if len(self._built_by) > 1:
            return {"shapes_dict": self._built_by}
        return {"input_shape": self.input_shape}

    def build_from_config(self, config):
        """Make the weights by what ``get_build_config`` returned."""
        shapes = config.get("shapes_dict") or {"input_shape": config.get("input_shape")}
        if not self.built and any(shapes.values()):
            first, *others = shapes.values()
            self.build(first, *(shape and tuple(shape) for shape in others))

    def save_own_variables(self, store):
        """Put the layer's own weights into a dict of arrays, which files keep; see Keras."""
        store.update({str(i): weight.data for i, weight in enumerate(self.own_weights)})

    def load_own_variables(self, store):
        """Take the layer's own weights from such a dict."""
        for i, weight in enumerate(self.own_weights):
            weight.assign(store[str(i)])
