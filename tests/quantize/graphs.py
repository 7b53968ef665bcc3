"""Graphs small enough to read, with numbers to quantize."""

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime

from edgebert_quantize.calibration import ActivationStatistics


def model_of(text: str, **weights: np.ndarray) -> ir.Model:
    proto = onnx.parser.parse_model(text)
    for name, array in weights.items():
        proto.graph.initializer.append(onnx.numpy_helper.from_array(array.astype(np.float32), name))
    return ir.from_proto(onnx.shape_inference.infer_shapes(proto))


def run(model: ir.Model, x: np.ndarray) -> list[np.ndarray]:
    data = ir.to_proto(model).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    arrays: list[np.ndarray] = session.run(None, {"x": x.astype(np.float32)})
    return arrays


def seen(x: np.ndarray) -> ActivationStatistics:
    """What calibration on `x` finds, each row a text of its own."""
    rows = x.reshape(-1, x.shape[-1]).astype(np.float32)
    return ActivationStatistics(
        minimum=rows.min(axis=0), maximum=rows.max(axis=0), moment=rows.T @ rows / len(rows)
    )


def operators(model: ir.Model) -> list[str]:
    return [node.op_type for node in model.graph]
