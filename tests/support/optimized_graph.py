"""A graph as ONNX Runtime runs it."""

from pathlib import Path

import onnx_ir as ir
import onnxruntime


def as_run(graph: Path, folder: Path) -> ir.Graph:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return ir.load(folder / "optimized.onnx").graph
