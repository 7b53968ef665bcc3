"""Put rounded layers into a graph, each by its scheme."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_quantize.calibration.ranges import Range
from edgebert_quantize.graph.activation_quantizers import QUANTIZERS, QuantizedActivation
from edgebert_quantize.graph.linear_layers import Linear, LinearGroup, shared_linears
from edgebert_quantize.graph.node_builder import NodeBuilder, initializer
from edgebert_quantize.recipes import Scheme
from edgebert_quantize.weights.outlier_channels import LastChannels
from edgebert_quantize.weights.rounding import RoundedLayer

CONTRIB: Final = "com.microsoft"

COMPUTE_IN_INT8: Final = 4
"""`accuracy_level` of MatMulNBits: each block of an activation's row is rounded to int8."""


def quantize_linears(model: ir.Model, layers: Sequence[RoundedLayer | None]) -> int:
    """Replace linear layers by their rounded ones, in place; returns how many.

        x ─ MatMul(W) ─ Add(b) ─      becomes
        x ─ quantize ─ MatMulIntegerToFloat(W int8, scales, b) ─

    Layers that read the same activation, as Q, K and V do, read the same integers.

    Args:
        model: the graph that `layers` were made of.
        layers: rounded, in the order of `shared_linears`; None stays float32.
    """
    graph = model.graph
    count = 0
    for sites, layer in zip(shared_linears(graph), layers, strict=True):
        if layer is None:
            continue
        constants = _Constants(graph, layer, sites[0].linears)
        for site in sites:
            outputs = _with_outliers(graph, site, constants, PRODUCTS[layer.scheme])
            for linear, output in zip(site.linears, outputs, strict=True):
                _take_over(graph, linear, output)
            count += len(site.linears)
    if any(node.domain == CONTRIB for node in graph):
        model.opset_imports.setdefault(CONTRIB, 1)
    return count


class _Constants:
    """What is constant of layers side by side; each is made when it is first needed, and once."""

    def __init__(self, graph: ir.Graph, layer: RoundedLayer, linears: Sequence[Linear]) -> None:
        self._graph = graph
        self.layer = layer
        widths = [linear.weight.shape[1] for linear in linears]
        self.parts = [_Part(graph, part) for part in layer.parts(widths)]

    @cached_property
    def multiplier(self) -> ir.Value:
        """What smoothing multiplies an activation by, (inputs,), float32."""
        if self.layer.divisors is None:
            raise ValueError(f"{self.layer.name} is not smoothed")
        divisors = 1 / self.layer.divisors
        return initializer(self._graph, f"{self.layer.name}.smoothing", divisors)

    @cached_property
    def outliers(self) -> LastChannels | None:
        """What of an activation goes around the integers, where something does."""
        count, inputs = len(self.layer.outlier_rows), len(self.layer.weight.values)
        return LastChannels(self._graph, count, inputs, self.layer.name) if count else None

    def range_at(self, site: LinearGroup) -> Range | None:
        """What integers of the activation that a site reads span."""
        return self.layer.ranges.get(str(site.x.name))


class _Part:
    """The constants of one linear layer."""

    def __init__(self, graph: ir.Graph, layer: RoundedLayer) -> None:
        self._graph = graph
        self.layer = layer

    @cached_property
    def values(self) -> ir.Value:
        """(inputs, outputs), int8."""
        return self._add("weight", self.layer.weight.values)

    @cached_property
    def scales(self) -> ir.Value:
        """(outputs,), float32."""
        return self._add("scales", self.layer.weight.scales)

    @cached_property
    def bias(self) -> ir.Value:
        """(outputs,), float32."""
        return self._add("bias", self.layer.bias)

    @cached_property
    def column_sums(self) -> ir.Value:
        """Of the restored weights, (outputs,), float32."""
        return self._add("column_sums", self.layer.weight.restored.sum(axis=0))

    @cached_property
    def blocks(self) -> list[ir.Value]:
        """Four-bit weights, scales and zero points as MatMulNBits has them."""
        return [self._add(name, array) for name, array in pack_blocks(self.layer).items()]

    @cached_property
    def outlier_rows(self) -> ir.Value:
        """Weights of outliers, (outliers, outputs), float32."""
        return self._add("outlier_rows", self.layer.outlier_rows)

    def _add(self, name: str, array: NDArray[np.generic]) -> ir.Value:
        return initializer(self._graph, f"{self.layer.name}.{name}", array)


Product = Callable[[ir.Graph, LinearGroup, _Constants], list[ir.Value]]
"""Adds the products of a site's layers before the first of them."""


def _with_outliers(
    graph: ir.Graph, site: LinearGroup, constants: _Constants, multiply: Product
) -> list[ir.Value]:
    """The integer product of each layer, and what goes around it."""
    products = multiply(graph, site, constants)
    if constants.outliers is None:
        return products
    outliers = constants.outliers.of(site.x, site.linears[0].matmul)
    joined = []
    for add, product, part in zip(_adders(graph, site), products, constants.parts, strict=True):
        around = add("MatMul", [outliers, part.outlier_rows], "around")
        joined.append(add("Add", [product, around], "joined"))
    return joined


def _adders(graph: ir.Graph, site: LinearGroup) -> list[NodeBuilder]:
    """Add before the first layer of a site, each named after a layer's product."""
    first = site.linears[0].matmul
    names = [str(linear.matmul.outputs[0].name) for linear in site.linears]
    return [NodeBuilder(graph, first, name) for name in names]


def _integer_product(
    quantize: Callable[..., QuantizedActivation],
    graph: ir.Graph,
    site: LinearGroup,
    constants: _Constants,
) -> list[ir.Value]:
    """One operator for a product, its scales and its bias.

    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
    """
    adders = _adders(graph, site)
    smoothed = _smoothed(adders[0], site, constants)
    x = quantize(adders[0].named(str(smoothed.name)), smoothed, constants.range_at(site))
    pairs = zip(adders, constants.parts, strict=True)
    return [_one_integer_product(add, x, part) for add, part in pairs]


def _one_integer_product(add: NodeBuilder, x: QuantizedActivation, part: _Part) -> ir.Value:
    operands = [x.values, part.values, x.scale, part.scales, x.zero_point]
    if x.row_step is None or x.row_low is None:
        return add("MatMulIntegerToFloat", [*operands, None, part.bias], "product", domain=CONTRIB)
    product = add("MatMulIntegerToFloat", operands, "steps", domain=CONTRIB)
    product = add("Mul", [product, x.row_step], "scaled")
    shift = add("Mul", [x.row_low, part.column_sums], "shift")
    product = add("Add", [product, shift], "shifted")
    return add("Add", [product, part.bias], "product")


def _smoothed(add: NodeBuilder, site: LinearGroup, constants: _Constants) -> ir.Value:
    """What a site reads, its outliers moved into the weights."""
    if constants.layer.divisors is None:
        return site.x
    return add("Mul", [site.x, constants.multiplier], "smoothed")


def _standard_product(graph: ir.Graph, site: LinearGroup, constants: _Constants) -> list[ir.Value]:
    """In standard operators: engines make MatMul of DequantizeLinear of both integer themselves.

    https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html
    """
    adders = _adders(graph, site)
    smoothed = _smoothed(adders[0], site, constants)
    quantize = QUANTIZERS["static"]
    x = quantize(adders[0].named(str(smoothed.name)), smoothed, constants.range_at(site))
    activation = adders[0]("DequantizeLinear", [x.values, x.scale, x.zero_point], "activation")
    products = []
    for add, part in zip(adders, constants.parts, strict=True):
        weight = add("DequantizeLinear", [part.values, part.scales], "weight", axis=1)
        product = add("MatMul", [activation, weight], "matmul")
        products.append(add("Add", [product, part.bias], "product"))
    return products


def _block_product(graph: ir.Graph, site: LinearGroup, constants: _Constants) -> list[ir.Value]:
    """Weights in blocks of four bits; activations come as float and are rounded block by block.

    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
    """
    products = []
    for add, part in zip(_adders(graph, site), constants.parts, strict=True):
        inputs, outputs = part.layer.weight.values.shape
        product = add(
            "MatMulNBits",
            [site.x, *part.blocks],
            "blocks",
            domain=CONTRIB,
            K=inputs,
            N=outputs,
            bits=4,
            block_size=part.layer.weight.grid.block,
            accuracy_level=COMPUTE_IN_INT8,
        )
        products.append(add("Add", [product, part.bias], "product"))
    return products


PRODUCTS: Final[Mapping[Scheme, Product]] = {
    "static": partial(_integer_product, QUANTIZERS["static"]),
    "dynamic": partial(_integer_product, QUANTIZERS["dynamic"]),
    "token": partial(_integer_product, QUANTIZERS["token"]),
    "standard": _standard_product,
    "blocks": _block_product,
}


def pack_blocks(layer: RoundedLayer) -> dict[str, NDArray[np.generic]]:
    """Four-bit weights as MatMulNBits has them: two a byte, the earlier in the low half.

    Returns:
        weight, (outputs, blocks, block / 2), uint8; scales, (outputs, blocks), float32; and
        zero points, (outputs, bytes for blocks), uint8
    """
    grid, values = layer.weight.grid, layer.weight.values.T.astype(np.uint8)
    outputs, inputs = values.shape
    blocks = len(grid.scales)
    rows = np.pad(values, ((0, 0), (0, blocks * grid.block - inputs)))
    zero_points = np.pad(grid.zero_points.T.astype(np.uint8), ((0, 0), (0, blocks % 2)))
    return {
        "blocks": _pairs(rows).reshape(outputs, blocks, grid.block // 2),
        "block_scales": np.ascontiguousarray(grid.scales.T),
        "block_zero_points": _pairs(zero_points),
    }


def _pairs(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Two of the last axis in one byte."""
    return (values[..., 0::2] | (values[..., 1::2] << 4)).astype(np.uint8)


def _take_over(graph: ir.Graph, linear: Linear, output: ir.Value) -> None:
    """Let `output` stand for the layer, under the same value name."""
    old = linear.output
    output.name, output.type, output.shape = old.name, old.type, old.shape
    ir.convenience.replace_all_uses_with(old, output, replace_graph_outputs=True)
    graph.remove([done for done in (linear.add, linear.matmul) if done is not None], safe=True)
