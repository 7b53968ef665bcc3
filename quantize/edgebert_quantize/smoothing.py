"""Move outliers from activations into weights, before either is rounded.

SmoothQuant (Xiao et al. 2023, equation 4): x W = (x / s)(s W), where for each input channel j
s_j = max|x_j|^α / max|W_j|^(1-α). The product is the same; the activation's range is what shrinks.
"""

from collections.abc import Container, Mapping, Sequence
from typing import Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_quantize.activations import asymmetric_range
from edgebert_quantize.calibration import ActivationStatistics
from edgebert_quantize.linear import (
    Linear,
    Site,
    find_linears,
    initializer,
    shared_linears,
    side_by_side,
)
from edgebert_quantize.weights import LARGEST, column_scales

SMALLEST: Final = 1e-5
"""Floor of both maxima, so that a channel that is always zero divides nothing by zero."""

VALUE_INPUT: Final = 2
"""Index of V among an Attention node's inputs."""


def smooth(
    model: ir.Model,
    statistics: Mapping[str, ActivationStatistics],
    strengths: Sequence[float],
    *,
    untouched: Container[str] = (),
    largest: int = LARGEST,
) -> dict[str, ActivationStatistics]:
    """Smooth the input of every linear layer, in place.

    Where the input is attention's context, s goes into the value projection for free: attention
    mixes rows of V and leaves its channels apart. Elsewhere one Mul divides by s. A layer that is
    used again has one s for all its uses.

    Args:
        model: fp32, with linear layers as `find_linears` sees them.
        statistics: activation name → what calibration saw.
        strengths: values of α to choose from, between 0 (weights untouched) and 1; each layer
            gets the one that is expected to cost it least.
        untouched: activations to leave as they are.
        largest: integer that weights are going to be rounded to.

    Returns:
        name of each activation that linear layers now read → its statistics after smoothing
    """
    smoothed: dict[str, ActivationStatistics] = {}
    for sites in shared_linears(model.graph):
        names = [str(site.x.name) for site in sites]
        seen = [statistics[name] for name in names]
        if any(name in untouched for name in names):
            smoothed |= dict(zip(names, seen, strict=True))
            continue
        together = ActivationStatistics.together(seen)
        scales = best_scales(together, sites[0].linears, strengths, largest)
        for linear in sites[0].linears:
            linear.set_weight(linear.weight * scales[:, np.newaxis])
        smoothed_inputs = _divide_inputs(model.graph, sites, scales)
        for x, before in zip(smoothed_inputs, seen, strict=True):
            smoothed[str(x.name)] = before.divided(scales)
    return smoothed


def best_scales(
    seen: ActivationStatistics,
    linears: Sequence[Linear],
    strengths: Sequence[float],
    largest: int = LARGEST,
) -> NDArray[np.float32]:
    """S of equation 4 at the strength with the least expected error. Shape: (inputs,)."""
    weight = side_by_side(linears)
    candidates = [smoothing_scales(seen.largest, weight, strength) for strength in strengths]
    errors = [expected_error(seen, weight, scales, largest) for scales in candidates]
    return candidates[int(np.argmin(errors))]


def smoothing_scales(
    largest: NDArray[np.float32], weight: NDArray[np.float32], strength: float
) -> NDArray[np.float32]:
    """S of equation 4. Shapes: (inputs,), (inputs, outputs) to (inputs,)."""
    scales = np.maximum(largest, SMALLEST) ** strength
    scales /= np.maximum(np.abs(weight).max(axis=1), SMALLEST) ** (1 - strength)
    return np.maximum(scales, SMALLEST).astype(np.float32)


def expected_error(
    seen: ActivationStatistics,
    weight: NDArray[np.float32],
    scales: NDArray[np.float32],
    largest: int = LARGEST,
) -> float:
    """Mean square error that rounding (x / s)(s W) is expected to give, summed over outputs.

    A rounding error is uniform over a step, so its variance is step² / 12. Those of the activation
    pass through the weights, those of the weights meet the activation. GPTQ's are smaller, but
    less so on texts it was not calibrated on: counting them in full chose better there.

    Shapes:
        weight: (inputs, outputs)
        scales: (inputs,)
    """
    scaled = weight * scales[:, np.newaxis]
    step = float(asymmetric_range(seen.divided(scales))[0])
    of_activations = step**2 * float(np.square(scaled).sum())
    of_weights = (
        np.square(column_scales(scaled, largest)).sum() * (np.diag(seen.moment) / scales**2).sum()
    )
    return (of_activations + float(of_weights)) / 12


def _divide_inputs(
    graph: ir.Graph, sites: Sequence[Site], scales: NDArray[np.float32]
) -> list[ir.Value]:
    """Divide what every site reads; returns what it reads then."""
    projections = [_value_projection(graph, site.x) for site in sites]
    made = [projection for projection in projections if projection is not None]
    if len(made) == len(sites) and len({id(linear.matmul.inputs[1]) for linear in made}) == 1:
        made[0].set_weight(made[0].weight / scales)
        for linear in made:
            if linear.bias is not None:
                linear.set_bias(graph, linear.bias / scales)
        return [site.x for site in sites]
    return [_divide_input(graph, site.linears, scales) for site in sites]


def _value_projection(graph: ir.Graph, x: ir.Value) -> Linear | None:
    """The linear layer that makes V, if `x` is the context of attention over it alone."""
    attention = x.producer()
    if attention is None or attention.op_type != "Attention":
        return None
    value = attention.inputs[VALUE_INPUT]
    for linear in find_linears(graph):
        if linear.output is value and len(list(value.uses())) == 1:
            return linear
    return None


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
