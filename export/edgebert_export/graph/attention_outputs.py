"""Attention maps as further outputs of a finished graph."""

from collections.abc import Iterator
from typing import Final

import onnx_ir as ir

from edgebert_runtime.errors import ExportError
from edgebert_runtime.inference.attention_maps import OUTPUT

LAST: Final = (-1, 3)
"""The axis of the keys, of four."""


def add_attention_outputs(model: ir.Model, layers: int | None, heads: int | None) -> None:
    """Give a graph one output more for each layer: what its softmax over keys gives.

    Nothing that the graph computes changes.

    Args:
        model: a graph in standard operators, in which attention is MatMul, Softmax, MatMul; in
            place.
        layers: how many attention layers it has; None where that is not known.
        heads: of each layer; None where that is not known.

    Raises:
        ExportError: the graph has another number of such softmaxes.
    """
    found = list(_weights(model.graph))
    if len(found) != (layers or max(1, len(found))):
        raise ExportError(
            f"the graph has {len(found)} softmaxes over keys, expected {layers or 'one'} for the "
            "attention layers of the model; maps are of attention by torch's "
            "scaled_dot_product_attention, or by softmax and a product"
        )
    for number, value in enumerate(found):
        value.name = OUTPUT.format(number)
        value.type = ir.TensorType(ir.DataType.FLOAT)
        value.shape = ir.Shape(["batch", heads or "heads", "sequence", "sequence"])
        model.graph.outputs.append(value)


def _weights(graph: ir.Graph) -> Iterator[ir.Value]:
    """What each softmax over keys gives that values are mixed by, in the order of the graph."""
    for node in graph:
        if node.op_type != "Softmax" or node.domain or _axis(node) not in LAST:
            continue
        (weights,) = node.outputs
        if _mixes(weights):
            yield weights


def _mixes(weights: ir.Value) -> bool:
    """Whether a product has them in front of values; an Identity may stand between."""
    return any(
        _mixes(user.outputs[0])
        if user.op_type == "Identity"
        else user.op_type == "MatMul" and not at
        for user, at in weights.uses()
    )


def _axis(node: ir.Node) -> int:
    given = node.attributes.get("axis")
    return -1 if given is None else given.as_int()
