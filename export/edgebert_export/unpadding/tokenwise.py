"""Which operators treat every token alone, and where its tokens lie in what they give."""

from dataclasses import dataclass
from typing import Final

import onnx_ir as ir

from edgebert_export.fusions.rule import constant

ELEMENTWISE: Final = frozenset(
    {
        "Abs",
        "Add",
        "Cast",
        "Div",
        "Elu",
        "Erf",
        "Exp",
        "Gelu",
        "Identity",
        "LeakyRelu",
        "Max",
        "Min",
        "Mul",
        "Neg",
        "Pow",
        "Relu",
        "Sigmoid",
        "Softplus",
        "Sqrt",
        "Sub",
        "Tanh",
    }
)
"""Operators that treat every number alone."""

ALONG_LAST: Final = frozenset({"LayerNormalization", "RMSNormalization", "Softmax"})
"""Operators that treat every vector along `axis` alone; that is the last if they do not say."""

ALONG_AXIS: Final = frozenset({"Concat", "Split"})


@dataclass(frozen=True)
class Packed:
    """Where the tokens of a value without padding lie: its rank, and the axis of tokens."""

    rank: int
    axis: int


def result_of(node: ir.Node, packed: Packed) -> Packed | None:
    """How a node's outputs lie if its inputs lie so; None if it does not treat tokens alone."""
    kind, attributes, rank = node.op_type, node.attributes, packed.rank
    if node.domain:
        return None
    if kind in ELEMENTWISE:
        return packed
    if kind == "MatMul":
        weights = constant(node.inputs[1])
        return packed if weights is not None and weights.ndim == 2 and packed.axis == 1 else None
    if kind in ALONG_LAST | ALONG_AXIS:
        axis = attributes["axis"].as_int() if "axis" in attributes else -1 % rank
        return packed if axis % rank > packed.axis else None
    if kind == "Transpose":
        order = list(attributes["perm"].as_ints())
        return Packed(rank, order.index(packed.axis)) if order[0] == 0 else None
    if kind == "Reshape" and packed.axis == 1:
        target = constant(node.inputs[1])
        stays = target is not None and len(target) > 2 and list(target[:2]) == [0, 0]
        return Packed(len(target), 1) if stays else None
    return None
