"""Whether runs of a graph can be captured by a GPU and replayed."""

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
from onnx_ir.passes import common


def is_capturable(model: ir.Model) -> bool:
    """Whether a run is the same launches on the same addresses, whatever the texts.

    Two things are not: sizes that depend on values (NonZero), for which the host waits, and
    products of stacks of matrices of which one stands for several, which ONNX Runtime's CUDA
    provider launches with a list of addresses that it copies from the host each time.

    Args:
        model: a finished graph, shapes of traced activations known.
    """
    model = model.clone()
    common.ShapeInferencePass()(model)  # of what rules have put in
    nodes = list(ir.traversal.RecursiveGraphIterator(model.graph))
    if any(node.op_type == "NonZero" for node in nodes):
        return False
    return not any(node.op_type == "MatMul" and _repeats(*node.inputs) for node in nodes)


def _repeats(first: ir.Value | None, second: ir.Value | None) -> bool:
    stacks = [_stack(value) for value in (first, second)]
    if any(stack is not None and all(size == 1 for size in stack) for stack in stacks):
        return False
    return stacks[0] != stacks[1]


def _stack(value: ir.Value | None) -> Sequence[Any] | None:
    """How many matrices there are along each axis; None where the shape is not known."""
    shape = None if value is None else value.shape
    return None if shape is None else list(shape)[:-2]
