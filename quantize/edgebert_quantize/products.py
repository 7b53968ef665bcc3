"""Rewrite linear layers to integer products."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_quantize.activations import QUANTIZERS, Activations, QuantizedActivation
from edgebert_quantize.calibration import ActivationStatistics
from edgebert_quantize.gptq import quantize_columns_compensated
from edgebert_quantize.linear import Linear, Site, initializer, shared_linears, side_by_side
from edgebert_quantize.outliers import ExcessProduct, Outliers
from edgebert_quantize.weights import LARGEST, quantize_columns

CONTRIB = "com.microsoft"


def quantize_linears(
    model: ir.Model,
    statistics: Mapping[str, ActivationStatistics],
    *,
    activations: Activations,
    compensate: bool,
    outliers: Mapping[str, Outliers] = MappingProxyType({}),
    largest: int = LARGEST,
    standard: bool = False,
) -> int:
    """Turn every linear layer into int8, in place; returns how many.

        x ─ MatMul(W) ─ Add(b) ─      becomes
        x ─ quantize ─ MatMulIntegerToFloat(W int8, scales, b) ─

    Layers that read the same activation are one product, split after it, so Q, K and V cost one.
    The product with its scales and bias is one operator of ONNX Runtime
    (https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md). In standard
    operators it is MatMul of DequantizeLinear of both and Add, which engines make integer
    themselves (https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html).

    Args:
        model: fp32, with linear layers as `find_linears` sees them.
        statistics: activation name → what calibration saw.
        activations: how the graph makes integers of activations.
        compensate: round weights by GPTQ, else each to its nearest.
        outliers: activation name → what of it goes around the integers.
        largest: integer among the weights.
        standard: use standard operators only.
    """
    graph = model.graph
    product_of = _standard_product if standard else _fused_product
    count = 0
    for number, sites in enumerate(shared_linears(graph)):
        seen = [statistics[str(site.x.name)] for site in sites]
        moment = ActivationStatistics.together(seen).moment if compensate else None
        name = f"linear_{number}"
        excess = _excess(graph, sites[0], outliers, name)
        weight = _weight(graph, sites[0].linears, moment, excess, name, largest)
        for site, statistic in zip(sites, seen, strict=True):
            known = outliers.get(str(site.x.name))
            spanned = statistic if known is None else statistic.up_to(known.limit)
            quantized = QUANTIZERS[activations](graph, site.linears[0], spanned)
            product = product_of(graph, site, quantized, weight)
            if excess is not None:
                product = excess.add_to(product, site.x, site.linears[0].matmul)
            outputs = _split(graph, site.linears, product)
            for linear, output in zip(site.linears, outputs, strict=True):
                _take_over(graph, linear, output)
            count += len(site.linears)
    if not standard:
        model.opset_imports.setdefault(CONTRIB, 1)
    return count


@dataclass(frozen=True, kw_only=True)
class _Weight:
    """The integers of layers side by side, their scales and their biases."""

    values: ir.Value
    scales: ir.Value
    bias: ir.Value


def _weight(
    graph: ir.Graph,
    linears: Sequence[Linear],
    moment: NDArray[np.float32] | None,
    excess: ExcessProduct | None,
    name: str,
    largest: int,
) -> _Weight:
    """All layers' columns side by side, rounded once for however many uses."""
    columns = side_by_side(linears)
    if moment is None:
        rounded = quantize_columns(columns, largest)
    else:
        rounded = quantize_columns_compensated(columns, moment, largest)
    bias = np.concatenate([_bias(linear) for linear in linears])
    if excess is not None:
        bias = bias + excess.bias
    return _Weight(
        values=initializer(graph, f"{name}.weight", rounded.values),
        scales=initializer(graph, f"{name}.scales", rounded.scales),
        bias=initializer(graph, f"{name}.bias", bias),
    )


def _excess(
    graph: ir.Graph, site: Site, outliers: Mapping[str, Outliers], name: str
) -> ExcessProduct | None:
    known = outliers.get(str(site.x.name))
    return None if known is None else ExcessProduct(graph, side_by_side(site.linears), known, name)


def _standard_product(
    graph: ir.Graph, site: Site, activation: QuantizedActivation, weight: _Weight
) -> ir.Value:
    """As `_fused_product`, of integers that are made float again in front of it."""
    values, scale, zero_point = activation
    x = ir.node("DequantizeLinear", [values, scale, zero_point])
    columns = ir.node("DequantizeLinear", [weight.values, weight.scales], {"axis": 1})
    matmul = ir.node("MatMul", [x.outputs[0], columns.outputs[0]])
    added = ir.node("Add", [matmul.outputs[0], weight.bias])
    first = site.linears[0].matmul
    base = first.outputs[0].name
    nodes = {"activation": x, "weight": columns, "matmul": matmul, "product": added}
    for name, node in nodes.items():
        node.outputs[0].name = f"{base}_{name}"
    graph.insert_before(first, list(nodes.values()))
    return added.outputs[0]


def _fused_product(
    graph: ir.Graph, site: Site, activation: QuantizedActivation, weight: _Weight
) -> ir.Value:
    """One integer product for all layers of a site, before the first of them."""
    values, scale, zero_point = activation
    node = ir.node(
        "MatMulIntegerToFloat",
        [values, weight.values, scale, weight.scales, zero_point, None, weight.bias],
        domain=CONTRIB,
    )
    first = site.linears[0].matmul
    node.outputs[0].name = f"{first.outputs[0].name}_product"
    graph.insert_before(first, node)
    return node.outputs[0]


def _bias(linear: Linear) -> NDArray[np.float32]:
    return np.zeros(linear.weight.shape[1], np.float32) if linear.bias is None else linear.bias


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
