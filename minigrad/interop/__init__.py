"""Ways to other programs and back: ONNX, and PyTorch's weights. Optional; nothing else needs it."""

from minigrad.interop.onnx_export import export_onnx as export_onnx
from minigrad.interop.onnx_export import to_onnx as to_onnx
from minigrad.interop.onnx_import import load_onnx as load_onnx
from minigrad.interop.torch_weights import load_state_dict as load_state_dict
from minigrad.interop.torch_weights import state_dict as state_dict
