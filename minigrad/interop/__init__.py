"""Ways to other programs and back: ONNX, and PyTorch's weights. Optional; nothing else needs it."""

from minigrad.interop.onnx_export import export_onnx as export_onnx
from minigrad.interop.onnx_export import to_onnx as to_onnx
