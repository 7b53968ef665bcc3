"""Decompose Gemm into the MatMul and Add that linear layers are found by."""

from typing import Any, Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_quantize.graph.node_builder import NodeBuilder, drop_unused_initializers

ATTRIBUTES: Final = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}
"""Defaults of Gemm's attributes, https://onnx.ai/onnx/operators/onnx__Gemm.html."""


def decompose_gemm(graph: ir.Graph) -> None:
    """Decompose alpha A B + beta C, with a constant float32 B and a constant C.

    The factors and the transposition of B are folded into the constants. A Gemm whose A is
    transposed, or that adds an activation, is no linear layer and stays.
    """
    for node in list(graph):
        if node.op_type == "Gemm" and not node.domain and _is_linear(node):
            _decompose(graph, node)
    drop_unused_initializers(graph)


def _is_linear(node: ir.Node) -> bool:
    weight, bias = _constant(node, 1), _constant(node, 2)
    if weight is None or weight.dtype != np.float32 or _attribute(node, "transA"):
        return False
    return bias is not None or node.inputs[2:] in ((), (None,))


def _constant(node: ir.Node, at: int) -> NDArray[Any] | None:
    value = node.inputs[at] if at < len(node.inputs) else None
    return None if value is None or value.const_value is None else value.const_value.numpy()


def _attribute(node: ir.Node, name: str) -> float:
    found = node.attributes.get(name)
    return ATTRIBUTES[name] if found is None else float(found.value)


def _decompose(graph: ir.Graph, node: ir.Node) -> None:
    output, bias = node.outputs[0], _constant(node, 2)
    add = NodeBuilder(graph, node, str(output.name))
    weight = np.asarray(_constant(node, 1)) * np.float32(_attribute(node, "alpha"))
    matrix = add.constant("weight", weight.T if _attribute(node, "transB") else weight, np.float32)
    result = add("MatMul", [node.inputs[0], matrix], "product")
    if bias is not None:
        row = add.constant("bias", bias * np.float32(_attribute(node, "beta")), np.float32)
        result = add("Add", [result, row], "biased")
    result.shape, result.type = output.shape, output.type
    name, output.name = output.name, None
    ir.convenience.replace_all_uses_with(output, result, replace_graph_outputs=True)
    result.name = name
    graph.remove(node, safe=True)
