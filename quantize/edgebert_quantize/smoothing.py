"""Move outliers from activations into weights, before either is rounded.

SmoothQuant (Xiao et al. 2023, equation 4): x W = (x / s)(s W), where for each input channel j
s_j = max|x_j|^α / max|W_j|^(1-α). The product is the same; the activation's range is what shrinks.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_quantize.calibration import ActivationStatistics
from edgebert_quantize.linear import Linear, Site, find_linears, initializer, shared_linears

SMALLEST: Final = 1e-5
"""Floor of both maxima, so that a channel that is always zero divides nothing by zero."""

VALUE_INPUT: Final = 2
"""Index of V among an Attention node's inputs."""


def smooth(
    model: ir.Model, statistics: Mapping[str, ActivationStatistics], strength: float
) -> dict[str, ActivationStatistics]:
    """Smooth the input of every linear layer, in place.

    Where the input is attention's context, s goes into the value projection for free: attention
    mixes rows of V and leaves its channels apart. Elsewhere one Mul divides by s. A layer that is
    used again has one s for all its uses.

    Args:
        model: fp32, with linear layers as `find_linears` sees them.
        statistics: activation name → what calibration saw.
        strength: α, between 0 (weights untouched) and 1.

    Returns:
        name of each activation that linear layers now read → its statistics after smoothing
    """
    smoothed: dict[str, ActivationStatistics] = {}
    for sites in shared_linears(model.graph):
        seen = [statistics[str(site.x.name)] for site in sites]
        largest = ActivationStatistics.together(seen).largest
        scales = smoothing_scales(largest, sites[0].linears, strength)
        for linear in sites[0].linears:
            _set_weight(linear, linear.weight * scales[:, np.newaxis])
        smoothed_inputs = _divide_inputs(model.graph, sites, scales)
        for x, before in zip(smoothed_inputs, seen, strict=True):
            smoothed[str(x.name)] = before.divided(scales)
    return smoothed


def smoothing_scales(
    largest: NDArray[np.float32], linears: Sequence[Linear], strength: float
) -> NDArray[np.float32]:
    """S of equation 4 for layers that share an input. Shapes: (inputs,) to (inputs,)."""
    weights = np.max([np.abs(linear.weight).max(axis=1) for linear in linears], axis=0)
    scales = np.maximum(largest, SMALLEST) ** strength
    scales /= np.maximum(weights, SMALLEST) ** (1 - strength)
    return np.maximum(scales, SMALLEST).astype(np.float32)


def _divide_inputs(
    graph: ir.Graph, sites: Sequence[Site], scales: NDArray[np.float32]
) -> list[ir.Value]:
    """Divide what every site reads; returns what it reads then."""
    projections = [_value_projection(graph, site.x) for site in sites]
    made_by = {_weight_of(projection) for projection in projections}
    if projections[0] is not None and len(made_by) == 1:
        _divide_output(projections[0], scales)
        return [site.x for site in sites]
    return [_divide_input(graph, site.linears, scales) for site in sites]


def _weight_of(projection: Linear | None) -> ir.Value | None:
    return None if projection is None else projection.matmul.inputs[1]


def _value_projection(graph: ir.Graph, x: ir.Value) -> Linear | None:
    """The linear layer that makes V, if `x` is the context of attention over it alone."""
    attention = x.producer()
    if attention is None or attention.op_type != "Attention":
        return None
    value = attention.inputs[VALUE_INPUT]
    for linear in find_linears(graph):
        if linear.output is value and linear.bias is not None and len(list(value.uses())) == 1:
            return linear
    return None


def _divide_output(linear: Linear, scales: NDArray[np.float32]) -> None:
    _set_weight(linear, linear.weight / scales)
    if linear.bias is not None and linear.bias.const_value is not None:
        divided = (linear.bias.const_value.numpy() / scales).astype(np.float32)
        linear.bias.const_value = ir.tensor(divided, name=linear.bias.name)


def _divide_input(
    graph: ir.Graph, linears: Sequence[Linear], scales: NDArray[np.float32]
) -> ir.Value:
    x = linears[0].x
    inverse = initializer(graph, f"{x.name}_smoothing", (1 / scales).astype(np.float32))
    node = ir.node("Mul", [x, inverse])
    smoothed = node.outputs[0]
    smoothed.name, smoothed.type, smoothed.shape = f"{x.name}_smoothed", x.type, x.shape
    graph.insert_before(linears[0].matmul, node)
    for linear in linears:
        linear.matmul.replace_input_with(0, smoothed)
    return smoothed


def _set_weight(linear: Linear, weight: NDArray[np.float32]) -> None:
    value = linear.matmul.inputs[1]
    if value is not None:
        value.const_value = ir.tensor(weight.astype(np.float32), name=value.name)
