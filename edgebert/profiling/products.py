"""The matrix products of operators: shapes and types."""

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Final, NamedTuple

from edgebert.profiling.events import NodeTime

if TYPE_CHECKING:
    import onnx_ir as ir

KINDS: Final = {"float": "float32", "uint8": "int8", "int8": "int8"}
"""ONNX Runtime's name of the left-hand type → kind of product; other types are their own kind."""

RECIPES_BLOCKS: Final = (4, 32)
"""Bits of a weight, and inputs that share a scale, in recipe int4."""

MATRIX: Final = 2
"""Axes of a single matrix."""

JOINED: Final = 3
"""Queries, keys and values; also the axes of one of them, its heads together."""

SPLIT: Final = (JOINED, 4)

Shape = tuple[int, int, int, int]


class Product(NamedTuple):
    """(batch, m, k) times (batch, k, n), or of one matrix (m, k) times constant weights (k, n).

    Attributes:
        kind: `float32`; `int8` for uint8 times int8 with float32 results; `int4` for float32 times
            weights in blocks of four bits.
        m, k, n: rows, inputs and outputs.
        batch: how many of them.
    """

    kind: str
    m: int
    k: int
    n: int
    batch: int = 1

    @property
    def operations(self) -> int:
        """Multiplications and additions."""
        return 2 * self.m * self.k * self.n * self.batch

    def __str__(self) -> str:
        many = f"{self.batch} × " if self.batch > 1 else ""
        return f"{self.kind} {many}{self.m}×{self.k}×{self.n}"


def products_of(node: NodeTime, found: "ir.Node | None") -> tuple[Product, ...]:
    """The matrix products of an operator; empty for other operators.

    https://onnx.ai/onnx/operators/ and
    https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md

    Args:
        node: as it ran.
        found: the node in the graph that ONNX Runtime runs; None if it was not found.
    """
    read = READERS.get(node.operator)
    return () if read is None or found is None else read(node, found)


def _matrices(
    node: NodeTime, found: "ir.Node", right: int = 1, kind: str | None = None
) -> tuple[Product, ...]:
    """One matrix on the right, or equally many on both sides.

    Args:
        node: as it ran.
        found: the node in the graph.
        right: index of the right-hand side among the inputs.
        kind: None takes it from the left-hand type.
    """
    left, out = node.inputs[0], node.outputs[0].shape
    if min(len(left.shape), len(out)) < MATRIX:
        return ()
    kind = kind or KINDS.get(left.dtype, left.dtype)
    k = left.shape[_inner_axis(found)]
    *stack, m, n = out
    if _rank(node, found, right) == MATRIX:
        return (Product(kind, prod(stack) * m, k, n),)
    return (Product(kind, m, k, n, prod(stack)),)


def _inner_axis(found: "ir.Node") -> int:
    """The axis of the left-hand side that is summed over."""
    if not found.attributes.get_int("transA", 0):
        return -1
    return 0 if found.attributes.get_int("transBatchA", 0) else -2


def _rank(node: NodeTime, found: "ir.Node", place: int) -> int:
    """Rank of an input, first from the graph: packed constants are missing in the profile."""
    value = found.inputs[place]
    if value is not None and value.is_initializer() and value.shape is not None:
        return len(value.shape)
    return len(node.inputs[place].shape) if place < len(node.inputs) else MATRIX


def _blocks(node: NodeTime, found: "ir.Node") -> tuple[Product, ...]:
    attributes = found.attributes
    stored = attributes.get_int("bits", 4), attributes.get_int("block_size", 0)
    kind = "int4" if stored == RECIPES_BLOCKS else "{} bits in blocks of {}".format(*stored)
    *stack, n = node.outputs[0].shape
    return (Product(kind, prod(stack), node.inputs[0].shape[-1], n),)


def _attention(node: NodeTime, found: "ir.Node") -> tuple[Product, ...]:
    """Queries times keys and weights times values, of queries, keys and values.

    Shapes:
        each: (batch, seq, hidden), with an attribute for the heads, or (batch, heads, seq, width)
    """
    shapes = [tensor.shape for tensor in node.inputs[:JOINED]]
    if len(shapes) < JOINED or not all(len(shape) in SPLIT for shape in shapes):
        return ()
    attributes = found.attributes
    heads = attributes.get_int("q_num_heads", attributes.get_int("num_heads", 0))
    groups = attributes.get_int("kv_num_heads", heads)
    queries, keys, values = (
        _split(shape, count) for shape, count in zip(shapes, (heads, groups, groups), strict=True)
    )
    return _two_products(queries, keys[2], values[3])


def _whole_attention(node: NodeTime, found: "ir.Node") -> tuple[Product, ...]:
    """As `_attention`, with the products that compute queries, keys and values."""
    states, out = node.inputs[0], node.outputs[0].shape
    batch, length, hidden = states.shape
    kind = KINDS.get(states.dtype, states.dtype)
    queries = _split(out, found.attributes.get_int("num_heads"))
    projection = Product(kind, batch * length, hidden, JOINED * out[-1])
    return (projection, *_two_products(queries, length, queries[3]))


def _two_products(queries: Shape, length: int, width: int) -> tuple[Product, ...]:
    batch, heads, rows, inner = queries
    return (
        Product("float32", rows, inner, length, batch * heads),
        Product("float32", rows, length, width, batch * heads),
    )


def _split(shape: tuple[int, ...], heads: int) -> Shape:
    """(batch, heads, seq, width) of an array whose heads may be together."""
    if len(shape) == JOINED:
        batch, length, hidden = shape
        return batch, heads, length, hidden // max(heads, 1)
    batch, heads, length, width = shape
    return batch, heads, length, width


def _any_attention(node: NodeTime, found: "ir.Node") -> tuple[Product, ...]:
    """Attention of ONNX, or ONNX Runtime's, which includes the projections of Q, K and V."""
    return _whole_attention(node, found) if found.domain else _attention(node, found)


READERS: Final[Mapping[str, Callable[[NodeTime, "ir.Node"], tuple[Product, ...]]]] = {
    "MatMul": _matrices,
    "FusedMatMul": _matrices,
    "Gemm": _matrices,
    "MatMulInteger": _matrices,
    "MatMulIntegerToFloat": _matrices,
    "DynamicQuantizeMatMul": partial(_matrices, kind="int8"),
    "QLinearMatMul": partial(_matrices, right=3),
    "MatMulNBits": _blocks,
    "Attention": _any_attention,
    "MultiHeadAttention": _attention,
    "QAttention": _whole_attention,
}
"""Type of operator → function that reads its products."""
