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
"""Floor of both maxima, so that a channel that is always zero divides nothing by zero."""

VALUE_INPUT: Final = 2
"""Index of V among an Attention node's inputs."""


def smooth_contexts(
    graph: ir.Graph,
    statistics: Mapping[str, ActivationStatistics],
    strengths: Sequence[float],
    largest: int = LARGEST,
) -> dict[str, ActivationStatistics]:
    """Smooth what attention gives, in place and for free, whatever becomes of its layer.

    s goes into the value projection: attention mixes rows of V and leaves its channels apart. A
    layer that is used again has one s for all its uses.

    Args:
        graph: fp32, with linear layers as `find_linears` sees them.
        statistics: activation name → what calibration saw.
        strengths: values of α to choose from, as in `best_scales`.
        largest: integer that weights are going to be rounded to.

    Returns:
        name of each activation that was smoothed → its statistics after that
    """
    smoothed: dict[str, ActivationStatistics] = {}
    for sites in shared_linears(graph):
        projections = _value_projections(graph, sites)
        if not projections:
            continue
        seen = {str(site.x.name): statistics[str(site.x.name)] for site in sites}
        together = ActivationStatistics.together(list(seen.values()))
        scales = best_scales(together, side_by_side(sites[0].linears), strengths, largest)
        for linear in sites[0].linears:
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
        largest: integer that weights are going to be rounded to.

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
    """Mean square error that rounding (x / s)(s W) is expected to give, summed over outputs.

    A rounding error is uniform over a step, so its variance is step² / 12. Those of the activation
    pass through the weights, those of the weights meet the activation. GPTQ's are smaller, but
    less so on texts it was not calibrated on: counting them in full chose better there.

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


def _value_projections(graph: ir.Graph, sites: Sequence[LinearGroup]) -> list[Linear]:
    """The layers that make V for the contexts these sites read; none unless of one weight."""
    found = [_value_projection(graph, site.x) for site in sites]
    made = [projection for projection in found if projection is not None]
    one = len({id(linear.matmul.inputs[1]) for linear in made}) == 1
    return made if len(made) == len(sites) and one else []


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
