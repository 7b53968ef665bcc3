"""Rewrite linear layers to integer products."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_quantize.activations import QUANTIZERS, Activations, QuantizedActivation
from edgebert_quantize.calibration import ActivationStatistics
from edgebert_quantize.gptq import quantize_columns_compensated
from edgebert_quantize.linear import Linear, initializer, linears_by_input
from edgebert_quantize.weights import quantize_columns

CONTRIB = "com.microsoft"


def quantize_linears(
    model: ir.Model,
    statistics: Mapping[str, ActivationStatistics],
    *,
    activations: Activations,
    compensate: bool,
) -> int:
    """Turn every linear layer into int8, in place; returns how many.

        x ─ MatMul(W) ─ Add(b) ─      becomes
        x ─ quantize ─ MatMulIntegerToFloat(W int8, scales, b) ─

    Layers that read the same activation are one product, split after it, so Q, K and V cost one.
    The product with its scales and bias is one operator of ONNX Runtime
    (https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md).

    Args:
        model: fp32, with linear layers as `find_linears` sees them.
        statistics: activation name → what calibration saw.
        activations: how the graph makes integers of activations.
        compensate: round weights by GPTQ, else each to its nearest.
    """
    graph = model.graph
    count = 0
    for number, (x, linears) in enumerate(linears_by_input(graph).items()):
        seen = statistics[str(x.name)]
        quantized = QUANTIZERS[activations](graph, linears[0], seen)
        moment = seen.moment if compensate else None
        product = _product(graph, linears, quantized, moment, f"linear_{number}")
        for linear, output in zip(linears, _split(graph, linears, product), strict=True):
            _take_over(graph, linear, output)
        count += len(linears)
    model.opset_imports.setdefault(CONTRIB, 1)
    return count


def _product(
    graph: ir.Graph,
    linears: Sequence[Linear],
    activation: QuantizedActivation,
    moment: NDArray[np.float32] | None,
    name: str,
) -> ir.Value:
    """All layers' columns side by side in one integer product, before the first of them."""
    columns = np.concatenate([linear.weight for linear in linears], axis=1)
    if moment is None:
        weight = quantize_columns(columns)
    else:
        weight = quantize_columns_compensated(columns, moment)
    values, scale, zero_point = activation
    node = ir.node(
        "MatMulIntegerToFloat",
        [
            values,
            initializer(graph, f"{name}.weight", weight.values),
            scale,
            initializer(graph, f"{name}.scales", weight.scales),
            zero_point,
            None,
            initializer(graph, f"{name}.bias", np.concatenate([_bias(each) for each in linears])),
        ],
        domain=CONTRIB,
    )
    node.outputs[0].name = f"{name}_product"
    graph.insert_before(linears[0].matmul, node)
    return node.outputs[0]


def _bias(linear: Linear) -> NDArray[np.float32]:
    if linear.bias is None or linear.bias.const_value is None:
        return np.zeros(linear.weight.shape[1], np.float32)
    return linear.bias.const_value.numpy()


def _split(graph: ir.Graph, linears: Sequence[Linear], product: ir.Value) -> Sequence[ir.Value]:
    """Each layer's own columns of the product."""
    if len(linears) == 1:
        return [product]
    widths = np.array([linear.weight.shape[1] for linear in linears], np.int64)
    sizes = initializer(graph, f"{product.name}_widths", widths)
    node = ir.node("Split", [product, sizes], {"axis": -1}, num_outputs=len(linears))
    graph.insert_before(linears[0].matmul, node)
    return node.outputs


def _take_over(graph: ir.Graph, linear: Linear, output: ir.Value) -> None:
    """Let `output` stand for the layer, under the same value name."""
    old = linear.output
    output.name, output.type, output.shape = old.name, old.type, old.shape
    ir.convenience.replace_all_uses_with(old, output, replace_graph_outputs=True)
    graph.remove([done for done in (linear.add, linear.matmul) if done is not None], safe=True)
