"""A model as an ONNX file, which onnxruntime, browsers, phones and other frameworks run.

Source: https://onnx.ai/onnx/. What is written is the forward pass in inference, with a batch of any
size.
"""

import numpy as np

from minigrad.interop.onnx_graph import Graph, Value
from minigrad.interop.onnx_layers import write_call
from minigrad.interop.replaying import RecordingError, replay, title_of
from minigrad.layers.base import map_shapes
from minigrad.utils.files import replacing
from minigrad.utils.structures import flatten, map_structure

OLDEST, NEWEST = 21, 28  # versions of ONNX's operators in which these nodes mean the same


def export_onnx(model, path, opset_version=None):
    """Write a model into an ONNX file, which appears whole or not at all.

    Parameters
    ----------
    model : Layer
        Built, and called with an input of known shape: its own, or that of the last call.
    path : str or path
        Ends in ".onnx".
    opset_version : int, optional
        The version of ONNX's operators, from 21. Default: the newest that the installed onnx knows,
        at most 28. Older runtimes read older versions only.

    Raises
    ------
    ValueError
        If a layer or op has no ONNX nodes, or sizes are unknown that they need; it is named.
    ImportError
        Without onnx.
    """
    if not str(path).endswith(".onnx"):
        raise ValueError(f"export: expected a path that ends in .onnx, got {str(path)!r}")
    content = to_onnx(model, opset_version).SerializeToString()
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def to_onnx(model, opset_version=None):
    """Return a model as the library's ``ModelProto``. Arguments: see `export_onnx`."""
    onnx = onnx_library("export")
    opset = _checked_opset(onnx, opset_version)
    if model.input_shape is None or not model.built:
        cure = "call the model on data, or model.build(input_shape), first"
        raise ValueError(f"export: {model._title}: expected a known input shape, got none; {cure}")
    graph = Graph(onnx, model.dtype)
    inputs = _make_inputs(graph, model)
    given = map_structure(lambda value: value.cast(graph.dtype), inputs)
    outputs = replay(model, (given,), {}, _writer(graph), Value)
    names = _name_outputs(graph, model, flatten(outputs))
    described = onnx.helper.make_graph(
        graph.nodes,
        model.name,
        [_describe(onnx, value.last, value) for value in flatten(inputs)],
        [_describe(onnx, *pair) for pair in zip(names, flatten(outputs), strict=True)],
        [onnx.numpy_helper.from_array(array, name) for name, array in graph.initializers.items()],
    )
    opsets = [onnx.helper.make_opsetid("", opset)]
    made = onnx.helper.make_model(
        described, opset_imports=opsets, producer_name="minigrad",
        ir_version=onnx.helper.find_min_ir_version_for(opsets),
    )  # fmt: skip
    onnx.checker.check_model(made, full_check=True)
    return made


def onnx_library(title):
    """Return the library onnx, or raise an ImportError that says how to install it."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError(f"{title}: ONNX files need onnx: pip install onnx") from error
    return onnx


def _checked_opset(onnx, version):
    known = min(NEWEST, onnx.defs.onnx_opset_version())
    if version is None:
        return known
    if isinstance(version, bool) or not isinstance(version, int) or not OLDEST <= version <= known:
        raise ValueError(f"export: expected opset_version from {OLDEST} to {known}, got {version}")
    return version


def _make_inputs(graph, model):
    """The inputs as Values, in their structure; those with a name keep it, integers their type."""
    made_from = getattr(model, "_graph", None)
    if made_from is None:
        symbols, shapes = (getattr(model, "_symbols", None) or [])[:1], model.input_shape
    else:
        symbols = flatten(made_from.inputs)
        shapes = map_structure(lambda symbol: symbol.shape, made_from.inputs)
    declared = iter([symbol.call.function for symbol in symbols])

    def make(shape):
        layer = next(declared, None)
        # Automatic names count through the program.
        name = None if layer is None or layer.has_automatic_name else layer.name
        dtype = np.dtype((layer and layer._given[1].get("dtype")) or graph.dtype)
        dtype = dtype if dtype.kind in "iu" else graph.dtype
        order = tuple(range(len(shape)))
        return Value(graph, shape, dtype, {order: graph.new_name(name or "input")})

    return map_shapes(make, shapes)


def _writer(graph):
    """What writes each call, under the name of its layer."""

    def write(function, arguments, options):
        before, title = graph.scope, getattr(function, "name", None)
        graph.scope = title or before
        try:
            return write_call(graph, function, arguments, options)
        except (RecordingError, ValueError):
            raise
        except Exception as error:  # NumPy's and the library's own, which do not name the layer
            raise ValueError(
                f"export: {title_of(function)}: expected what ONNX's nodes can stand for, got "
                f"{type(error).__name__}: {error}; write it with other ops or layers"
            ) from error
        finally:
            graph.scope = before

    return write


def _name_outputs(graph, model, values):
    """Give the results the names of what makes them; return these."""
    wanted = getattr(model, "output_names", None) or ["output"]
    wanted = wanted if len(wanted) == len(values) else [f"output_{i}" for i in range(len(values))]
    made, names = [value.last for value in values], []
    computed = {name for node in graph.nodes for name in node.output}
    for title, old in zip(wanted, made, strict=True):
        name = graph.new_name(title)
        if old in computed and made.count(old) == 1:
            for node in graph.nodes:
                for side in (node.input, node.output):
                    side[:] = [name if each == old else each for each in side]
        else:
            graph.nodes.append(graph.library.helper.make_node("Identity", [old], [name], name))
        names.append(name)
    return names


def _describe(onnx, name, value):
    """The library's description of an input or output; the batch has any size."""
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(value.dtype))
    sizes = [f"{name}_{i}" if n is None else n for i, n in enumerate(value.shape)]
    if value.shape and value.shape[0] is None:
        sizes[0] = "batch"
    return onnx.helper.make_tensor_value_info(name, kind, sizes)
