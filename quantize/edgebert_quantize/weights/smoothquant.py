"""Move outliers from activations into weights, before either is rounded.

SmoothQuant (Xiao et al. 2023, equation 4): x W = (x / s)(s W), where for each input channel j
s_j = max|x_j|^α / max|W_j|^(1-α). The product is the same; the activation's range is what shrinks.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_quantize.calibration.statistics import ActivationStatistics
from edgebert_quantize.graph.activation_quantizers import asymmetric_scale
from edgebert_quantize.graph.linear_layers import (
    Linear,
    LinearGroup,
    find_linears,
    shared_linears,
    side_by_side,
)
from edgebert_quantize.weights.grids import LARGEST, column_scales

SMALLEST: Final = 1e-5
"""Lower bound of both maxima: a channel that is always zero must not divide by zero."""

VALUE_INPUT: Final = 2
"""Index of V among an Attention node's inputs."""


def smooth_attention_outputs(
    graph: ir.Graph,
    statistics: Mapping[str, ActivationStatistics],
    strengths: Sequence[float],
    largest: int = LARGEST,
) -> dict[str, ActivationStatistics]:
    """Smooth the outputs of attention, in place and at no cost at run time.

    1 / s is folded into the value projection: attention mixes rows of V, not channels. A layer that
    is used several times has one s for all uses.

    Args:
        graph: fp32, with linear layers as `find_linears` sees them.
        statistics: activation name → calibration statistics.
        strengths: values of α to choose from, as in `best_scales`.
        largest: 8-bit weight.

    Returns:
        name of each smoothed activation → its statistics after smoothing
    """
    smoothed: dict[str, ActivationStatistics] = {}
    for groups in shared_linears(graph):
        projections = _value_projections(graph, groups)
        if not projections:
            continue
        seen = {str(group.x.name): statistics[str(group.x.name)] for group in groups}
        merged = ActivationStatistics.merged(list(seen.values()))
        scales = best_scales(merged, side_by_side(groups[0].linears), strengths, largest)
        for linear in groups[0].linears:
            linear.set_weight(linear.weight * scales[:, np.newaxis])
        projections[0].set_weight(projections[0].weight / scales)
        for linear in projections:
            if linear.bias is not None:
                linear.set_bias(graph, linear.bias / scales)
        smoothed |= {name: before.divided(scales) for name, before in seen.items()}
    return smoothed


def best_scales(
    seen: ActivationStatistics,
    weight: NDArray[np.float32],
    strengths: Sequence[float],
    largest: int = LARGEST,
) -> NDArray[np.float32]:
    """S of equation 4 at the strength with the least expected error.

    Args:
        seen: of the activation, (inputs,).
        weight: (inputs, outputs)
        strengths: values of α to choose from, between 0 (weights untouched) and 1.
        largest: 8-bit weight.

    Returns:
        (inputs,), float32
    """
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
    """Expected mean square error of rounding (x / s)(s W), summed over outputs.

    A rounding error is uniform over a step, so its variance is step² / 12. Errors of the activation
    are multiplied by the weights, errors of the weights by the activation. GPTQ's errors are
    smaller, but less so on held-out texts: counting them in full chose better there.

    Shapes:
        weight: (inputs, outputs)
        scales: (inputs,)
    """
    scaled = weight * scales[:, np.newaxis]
    step = float(asymmetric_scale(*seen.divided(scales).range)[0])
    of_activations = step**2 * float(np.square(scaled).sum())
    of_weights = (
        np.square(column_scales(scaled, largest)).sum() * (np.diag(seen.moment) / scales**2).sum()
    )
    return (of_activations + float(of_weights)) / 12


def _value_projections(graph: ir.Graph, groups: Sequence[LinearGroup]) -> list[Linear]:
    """The value projections of these groups' attention; none unless they share one weight."""
    found = [_value_projection(graph, group.x) for group in groups]
    projections = [projection for projection in found if projection is not None]
    one = len({id(linear.matmul.inputs[1]) for linear in projections}) == 1
    return projections if len(projections) == len(groups) and one else []


def _value_projection(graph: ir.Graph, x: ir.Value) -> Linear | None:
    """The linear layer that computes V, if `x` is the output of attention and only it reads V."""
    attention = x.producer()
    if attention is None or attention.op_type != "Attention":
        return None
    value = attention.inputs[VALUE_INPUT]
    for linear in find_linears(graph):
        if linear.output is value and len(list(value.uses())) == 1:
            return linear
    return None
