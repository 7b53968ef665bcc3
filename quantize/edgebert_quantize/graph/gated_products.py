"""Make two linear layers of one whose halves are used apart, as gated feed-forward networks do."""

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass

from edgebert_quantize.graph.linear_layers import Linear, find_linears
from edgebert_quantize.graph.node_builder import (
    NodeBuilder,
    drop_unused_initializers,
    initializer,
)

Halves = tuple[ir.Value, ir.Value]


def separate_gates(model: ir.Model) -> int:
    """Give each half of a split linear layer a product of its own, in place; returns how many.

        x ─ MatMul(W) ─ Add(b) ─ Split ─      becomes      x ─ MatMul(W₁) ─ Add(b₁) ─
                                                           x ─ MatMul(W₂) ─ Add(b₂) ─

    Every number stays as it is, and nothing is copied between the products and what reads them.
    Kernels that gate while they multiply take both weights apart.

    Args:
        model: fp32, with linear layers as `find_linears` sees them.
    """
    graph = model.graph
    found = [(linear, split) for linear in find_linears(graph) if (split := _halving(linear))]
    ranks = _ranks(model) if found else {}
    halves: dict[ir.Value, Halves] = {}
    count = 0
    for linear, split in found:
        axis, rank = split.attributes.get_int("axis", 0), ranks.get(linear.output.name)
        if axis == -1 or (rank is not None and axis == rank - 1):
            _separate(graph, linear, split, halves)
            count += 1
    drop_unused_initializers(graph)
    return count


def _halving(linear: Linear) -> ir.Node | None:
    """The node that cuts a layer in two equal parts, along whatever axis, and alone reads it."""
    uses = list(linear.output.uses())
    if len(uses) != 1 or linear.output.is_graph_output() or linear.weight.shape[1] % 2:
        return None
    node = uses[0].node
    if (node.op_type, node.domain, len(node.outputs)) != ("Split", "", 2):
        return None
    sizes = node.inputs[1] if len(node.inputs) > 1 else None
    kept = any(each.is_graph_output() for each in node.outputs)
    return None if kept or not (sizes is None or _are_equal(sizes)) else node


def _are_equal(sizes: ir.Value) -> bool:
    tensor = ir.convenience.get_const_tensor(sizes)
    return tensor is not None and len({*tensor.numpy().tolist()}) == 1


def _ranks(model: ir.Model) -> dict[str | None, int]:
    """Name of a value → how many axes it has, where that can be inferred."""
    copy = model.clone()
    ShapeInferencePass()(copy)
    values = (value for node in copy.graph for value in node.outputs)
    return {value.name: len(value.shape) for value in values if value.shape is not None}


def _separate(
    graph: ir.Graph, linear: Linear, split: ir.Node, halves: dict[ir.Value, Halves]
) -> None:
    constants = [_constant(linear.matmul)]
    if linear.add is not None:
        constants.append(_constant(linear.add))
    for value in constants:
        if value not in halves:
            halves[value] = _halves(graph, value)
    for half, old in enumerate(split.outputs):
        weight, *bias = [halves[value][half] for value in constants]
        add = NodeBuilder(graph, split, str(old.name))
        new = add("MatMul", [linear.x, weight], "matmul")
        for row in bias:
            new = add("Add", [new, row], "biased")
        ir.convenience.replace_all_uses_with(old, new)
        new.name, old.name = old.name, None
    graph.remove([each for each in (split, linear.add, linear.matmul) if each], safe=True)


def _constant(node: ir.Node) -> ir.Value:
    """The weight of a MatMul, or the bias of its Add."""
    return next(each for each in reversed(node.inputs) if each and each.const_value is not None)


def _halves(graph: ir.Graph, value: ir.Value) -> Halves:
    """Constants with the first and with the second half of the last axis."""
    if value.const_value is None:
        raise ValueError(f"{value.name} is no constant")
    first, second = np.split(value.const_value.numpy(), 2, axis=-1)
    return (
        initializer(graph, f"{value.name}_first", np.ascontiguousarray(first)),
        initializer(graph, f"{value.name}_second", np.ascontiguousarray(second)),
    )
