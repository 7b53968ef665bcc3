"""Rewrite linear layers to integer products with activations scaled as the graph runs."""

import onnx_ir as ir

from edgebert_quantize.linear import Linear, find_linears, initializer
from edgebert_quantize.weights import quantize_columns

CONTRIB = "com.microsoft"


def quantize_linears(model: ir.Model) -> int:
    """Turn every linear layer into int8, in place; returns how many.

        x ─ MatMul(W) ─ Add(b) ─      becomes
        x ─ DynamicQuantizeLinear ─ MatMulIntegerToFloat(W int8, scales, b) ─

    Layers that read the same activation share its quantization, so Q, K and V cost one. The
    product with its scales and bias is one operator of ONNX Runtime
    (https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md).
    """
    quantized: dict[ir.Value, tuple[ir.Value, ir.Value, ir.Value]] = {}
    linears = list(find_linears(model.graph))
    for number, linear in enumerate(linears):
        if linear.x not in quantized:
            quantized[linear.x] = _quantize_activation(model.graph, linear)
        _replace(model.graph, linear, quantized[linear.x], f"linear_{number}")
    model.opset_imports.setdefault(CONTRIB, 1)
    _drop_unused_initializers(model.graph)
    return len(linears)


def _quantize_activation(graph: ir.Graph, linear: Linear) -> tuple[ir.Value, ir.Value, ir.Value]:
    """uint8 values, scale and zero point of a whole tensor, before the layer that needs them.

    https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html
    """
    node = ir.node("DynamicQuantizeLinear", [linear.x], num_outputs=3)
    for value, suffix in zip(node.outputs, ("quantized", "scale", "zero_point"), strict=True):
        value.name = f"{linear.x.name}_{suffix}"
    graph.insert_before(linear.matmul, node)
    values, scale, zero_point = node.outputs
    return values, scale, zero_point


def _replace(
    graph: ir.Graph, linear: Linear, activation: tuple[ir.Value, ir.Value, ir.Value], name: str
) -> None:
    weight = quantize_columns(linear.weight)
    values, scale, zero_point = activation
    node = ir.node(
        "MatMulIntegerToFloat",
        [
            values,
            initializer(graph, f"{name}.weight", weight.values),
            scale,
            initializer(graph, f"{name}.scales", weight.scales),
            zero_point,
            None,
            linear.bias,
        ],
        domain=CONTRIB,
    )
    _take_over(graph, linear, node)


def _take_over(graph: ir.Graph, linear: Linear, node: ir.Node) -> None:
    """Put `node` where the layer was, under the same value name."""
    old = linear.output
    new = node.outputs[0]
    new.name, new.type, new.shape = old.name, old.type, old.shape
    last = linear.add or linear.matmul
    graph.insert_after(last, node)
    ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
    graph.remove([done for done in (linear.add, linear.matmul) if done is not None], safe=True)


def _drop_unused_initializers(graph: ir.Graph) -> None:
    for name in [name for name, value in graph.initializers.items() if not value.uses()]:
        del graph.initializers[name]
