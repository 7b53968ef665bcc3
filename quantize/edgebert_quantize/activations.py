"""How activations become integers inside the graph."""

from collections.abc import Callable, Mapping
from typing import Final, Literal

import numpy as np
import onnx_ir as ir

from edgebert_quantize.calibration import ActivationStatistics
from edgebert_quantize.linear import Linear, initializer

Activations = Literal["static", "dynamic"]
QuantizedActivation = tuple[ir.Value, ir.Value, ir.Value]
"""uint8 values, float32 scale, uint8 zero point; the latter two scalars."""

LEVELS: Final = 255
"""Steps of uint8."""


def static(
    graph: ir.Graph, reader: Linear, statistics: ActivationStatistics
) -> QuantizedActivation:
    """One scale for ever, from the calibrated range; beyond it values saturate.

    A text's integers do not depend on the texts beside it.
    https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html
    """
    x = reader.x
    scale, zero_point = asymmetric_range(statistics)
    constants = [
        initializer(graph, f"{x.name}_scale", scale),
        initializer(graph, f"{x.name}_zero_point", zero_point),
    ]
    node = ir.node("QuantizeLinear", [x, *constants])
    node.outputs[0].name = f"{x.name}_quantized"
    graph.insert_before(reader.matmul, node)
    return node.outputs[0], constants[0], constants[1]


def dynamic(graph: ir.Graph, reader: Linear, _: ActivationStatistics) -> QuantizedActivation:
    """One scale a run, from the whole batch as it comes.

    https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html
    """
    node = ir.node("DynamicQuantizeLinear", [reader.x], num_outputs=3)
    for value, suffix in zip(node.outputs, ("quantized", "scale", "zero_point"), strict=True):
        value.name = f"{reader.x.name}_{suffix}"
    graph.insert_before(reader.matmul, node)
    values, scale, zero_point = node.outputs
    return values, scale, zero_point


def asymmetric_range(statistics: ActivationStatistics) -> tuple[np.ndarray, np.ndarray]:
    """Scale and zero point so that uint8 spans the range and zero is exact.

    Jacob et al. 2018, sections 2.1 and 3. An activation that is always zero has scale 1.

    Returns:
        scale, float32 scalar, and zero point, uint8 scalar
    """
    lowest = min(0.0, float(statistics.minimum.min()))
    highest = max(0.0, float(statistics.maximum.max()))
    scale = (highest - lowest) / LEVELS or 1.0
    return np.array(scale, np.float32), np.array(round(-lowest / scale), np.uint8)


QUANTIZERS: Final[
    Mapping[Activations, Callable[[ir.Graph, Linear, ActivationStatistics], QuantizedActivation]]
] = {"static": static, "dynamic": dynamic}
