"""Weights as PyTorch has them, and back: its names and layouts of `torch.nn`'s modules.

=================== =========================== ==================================================
layer               module                      what is turned
=================== =========================== ==================================================
Dense               Linear                      (in, out) -> (out, in)
Conv1D, Conv2D      Conv1d, Conv2d              (..., C, F) -> (F, C, ...)
Depthwise...        Conv...(groups=C)           (..., C, M) -> (C · M, 1, ...)
Separable...        two of these                "depthwise" and "pointwise"
Conv...Transpose    ConvTranspose...            (..., F, C) -> (C, F, ...)
BatchNormalization  BatchNorm1d, BatchNorm2d    gamma, beta, moving_* -> weight, bias, running_*
Layer, Group, RMS   LayerNorm, GroupNorm, ...   gamma, beta -> weight, bias
Embedding           Embedding                   embeddings -> weight
PReLU               PReLU                       (1, 1, C) -> (C,)
=================== =========================== ==================================================
"""

import numpy as np

from minigrad import layers
from minigrad.interop.feature_orders import find_orders
from minigrad.saving.keys import find_places

NORMALIZATIONS = (
    layers.BatchNormalization, layers.GroupNormalization, layers.LayerNormalization,
    layers.RMSNormalization,
)  # fmt: skip
COUNT = "num_batches_tracked"  # PyTorch's, of batches in training


def state_dict(model, like=None, names=None, flatten="channels_first"):
    """Return a model's weights for PyTorch, a dict from name to tensor.

    So ``module.load_state_dict(state_dict(model, like=module))`` gives a module, made of the same
    layers, the weights of a model.

    Parameters
    ----------
    model : Layer
        Built.
    like : torch.nn.Module or dict, optional
        Whose names to use, in the order of its layers. By default a name says where the layer
        stands: ``layers.dense_1.weight``, or ``block.head.weight`` of attributes.
    names : dict from str to str, optional
        From a layer's name to that of its module, where the order is another.
    flatten : {"channels_first", "channels_last"}
        In which order the module flattens images: as PyTorch has them, or as minigrad has them.

    Raises
    ------
    ValueError
        If layers and modules do not fit; all that does not is listed. If a layer has no counterpart
        in PyTorch, or a module another epsilon or number of groups.
    TypeError
        If `like` is no module or dict of arrays of floats.
    ImportError
        Without PyTorch.
    """
    torch = import_torch("state_dict")
    groups = _groups_of(model, flatten)
    if like is not None:
        pairs = _match(groups, _arrays_of(like, "state_dict"), names, "state_dict")
        _check_options(like, pairs)
        groups = [(prefix, layer, entries) for prefix, (_, layer, entries) in pairs]
    elif names:
        wanted = _renamed(groups, names, "state_dict")
        groups = [(name, *rest) for name, (_, *rest) in zip(wanted, groups, strict=True)]
    state = {}
    for prefix, layer, entries in groups:
        for leaf, entry in entries.items():
            state[f"{prefix}.{leaf}"] = torch.from_numpy(entry.to_torch())
        if isinstance(layer, layers.BatchNormalization):
            state[f"{prefix}.{COUNT}"] = torch.tensor(0)
    return state


def load_state_dict(model, state, names=None, flatten="channels_first"):
    """Give a model the weights of a PyTorch module: all of them, or raise an error and change none.

    Parameters
    ----------
    model : Layer
        Built, of the same layers as the module.
    state : torch.nn.Module or dict
        The module, or its ``state_dict()``; its values may be arrays too.
    names, flatten
        As for `state_dict`.

    Raises
    ------
    ValueError
        As for `state_dict`.
    TypeError
        If `state` is no module or dict of arrays of floats; bfloat16 becomes float32.
    """
    arrays = _arrays_of(state, "load_state_dict")
    pairs = _match(_groups_of(model, flatten), arrays, names, "load_state_dict")
    _check_options(state, pairs)
    ready = []
    for prefix, (_, layer, entries) in pairs:
        for leaf, entry in entries.items():
            values = entry.from_torch(np.asarray(arrays[prefix][leaf]))
            if entry.parameter is not None:
                ready.append((entry.parameter, values))
            elif (values != entry.array).any():
                raise ValueError(
                    f"load_state_dict: {layer._title}: expected {prefix}.{leaf} to be "
                    f"{entry.array[0]:g}, since the layer has none; make it with it"
                )
    for parameter, values in ready:
        parameter.assign(values)


def import_torch(title):
    """Return PyTorch, or raise an ImportError that says how to install it."""
    try:
        import torch
    except ImportError as error:
        raise ImportError(f"{title}: tensors of PyTorch need it: pip install torch") from error
    return torch


# --- layers --------------------------------------------------------------------------------------


class Entry:
    """One weight, or numbers in place of one that the layer has not, and how PyTorch has it.

    Parameters
    ----------
    parameter : Parameter or ndarray
    axes : tuple of int, optional
        The order of axes there.
    shape : tuple of int, optional
        The shape there, after that.
    orders : list of (int, array)
        An axis here, and the order in which its places are there.
    """

    def __init__(self, parameter, axes=None, shape=None, orders=()):
        is_array = isinstance(parameter, np.ndarray)
        self.parameter = None if is_array else parameter
        self.array = parameter if is_array else parameter.data
        self.axes = tuple(range(self.array.ndim)) if axes is None else axes
        self._between = tuple(self.array.shape[axis] for axis in self.axes)
        self.shape = self._between if shape is None else tuple(shape)
        self.orders = [(axis, order) for axis, order in orders if order is not None]

    def to_torch(self):
        """Return the numbers as an array of PyTorch's shape."""
        array = self.array
        for axis, order in self.orders:
            array = array.take(order, axis)
        return np.array(array.transpose(self.axes).reshape(self.shape), order="C")

    def from_torch(self, array):
        """Return such an array in minigrad's shape."""
        array = array.reshape(self._between).transpose(np.argsort(self.axes))
        for axis, order in self.orders:
            array = array.take(np.argsort(order), axis)
        return array


def _convolution(kernel, bias=None):
    axes = (kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2))
    return {"weight": Entry(kernel, axes), **_bias(bias)}


def _bias(bias, orders=()):
    return {} if bias is None else {"bias": Entry(bias, orders=orders)}


def _depthwise(kernel, bias=None):
    *window, C, M = kernel.shape
    axes = (kernel.ndim - 2, kernel.ndim - 1, *range(kernel.ndim - 2))
    return {"weight": Entry(kernel, axes, (C * M, 1, *window)), **_bias(bias)}


def _scaled(layer, orders):
    """Weight and bias of a normalization; one alone has numbers for the other beside it."""
    one = layer.beta if layer.gamma is None else layer.gamma
    if one is None:
        return {}
    axes = (one.ndim - 1, *range(one.ndim - 1))
    gamma = np.ones(one.shape, one.dtype) if layer.gamma is None else layer.gamma
    beta = np.zeros(one.shape, one.dtype) if layer.beta is None else layer.beta
    pairs = ("weight", gamma), ("bias", beta)
    return {name: Entry(weight, axes, orders=orders) for name, weight in pairs}


def _has_channels(layer):
    """Whether a normalization goes by the axes that PyTorch's does: the channels', or all."""
    rank = len(layer.input_shape)
    axes = getattr(layer, "_axes", None) or [layer.axis]
    axes = sorted(axis % rank for axis in axes)
    return axes in ([rank - 1], [*range(1, rank)])


def _entries_of(layer, inputs, outputs):
    """The modules that a layer is in PyTorch: a dict from the end of a name to their entries."""
    order = [(0, outputs.get(id(layer)))]
    if isinstance(layer, layers.Dense):
        orders = [(0, inputs.get(id(layer))), (1, outputs.get(id(layer)))]
        entries = {"weight": Entry(layer.kernel, (1, 0), orders=orders)}
        return {"": entries | _bias(layer.bias, order)}
    if isinstance(layer, (layers.Conv2DTranspose, layers.Conv2D, layers.Conv1D)):
        return {"": _convolution(layer.kernel, layer.bias)}
    if isinstance(layer, layers.DepthwiseConv2D):
        return {"": _depthwise(layer.kernel, layer.bias)}
    if isinstance(layer, layers.SeparableConv2D):
        return {
            ".depthwise": _depthwise(layer.depthwise_kernel),
            ".pointwise": _convolution(layer.pointwise_kernel, layer.bias),
        }
    is_normal = isinstance(layer, NORMALIZATIONS) and _has_channels(layer)
    if is_normal and isinstance(layer, layers.RMSNormalization):
        return {"": {"weight": Entry(layer.scale, orders=order)}}
    if is_normal and not isinstance(layer, layers.BatchNormalization):
        return {"": _scaled(layer, order)}
    if is_normal and not layer.renorm:
        statistics = {"running_mean": layer.moving_mean, "running_var": layer.moving_variance}
        entries = {name: Entry(w, orders=order) for name, w in statistics.items()}
        return {"": _scaled(layer, order) | entries}
    if isinstance(layer, layers.Embedding):
        return {"": {"weight": Entry(layer.embeddings)}}
    if isinstance(layer, layers.PReLU) and layer.alpha.size == layer.alpha.shape[-1]:
        order = [(layer.alpha.ndim - 1, outputs.get(id(layer)))]
        return {"": {"weight": Entry(layer.alpha, shape=(layer.alpha.size,), orders=order)}}
    raise ValueError(
        f"state_dict: {layer._title}: expected layers that torch.nn has with these weights, got "
        f"{', '.join(weight.path for weight in layer.own_weights)}; copy them with numpy()"
    )


def _groups_of(model, flatten):
    """The modules of a model in order: a list of (name, layer, dict from leaf to Entry)."""
    if flatten not in ("channels_first", "channels_last"):
        expected = "flatten 'channels_first' or 'channels_last'"
        raise ValueError(f"state_dict: expected {expected}, got {flatten!r}")
    places = [(group, layer) for group, layer in find_places(model) if layer.own_weights]
    inputs, outputs = ({}, {}) if flatten == "channels_last" else find_orders(model)
    return [
        (group.replace("/", ".") + end, layer, entries)
        for group, layer in places
        for end, entries in _entries_of(layer, inputs, outputs).items()
        if entries
    ]


# --- names ---------------------------------------------------------------------------------------


def _arrays_of(state, title):
    """What a module or its state has: a dict from a module's name to its tensors by leaf."""
    state = state.state_dict() if callable(getattr(state, "state_dict", None)) else state
    if not hasattr(state, "items"):
        raise TypeError(
            f"{title}: expected a module of PyTorch or its state_dict(), got "
            f"{type(state).__name__}; read a file with torch.load(path, weights_only=True)"
        )
    groups = {}
    for name, value in state.items():
        prefix, _, leaf = str(name).rpartition(".")
        if leaf == COUNT:
            continue
        kind = str(getattr(value, "dtype", type(value).__name__))
        if "float" not in kind or not hasattr(value, "shape"):
            cure = "of a checkpoint, give the weights alone, such as state['state_dict']"
            raise TypeError(f"{title}: {name}: expected an array of floats, got {kind}; {cure}")
        value = value.detach().cpu() if hasattr(value, "detach") else value
        groups.setdefault(prefix, {})[leaf] = value.float() if "bfloat" in kind else value
    return groups


def _renamed(groups, names, title):
    """The modules' names of a user's."""
    titles = [layer.name for _, layer, _ in groups]
    wanted = [names.get(layer.name, name) for name, layer, _ in groups]
    if not {*names} <= {*titles} or len({*wanted}) < len(wanted):
        expected = f"names={{...}} from each of {', '.join(titles)} to a module of its own"
        raise ValueError(f"{title}: expected {expected}, got {names}")
    return wanted


def _match(groups, arrays, names, title):
    """Pair modules with layers, a list of (name there, group); raise if something does not fit."""
    own = [name for name, *_ in groups]
    wanted = own if {*own} == {*arrays} else [*arrays]
    wanted = _renamed(groups, names, title) if names else wanted
    problems = [f"missing: {layer._title}" for _, layer, _ in groups[len(wanted) :]]
    problems += [f"extra: {name}" for name in arrays if name not in wanted[: len(groups)]]
    pairs = list(zip(wanted, groups, strict=False))
    for name, (_, layer, entries) in pairs:
        found = {leaf: tuple(array.shape) for leaf, array in arrays.get(name, {}).items()}
        expected = {leaf: entry.shape for leaf, entry in entries.items()}
        if found != expected:
            problems.append(f"{layer._title}: expected {name} with {expected}, got {found}")
    if problems:
        cure = "write names={'a layer': 'its module'} if the order is another"
        report = "\n  ".join([f"layers and modules do not fit; {cure}:", *problems])
        raise ValueError(f"{title}: {report}\nNothing was changed.")
    return pairs


def _check_options(module, pairs):
    """Raise if a module, given in place of its state, has another epsilon or number of groups."""
    if not hasattr(module, "get_submodule"):
        return
    for name, (_, layer, _) in pairs:
        other, groups = module.get_submodule(name), getattr(layer, "groups", None)
        expected = {"eps": getattr(layer, "epsilon", None)}
        if isinstance(layer, layers.GroupNormalization):
            expected["num_groups"] = layer.input_shape[-1] if groups == -1 else groups
        for option, ours in expected.items():
            theirs = getattr(other, option, None)
            if ours != theirs:
                raise ValueError(
                    f"state_dict: {layer._title}: expected the module {name} to have "
                    f"{option}={ours}, got {theirs}; make one of them with the other's"
                )
