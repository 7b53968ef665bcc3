"""Quantize activations inside the graph."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import onnx_ir as ir

from edgebert_quantize.calibration.ranges import LEVELS, Range
from edgebert_quantize.graph.node_builder import NodeBuilder

Activations = Literal["per_tensor_static", "per_tensor_dynamic", "per_token_dynamic"]

SMALLEST_STEP: Final = 1e-10
"""Least step, so that a constant row does not divide by zero."""


@dataclass(frozen=True, kw_only=True)
class QuantizedActivation:
    """A quantized activation: x = row_step (values - zero_point) scale + row_low.

    Attributes:
        values: uint8
        scale, zero_point: float32 and uint8 scalars
        row_step, row_low: (…, 1), float32; None stands for 1 and 0
    """

    values: ir.Value
    scale: ir.Value
    zero_point: ir.Value
    row_step: ir.Value | None = None
    row_low: ir.Value | None = None


def per_tensor_static(
    add: NodeBuilder, x: ir.Value, calibrated: Range | None
) -> QuantizedActivation:
    """One constant scale, from the calibrated range; values outside it saturate.

    Batch-invariant.
    https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html
    """
    if calibrated is None:
        raise ValueError("a static scale needs a calibrated range")
    step, level = asymmetric_scale(*calibrated)
    scale = add.constant("scale", step, np.float32)
    zero_point = add.constant("zero_point", level, np.uint8)
    values = add("QuantizeLinear", [x, scale, zero_point], "quantized")
    return QuantizedActivation(values=values, scale=scale, zero_point=zero_point)


def per_tensor_dynamic(add: NodeBuilder, x: ir.Value, _: Range | None) -> QuantizedActivation:
    """One scale per run, from the range of the whole batch; not batch-invariant.

    https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html
    """
    suffixes = ("quantized", "scale", "zero_point")
    values, scale, zero_point = add.several("DynamicQuantizeLinear", [x], suffixes)
    return QuantizedActivation(values=values, scale=scale, zero_point=zero_point)


def per_token_dynamic(add: NodeBuilder, x: ir.Value, _: Range | None) -> QuantizedActivation:
    """One scale per row, from its lowest to its highest value.

    Batch-invariant, and no value saturates. Needs opset 18.
    ZeroQuant (Yao et al. 2022, section 4.2), asymmetric.
    """
    axis = add.constant("last_axis", [-1], np.int64)
    low = add("ReduceMin", [x, axis], "row_low")
    high = add("ReduceMax", [x, axis], "row_high")
    span = add("Sub", [high, low], "row_span")
    step = add("Mul", [span, add.constant("row_level", 1 / LEVELS, np.float32)], "row_share")
    least = add.constant("row_least", SMALLEST_STEP, np.float32)
    step = add("Max", [step, least], "row_step")
    steps = add("Div", [add("Sub", [x, low], "row_shifted"), step], "row_steps")
    one = add.constant("row_scale", 1, np.float32)
    zero = add.constant("row_zero_point", 0, np.uint8)
    values = add("QuantizeLinear", [steps, one, zero], "row_quantized")
    return QuantizedActivation(
        values=values, scale=one, zero_point=zero, row_step=step, row_low=low
    )


def asymmetric_scale(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Scale and zero point of uint8 for a range, with zero exact.

    Jacob et al. 2018, sections 2.1 and 3. An empty range has scale 1.

    Returns:
        scale, float32 scalar, and zero point, uint8 scalar
    """
    low, high = min(0.0, low), max(0.0, high)
    scale = (high - low) / LEVELS or 1.0
    return np.array(scale, np.float32), np.array(round(-low / scale), np.uint8)


QUANTIZERS: Final[
    Mapping[Activations, Callable[[NodeBuilder, ir.Value, Range | None], QuantizedActivation]]
] = {
    "per_tensor_static": per_tensor_static,
    "per_tensor_dynamic": per_tensor_dynamic,
    "per_token_dynamic": per_token_dynamic,
}
