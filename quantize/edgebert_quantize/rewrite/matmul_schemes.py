"""Replace linear layers of a graph by rounded ones, each by its scheme."""

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
from edgebert_runtime.engine.onnxruntime import CONTRIB

COMPUTE_IN_INT8: Final = 4
"""`accuracy_level` of MatMulNBits: each block of an activation's row is rounded to int8."""


def quantize_linears(model: ir.Model, layers: Sequence[RoundedLayer | None]) -> int:
    """Replace linear layers by their rounded ones, in place; returns how many.

        x ─ MatMul(W) ─ Add(b) ─      becomes
        x ─ quantize ─ MatMulIntegerToFloat(W int8, scales, b) ─

    Layers that read the same activation, such as Q, K and V, share its quantized values.

    Args:
        model: the graph that `layers` are from.
        layers: rounded, in the order of `shared_linears`; None stays float32.
    """
    graph = model.graph
    count = 0
    for groups, layer in zip(shared_linears(graph), layers, strict=True):
        if layer is None:
            continue
        constants = _Constants(graph, layer, groups[0].linears)
        for group in groups:
            outputs = _with_outliers(graph, group, constants, MATMUL_BUILDERS[layer.scheme])
            for linear, output in zip(group.linears, outputs, strict=True):
                _replace(graph, linear, output)
            count += len(group.linears)
    if any(node.domain == CONTRIB for node in graph):
        model.opset_imports.setdefault(CONTRIB, 1)
    return count


class _Constants:
    """Constants of concatenated layers; each is added when it is first needed."""

    def __init__(self, graph: ir.Graph, layer: RoundedLayer, linears: Sequence[Linear]) -> None:
        self._graph = graph
        self.layer = layer
        widths = [linear.weight.shape[1] for linear in linears]
        self.parts = [_Part(graph, part) for part in layer.parts(widths)]

    @cached_property
    def multiplier(self) -> ir.Value:
        """Factors of smoothing for an activation, (inputs,), float32."""
        if self.layer.divisors is None:
            raise ValueError(f"{self.layer.name} is not smoothed")
        divisors = 1 / self.layer.divisors
        return initializer(self._graph, f"{self.layer.name}.smoothing", divisors)

    @cached_property
    def outliers(self) -> LastChannels | None:
        """The outlier channels of an activation; None without any."""
        count, inputs = len(self.layer.outlier_rows), len(self.layer.weight.values)
        return LastChannels(self._graph, count, inputs, self.layer.name) if count else None

    def range_at(self, group: LinearGroup) -> Range | None:
        """The static range of a group's activation; None without one."""
        return self.layer.ranges.get(str(group.x.name))


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
        """Column sums of the dequantized weights, (outputs,), float32."""
        return self._add("column_sums", self.layer.weight.dequantized.sum(axis=0))

    @cached_property
    def blocks(self) -> list[ir.Value]:
        """Packed 4-bit weights, scales and zero points, in the layout of MatMulNBits."""
        return [self._add(name, array) for name, array in pack_blocks(self.layer).items()]

    @cached_property
    def outlier_rows(self) -> ir.Value:
        """Weights of outliers, (outliers, outputs), float32."""
        return self._add("outlier_rows", self.layer.outlier_rows)

    def _add(self, name: str, array: NDArray[np.generic]) -> ir.Value:
        return initializer(self._graph, f"{self.layer.name}.{name}", array)


Product = Callable[[ir.Graph, LinearGroup, _Constants], list[ir.Value]]
"""Adds the matrix products of a group's layers before the first of them."""


def _with_outliers(
    graph: ir.Graph, group: LinearGroup, constants: _Constants, multiply: Product
) -> list[ir.Value]:
    """The product of each layer, plus the float32 product of outlier channels."""
    products = multiply(graph, group, constants)
    if constants.outliers is None:
        return products
    outliers = constants.outliers.of(group.x, group.linears[0].matmul)
    sums = []
    for add, product, part in zip(_builders(graph, group), products, constants.parts, strict=True):
        exact = add("MatMul", [outliers, part.outlier_rows], "around")
        sums.append(add("Add", [product, exact], "joined"))
    return sums


def _builders(graph: ir.Graph, group: LinearGroup) -> list[NodeBuilder]:
    """Builders that insert before the first layer of a group, one for each layer."""
    first = group.linears[0].matmul
    names = [str(linear.matmul.outputs[0].name) for linear in group.linears]
    return [NodeBuilder(graph, first, name) for name in names]


def _int8_product(
    quantize: Callable[..., QuantizedActivation],
    graph: ir.Graph,
    group: LinearGroup,
    constants: _Constants,
) -> list[ir.Value]:
    """MatMulIntegerToFloat: one operator for a product, its scales and its bias.

    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
    """
    builders = _builders(graph, group)
    smoothed = _smoothed(builders[0], group, constants)
    x = quantize(builders[0].named(str(smoothed.name)), smoothed, constants.range_at(group))
    pairs = zip(builders, constants.parts, strict=True)
    return [_integer_to_float(add, x, part) for add, part in pairs]


def _integer_to_float(add: NodeBuilder, x: QuantizedActivation, part: _Part) -> ir.Value:
    operands = [x.values, part.values, x.scale, part.scales, x.zero_point]
    if x.row_step is None or x.row_low is None:
        return add("MatMulIntegerToFloat", [*operands, None, part.bias], "product", domain=CONTRIB)
    product = add("MatMulIntegerToFloat", operands, "steps", domain=CONTRIB)
    product = add("Mul", [product, x.row_step], "scaled")
    shift = add("Mul", [x.row_low, part.column_sums], "shift")
    product = add("Add", [product, shift], "shifted")
    return add("Add", [product, part.bias], "product")


def _smoothed(add: NodeBuilder, group: LinearGroup, constants: _Constants) -> ir.Value:
    """A group's activation, smoothed if the weights are."""
    if constants.layer.divisors is None:
        return group.x
    return add("Mul", [group.x, constants.multiplier], "smoothed")


def _qdq_product(graph: ir.Graph, group: LinearGroup, constants: _Constants) -> list[ir.Value]:
    """QDQ: MatMul of two DequantizeLinear, which engines fuse to an integer product.

    https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html
    """
    builders = _builders(graph, group)
    smoothed = _smoothed(builders[0], group, constants)
    quantize = QUANTIZERS["per_tensor_static"]
    x = quantize(builders[0].named(str(smoothed.name)), smoothed, constants.range_at(group))
    activation = builders[0]("DequantizeLinear", [x.values, x.scale, x.zero_point], "activation")
    products = []
    for add, part in zip(builders, constants.parts, strict=True):
        weight = add("DequantizeLinear", [part.values, part.scales], "weight", axis=1)
        product = add("MatMul", [activation, weight], "matmul")
        products.append(add("Add", [product, part.bias], "product"))
    return products


def _blockwise_product(
    graph: ir.Graph, group: LinearGroup, constants: _Constants
) -> list[ir.Value]:
    """MatMulNBits: 4-bit weights in blocks; the kernel rounds float activations block by block.

    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
    """
    products = []
    for add, part in zip(_builders(graph, group), constants.parts, strict=True):
        inputs, outputs = part.layer.weight.values.shape
        product = add(
            "MatMulNBits",
            [group.x, *part.blocks],
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


MATMUL_BUILDERS: Final[Mapping[Scheme, Product]] = {
    "per_tensor_static": partial(_int8_product, QUANTIZERS["per_tensor_static"]),
    "per_tensor_dynamic": partial(_int8_product, QUANTIZERS["per_tensor_dynamic"]),
    "per_token_dynamic": partial(_int8_product, QUANTIZERS["per_token_dynamic"]),
    "qdq": _qdq_product,
    "blockwise": _blockwise_product,
}


def pack_blocks(layer: RoundedLayer) -> dict[str, NDArray[np.generic]]:
    """Pack 4-bit weights for MatMulNBits: two per byte, the first in the low half.

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
    """Pack neighbours on the last axis into one byte."""
    return (values[..., 0::2] | (values[..., 1::2] << 4)).astype(np.uint8)


def _replace(graph: ir.Graph, linear: Linear, output: ir.Value) -> None:
    """Replace a layer by `output`, under the same value name."""
    old = linear.output
    output.name, output.type, output.shape = old.name, old.type, old.shape
    ir.convenience.replace_all_uses_with(old, output, replace_graph_outputs=True)
    graph.remove([done for done in (linear.add, linear.matmul) if done is not None], safe=True)
