"""Put rounded layers into a graph, each by its scheme."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_quantize.activations import QUANTIZERS, QuantizedActivation
from edgebert_quantize.building import Adder, initializer
from edgebert_quantize.linear import Linear, Site, shared_linears
from edgebert_quantize.outliers import ExcessProduct
from edgebert_quantize.ranges import Range
from edgebert_quantize.recipes import Scheme
from edgebert_quantize.rounding import RoundedLayer

CONTRIB: Final = "com.microsoft"

COMPUTE_IN_INT8: Final = 4
"""`accuracy_level` of MatMulNBits: each block of an activation's row is rounded to int8."""


def quantize_linears(model: ir.Model, layers: Sequence[RoundedLayer | None]) -> int:
    """Replace linear layers by their rounded ones, in place; returns how many.

        x ─ MatMul(W) ─ Add(b) ─      becomes
        x ─ quantize ─ MatMulIntegerToFloat(W int8, scales, b) ─

    Layers that read the same activation are one product, split after it, so Q, K and V cost one.

    Args:
        model: the graph that `layers` were made of.
        layers: rounded, in the order of `shared_linears`; None stays float32.
    """
    graph = model.graph
    count = 0
    for sites, layer in zip(shared_linears(graph), layers, strict=True):
        if layer is None:
            continue
        constants = _Constants(graph, layer)
        for site in sites:
            product = PRODUCTS[layer.scheme](graph, site, constants)
            if layer.outliers is not None:
                product = constants.excess.add_to(product, site.x, site.linears[0].matmul)
            outputs = _split(graph, site.linears, product)
            for linear, output in zip(site.linears, outputs, strict=True):
                _take_over(graph, linear, output)
            count += len(site.linears)
    if any(node.domain == CONTRIB for node in graph):
        model.opset_imports.setdefault(CONTRIB, 1)
    return count


class _Constants:
    """A layer's constants in a graph; each is made when it is first needed, and once."""

    def __init__(self, graph: ir.Graph, layer: RoundedLayer) -> None:
        self._graph = graph
        self.layer = layer

    @cached_property
    def values(self) -> ir.Value:
        """(inputs, outputs), int8."""
        return self.add("weight", self.layer.weight.values)

    @cached_property
    def scales(self) -> ir.Value:
        """(outputs,), float32."""
        return self.add("scales", self.layer.weight.scales)

    @cached_property
    def bias(self) -> ir.Value:
        """(outputs,), float32; what the excess of outliers counts from is in it."""
        shift = 0 if self.layer.outliers is None else self.excess.bias
        return self.add("bias", self.layer.bias + shift)

    @cached_property
    def multiplier(self) -> ir.Value:
        """What smoothing multiplies an activation by, (inputs,), float32."""
        if self.layer.divisors is None:
            raise ValueError(f"{self.layer.name} is not smoothed")
        return self.add("smoothing", 1 / self.layer.divisors)

    @cached_property
    def column_sums(self) -> ir.Value:
        """Of the restored weights, (outputs,), float32."""
        return self.add("column_sums", self.layer.weight.restored.sum(axis=0))

    @cached_property
    def blocks(self) -> list[ir.Value]:
        """Four-bit weights, scales and zero points as MatMulNBits has them."""
        packed = pack_blocks(self.layer)
        return [self.add(name, array) for name, array in packed.items()]

    @cached_property
    def excess(self) -> ExcessProduct:
        """What of outliers exceeds their limit."""
        if self.layer.outliers is None:
            raise ValueError(f"{self.layer.name} has no outliers")
        inputs = len(self.layer.weight.values)
        return ExcessProduct(
            self._graph, self.layer.outlier_rows, self.layer.outliers, inputs, self.layer.name
        )

    def range_at(self, site: Site) -> Range | None:
        """What integers of the activation that a site reads span."""
        return self.layer.ranges.get(str(site.x.name))

    def add(self, name: str, array: NDArray[np.generic]) -> ir.Value:
        return initializer(self._graph, f"{self.layer.name}.{name}", array)


def _integer_product(
    quantize: Callable[..., QuantizedActivation],
    graph: ir.Graph,
    site: Site,
    constants: _Constants,
) -> ir.Value:
    """One operator for the product, its scales and its bias, before the first layer of a site.

    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
    """
    add = _before(graph, site)
    smoothed = _smoothed(add, site, constants)
    x = quantize(add.named(str(smoothed.name)), smoothed, constants.range_at(site))
    operands = [x.values, constants.values, x.scale, constants.scales, x.zero_point]
    if x.row_step is None or x.row_low is None:
        return add(
            "MatMulIntegerToFloat", [*operands, None, constants.bias], "product", domain=CONTRIB
        )
    product = add("MatMulIntegerToFloat", operands, "steps", domain=CONTRIB)
    product = add("Mul", [product, x.row_step], "scaled")
    shift = add("Mul", [x.row_low, constants.column_sums], "shift")
    product = add("Add", [product, shift], "shifted")
    return add("Add", [product, constants.bias], "product")


def _before(graph: ir.Graph, site: Site) -> Adder:
    """Adds before the first layer of a site, named after its product."""
    matmul = site.linears[0].matmul
    return Adder(graph, matmul, str(matmul.outputs[0].name))


def _smoothed(add: Adder, site: Site, constants: _Constants) -> ir.Value:
    """What a site reads, its outliers moved into the weights."""
    if constants.layer.divisors is None:
        return site.x
    return add("Mul", [site.x, constants.multiplier], "smoothed")


def _standard_product(graph: ir.Graph, site: Site, constants: _Constants) -> ir.Value:
    """In standard operators: engines make MatMul of DequantizeLinear of both integer themselves.

    https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html
    """
    add = _before(graph, site)
    smoothed = _smoothed(add, site, constants)
    x = QUANTIZERS["static"](add.named(str(smoothed.name)), smoothed, constants.range_at(site))
    activation = add("DequantizeLinear", [x.values, x.scale, x.zero_point], "activation")
    weight = add("DequantizeLinear", [constants.values, constants.scales], "weight", axis=1)
    product = add("MatMul", [activation, weight], "matmul")
    return add("Add", [product, constants.bias], "product")


def _block_product(graph: ir.Graph, site: Site, constants: _Constants) -> ir.Value:
    """Weights in blocks of four bits; activations come as float and are rounded block by block.

    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
    """
    grid = constants.layer.weight.grid
    inputs, outputs = constants.layer.weight.values.shape
    add = _before(graph, site)
    product = add(
        "MatMulNBits",
        [site.x, *constants.blocks],
        "blocks",
        domain=CONTRIB,
        K=inputs,
        N=outputs,
        bits=4,
        block_size=grid.block,
        accuracy_level=COMPUTE_IN_INT8,
    )
    return add("Add", [product, constants.bias], "product")


PRODUCTS: Final[Mapping[Scheme, Callable[[ir.Graph, Site, _Constants], ir.Value]]] = {
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
