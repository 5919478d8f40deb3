"""ONNX files as models: of layers that can be looked at, trained and saved.

An ONNX file comes from a stranger: nothing in it is run, and arrays that lie in another file are
read only from the one that PyTorch writes beside it.
"""

import math
import os
import re
import stat
from pathlib import Path

import numpy as np

from minigrad import models
from minigrad.interop.onnx_export import onnx_library
from minigrad.interop.onnx_nodes import CONSTANTS, NODES, Node
from minigrad.interop.onnx_values import Held
from minigrad.layers import Input
from minigrad.saving.formats import check_is_file, refusing
from minigrad.utils.config import room_for
from minigrad.utils.naming import unique_name

OLDEST = 13  # version of ONNX's operators
EXPECTED = "an intact .onnx file of nodes that minigrad has layers or ops for"


def load_onnx(path):
    """Read an ONNX file as a model; ``models.load_model("model.onnx")`` calls this.

    Its inputs have the axes that the file says: images of PyTorch are (N, C, H, W). The layers
    within have the channels last, as everywhere in minigrad.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    Model
        Not compiled.

    Raises
    ------
    ValueError
        If the file is damaged, or has a node that minigrad has nothing for; the node is named.
    FileNotFoundError
        If there is no such file.
    ImportError
        Without onnx.
    """
    onnx = onnx_library("load_model")
    check_is_file(path)
    with refusing(EXPECTED, path):
        proto = onnx.load(os.fspath(path), load_external_data=False)
        arrays = {a.name: _array_of(onnx, a, path) for a in proto.graph.initializer}
        onnx.checker.check_model(_without_external(onnx, proto))
        used = (name for node in proto.graph.node for name in node.input if name in arrays)
        with room_for(sum(arrays[name].size for name in used)):
            return Reader(onnx, proto, arrays).make_model()


def _without_external(onnx, proto):
    """A copy whose arrays are not looked for in other files, for the checker."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    for tensor in copy.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
            size = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize
            tensor.raw_data = bytes(math.prod(tensor.dims) * size)
    return copy


def _array_of(onnx, tensor, path):
    """The numbers of an initializer."""
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        return onnx.numpy_helper.to_array(tensor)
    described = {entry.key: entry.value for entry in tensor.external_data}
    beside = f"{Path(path).name}.data"
    if described.get("location") != beside:
        raise ValueError(
            f"{tensor.name}: expected arrays in the file itself, or in {beside} beside it, got "
            f"{described.get('location')!r}; export with external_data=False"
        )
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)).newbyteorder("<")
    shape, start = tuple(tensor.dims), int(described.get("offset", 0))
    length = math.prod(shape) * dtype.itemsize
    with open(Path(path).parent / beside, "rb", opener=_open_plain) as file:
        size = os.fstat(file.fileno()).st_size
        if start < 0 or length < 0 or start + length > size:
            raise ValueError(f"{tensor.name}: claims {dtype} {shape} at {start}, in {size} bytes")
        file.seek(start)
        return np.frombuffer(file.read(length), dtype).reshape(shape)


def _open_plain(path, flags):
    """Open a file, but no link, device or pipe."""
    found = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise ValueError(f"expected a file, got a device or pipe at {path}")
    return found


class Reader:
    """Makes a model of a graph, node by node.

    Attributes
    ----------
    library : module
        onnx.
    opset : int
        The version of the operators.
    batch : int or None
        The number of samples, if the file fixes it; the model takes any.
    """

    def __init__(self, library, proto, arrays):
        self.library = library
        self.graph = proto.graph
        versions = {entry.domain: entry.version for entry in proto.opset_import}
        self.opset = versions.get("", versions.get("ai.onnx", 0))
        if self.opset < OLDEST:
            cure = "convert it with onnx.version_converter"
            raise ValueError(f"expected operators from version {OLDEST}, got {self.opset}; {cure}")
        if proto.functions:
            got = ", ".join(function.name for function in proto.functions)
            raise ValueError(f"expected no functions of the file's own, got {got}")
        self.values = dict(arrays)
        self.batch = None
        self._users = {}  # name of a value -> the nodes that take it
        for node in self.graph.node:
            for name in node.input:
                self._users.setdefault(name, []).append(node)
        self._made = {}  # what a layer was made from -> the layer
        self._taken = set()  # names of layers
        self._aliases = {}  # id of a node that another one includes -> the name of its result

    def make_model(self):
        """Return the model."""
        inputs = [self._input(entry) for entry in self.graph.input if entry.name not in self.values]
        known = {"Constant"} | NODES.keys() | CONSTANTS.keys()
        for node in self.graph.node:  # first, so that an LSTM is named and not what is around it
            if node.domain not in ("", "ai.onnx") or node.op_type not in known:
                raise self._unknown(node, NODES, "that minigrad has a layer or op for")
        for node in self.graph.node:
            try:
                results = self._read(node)
            except (IndexError, KeyError, TypeError, ValueError) as error:
                if str(error).startswith("load_model: "):
                    raise
                kind = type(error).__name__
                fault = f"load_model: {node.op_type} {node.name!r}: {kind}: {error}"
                raise ValueError(fault) from error
            results = results if isinstance(results, list) else [results]
            for name, value in zip(node.output, results, strict=False):
                self.values[name] = value
        outputs = [self.values[entry.name] for entry in self.graph.output]
        if not all(isinstance(value, Held) for value in outputs) or not inputs:
            raise ValueError("expected outputs that are computed from inputs, got constants")
        inputs, outputs = ([v.first for v in values] for values in (inputs, outputs))
        return models.Model(*(v[0] if len(v) == 1 else v for v in (inputs, outputs)))

    def _input(self, entry):
        """The value of an input, whose first axis is the batch."""
        described = entry.type.tensor_type
        sizes = [d.dim_value if d.HasField("dim_value") else None for d in described.shape.dim]
        if not sizes:
            raise ValueError(f"expected inputs with a batch axis, got {entry.name!r} without axes")
        self.batch = sizes[0]
        dtype = self.library.helper.tensor_dtype_to_np_dtype(described.elem_type)
        symbol = Input(tuple(sizes[1:]), dtype=dtype.name, name=self.new_name(entry.name))
        self.values[entry.name] = Held.plain(symbol)
        return self.values[entry.name]

    def _read(self, proto):
        if id(proto) in self._aliases:
            return self.values[self._aliases[id(proto)]]
        get = self.library.helper.get_attribute_value
        options = {a.name: self._plain(get(a)) for a in proto.attribute}
        if proto.op_type == "Constant" and not proto.domain:
            return np.asarray(next(iter(options.values())))
        inputs = [self.values[name] if name else None for name in proto.input]
        node = Node(self, proto, inputs, options)
        is_constant = not any(isinstance(value, Held) for value in inputs)
        table = CONSTANTS if is_constant else NODES
        if proto.op_type not in table:
            what = "of constants" if is_constant else "that minigrad has a layer or op for"
            raise self._unknown(proto, table, what)
        return table[proto.op_type](node, *inputs) if is_constant else table[proto.op_type](node)

    def _unknown(self, proto, table, what):
        kind = f"{proto.domain}.{proto.op_type}" if proto.domain else proto.op_type
        expected = f"nodes {what}: {', '.join(sorted(table))}"
        return ValueError(f"load_model: {kind} {proto.name!r}: expected {expected}")

    def _plain(self, value):
        """An attribute as text, numbers, lists or an array."""
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, float):  # of float32: 0.001 and not 0.0010000000474974513
            return float(str(np.float32(value)))
        if isinstance(value, self.library.TensorProto):
            return self.library.numpy_helper.to_array(value)
        return [*value] if hasattr(value, "__len__") and not isinstance(value, str) else value

    def new_name(self, wanted):
        """Return a layer's name made of one in the file."""
        name = unique_name(re.sub(r"\W+", "_", wanted).strip("_") or "layer", self._taken)
        self._taken.add(name)
        return name

    def layer(self, node, cls, arrays, arguments, options):
        """Return a layer with these weights, named as they are in the file."""
        options |= {"dtype": "float64"} if arrays[0].dtype == np.float64 else {}
        weights = tuple(name for name in node.names[1:] if name)
        key = cls, weights, repr((arguments, options, [a.shape for a in arrays]))
        if key not in self._made:
            path = next((name for name in weights if name in self.values), "") or node.proto.name
            parts = re.split(r"[/.]", re.sub(r":\d+$", "", path))
            layer = cls(*arguments, name=self.new_name("_".join(parts[:-1]) or path), **options)
            self._made[key] = _with_weights(layer, arrays)
        return self._made[key]

    def take_bias(self, node, units):
        """The vector that the only user of a result adds, whose node is then left out; or None."""
        users = self._users.get(node.proto.output[0], [])
        is_output = any(entry.name == node.proto.output[0] for entry in self.graph.output)
        if len(users) != 1 or users[0].op_type != "Add" or is_output:
            return None
        other = next(name for name in users[0].input if name != node.proto.output[0])
        bias = self.values.get(other)
        if not isinstance(bias, np.ndarray) or bias.shape != (units,):
            return None
        node.names.append(other)
        self._aliases[id(users[0])] = node.proto.output[0]
        return bias


def _with_weights(layer, arrays):
    """What calls a layer, and gives it its weights when the first call has made them."""
    is_new = True

    def call(symbol):
        nonlocal is_new
        result = layer(symbol)
        if is_new:
            layer.set_weights(arrays)
            is_new = False
        return result

    return call
