"""Write a graph in operators that old engines have."""

import math
from typing import Final

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass, ShapeInferencePass

from edgebert_quantize.graph.node_builder import NodeBuilder
from edgebert_runtime.engine.onnxruntime import CONTRIB
from edgebert_runtime.engine.opsets import engine_limits, oldest_engine
from edgebert_runtime.errors import ExportError

LEAST_OPSET: Final = 19
"""The oldest engine that is tried reads it; at 17, ReduceL2 takes its axes otherwise."""

LOWEST: Final = float(np.finfo(np.float32).min)
"""Score of a dropped key: exp underflows to 0, and a row of nothing else stays finite."""

FIELDS: Final = frozenset({"q_num_heads", "kv_num_heads", "scale"})
"""Attributes of an Attention that can be spread over other operators, with 0 for all others."""

SPLIT: Final = (0, 2, 1, 3)
"""(batch, sequence, heads, head) ↔ (batch, heads, sequence, head)."""


def spread_attention(model: ir.Model) -> int:
    """Replace each Attention of opset 23 by MatMul and Softmax, in place; returns how many.

    Answers are bit-equal on engines that have both. The definition of the operator (Vaswani et al.
    2017, equation 1; https://onnx.ai/onnx/operators/onnx__Attention.html) on (batch, sequence,
    hidden), or on heads that are split already. A bool mask chooses, a float one is added.

    Args:
        model: an fp32 graph whose shapes onnx can infer.

    Raises:
        ExportError: an Attention has attributes that its equivalent has not.
    """
    found = [node for node in model.graph if node.op_type == "Attention" and not node.domain]
    if not found:
        return 0
    ShapeInferencePass()(model)
    for node in found:
        _spread(model.graph, node)
    RemoveUnusedNodesPass()(model)
    _forget_shapes(model.graph)
    return len(found)


def lower_opset(model: ir.Model) -> str:
    """Give a graph the lowest opset that has its operators, in place; returns the oldest engine.

    A Gelu by erf becomes that of ONNX Runtime where the graph has other operators of ONNX
    Runtime's own: the standard one is new in opset 20.

    Returns:
        The oldest version of ONNX Runtime that reads this opset.
    """
    if any(node.domain == CONTRIB for node in model.graph):
        for node in model.graph:
            if (
                node.op_type == "Gelu"
                and node.attributes.get_string("approximate", "none") == "none"
            ):
                node.attributes.pop("approximate", None)
                node.domain = CONTRIB
    newest = model.opset_imports[""]
    opset = next(each for each in range(LEAST_OPSET, newest + 1) if _is_valid(model, each))
    engine = oldest_engine(opset)
    model.opset_imports[""] = opset
    _, model.ir_version = engine_limits(engine)
    return engine


def _spread(graph: ir.Graph, node: ir.Node) -> None:
    attributes = node.attributes
    unusual = [name for name in attributes.keys() - FIELDS if attributes[name].value]
    heads = attributes.get_int("q_num_heads", 0)
    query, key, value = node.inputs[:3]
    if unusual or len(node.inputs) > 4 or heads != attributes.get_int("kv_num_heads", 0):
        raise ExportError(
            f"Attention {node.name} has {', '.join(unusual) or 'grouped heads or a cache'}, which "
            "older engines have no operators for; export the model with plain attention"
        )
    add = NodeBuilder(graph, node, f"{node.outputs[0].name}_attention")
    scale = attributes.get_float("scale", 0.0) or 1 / math.sqrt(_head_size(query, heads))
    queries, keys, values = (
        _split(add, each, heads, suffix)
        for each, suffix in ((query, "query"), (key, "key"), (value, "value"))
    )
    turned = add("Transpose", [keys], "turned", perm=(0, 1, 3, 2))
    scores = add("MatMul", [queries, turned], "scores")
    scaled = add("Mul", [scores, add.constant("scale", scale, np.float32)], "scaled")
    masked = _masked(add, scaled, node.inputs[3] if len(node.inputs) > 3 else None)
    weights = add("Softmax", [masked], "weights", axis=-1)
    mixed = add("MatMul", [weights, values], "mixed")
    if heads:
        joined = add("Transpose", [mixed], "joined", perm=SPLIT)
        mixed = add("Reshape", [joined, add.constant("hidden", [0, 0, -1], np.int64)], "hidden_out")
    old = node.outputs[0]
    mixed.name = old.name
    ir.convenience.replace_all_uses_with(old, mixed, replace_graph_outputs=True)
    graph.remove(node, safe=True)


def _head_size(query: ir.Value | None, heads: int) -> int:
    last = query.shape[-1] if query is not None and query.shape is not None else None
    if not isinstance(last, int):
        raise ExportError("the size of an attention head cannot be inferred; export it again")
    return last // heads if heads else last


def _split(add: NodeBuilder, x: ir.Value | None, heads: int, suffix: str) -> ir.Value | None:
    """(batch, sequence, hidden) → (batch, heads, sequence, head), if that is not done already."""
    if not heads:
        return x
    shape = add.constant(f"{suffix}_heads", [0, 0, heads, -1], np.int64)
    split = add("Reshape", [x, shape], f"{suffix}_split")
    return add("Transpose", [split], f"{suffix}_turned", perm=SPLIT)


def _masked(add: NodeBuilder, scores: ir.Value, mask: ir.Value | None) -> ir.Value:
    if mask is None:
        return scores
    producer = mask.producer()
    if producer is not None and producer.op_type == "Expand":
        mask = producer.inputs[0] or mask  # it broadcasts
    if mask.dtype == ir.DataType.BOOL:
        lowest = add.constant("lowest", LOWEST, np.float32)
        return add("Where", [mask, scores, lowest], "masked")
    return add("Add", [scores, mask], "masked")


def _forget_shapes(graph: ir.Graph) -> None:
    """Drop what was inferred: ONNX Runtime fuses more where it knows shapes, and is slower."""
    outputs = set(graph.outputs)
    for node in graph:
        for value in node.outputs:
            if value not in outputs:
                value.shape, value.type = None, None


def _is_valid(model: ir.Model, opset: int) -> bool:
    """Whether every standard operator is there at an opset, with its inputs and attributes."""
    before = model.opset_imports[""], model.ir_version
    model.opset_imports[""], model.ir_version = opset, engine_limits(oldest_engine(opset))[1]
    try:
        context = onnx.checker.C.CheckerContext()
        context.ir_version, context.opset_imports = model.ir_version, dict(model.opset_imports)
        for node in model.graph:
            onnx.checker.check_node(ir.to_proto(node), context)
    except onnx.checker.ValidationError:
        return False
    finally:
        model.opset_imports[""], model.ir_version = before
    return True
