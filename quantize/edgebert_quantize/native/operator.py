"""Write a graph whose layers are one operator of `edgebert-native`.

The layers as they were are the body of a model-local function of the operator's name
(https://onnx.ai/onnx/repo-docs/IR.html#model-local-functions): an engine that knows the operator
runs it, every other puts the body in its place and computes what the stock graph does.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Final

import onnx_ir as ir

from edgebert_quantize.graph.node_builder import drop_unused_initializers
from edgebert_quantize.native.layers import EncoderLayers
from edgebert_quantize.native.matching import find_layers
from edgebert_quantize.native.values import MismatchError
from edgebert_runtime.bundle.weight_sharing import sharing

DOMAIN: Final = "edgebert.native"
OPERATOR: Final = "Int8Encoder"
MASK: Final = 1
"""Index of the mask among the operator's inputs."""

VERSION: Final = 1
"""Of the operator's domain."""

SCHEME: Final = "token"
"""Where the operator takes ranges of activations from, as manifests call it."""


def write_native(stock: Path, destination: Path, scheme: str = SCHEME) -> None:
    """Write an int8 graph with the native operator in the place of its layers.

    Args:
        stock: the graph for old engines, a single file.
        destination: in the same folder; large weights are byte ranges of `stock`.
        scheme: where the operator takes ranges of activations from: `token` or `static`.

    Raises:
        MismatchError: the operator cannot express a layer; nothing is written.
    """
    model = ir.load(stock)
    put_operator(model, find_layers(model.graph), scheme)
    drop_unused_initializers(model.graph)
    ir.external_data.load_to_model(model)
    destination.write_bytes(sharing(ir.to_proto(model).SerializeToString(), stock))


def put_operator(model: ir.Model, found: EncoderLayers, scheme: str) -> None:
    """Put the operator in the place of layers, in place, and the layers into a function.

    Args:
        model: with the layers.
        found: in the model's graph.
        scheme: as `write_native` takes it.

    Raises:
        MismatchError: something between the layers is used behind them.
    """
    graph = model.graph
    body = _between(graph, found)
    _require_closed(graph, body, found)
    constants = list(dict.fromkeys(each for each in found.constants if each is not None))
    for constant in constants:
        if constant.name not in graph.initializers:  # made of a table of the graph
            graph.register_initializer(constant)
    inputs = [found.first, found.mask, *constants]
    node = ir.node(OPERATOR, inputs, found.attributes(scheme), domain=DOMAIN)
    function = _function(model, node, body, found.last)
    graph.insert_before(body[-1], node)
    (output,), name = node.outputs, found.last.name
    output.shape, output.type = found.last.shape, found.last.type
    ir.convenience.replace_all_uses_with(found.last, output, replace_graph_outputs=True)
    found.last.name, output.name = None, name
    kept = set(graph.outputs)
    for each in reversed(body):
        if not any(value.uses() or value in kept for value in each.outputs):
            graph.remove(each, safe=True)
    model.functions[function.identifier()] = function
    model.opset_imports[DOMAIN] = VERSION


def _between(graph: ir.Graph, found: EncoderLayers) -> list[ir.Node]:
    """The nodes that make what the last layer gives of what the first reads, in order."""
    wanted, pending = set[ir.Node](), [found.last]
    while pending:
        value = pending.pop()
        node = value.producer()
        if value is not found.first and node is not None and node not in wanted:
            wanted.add(node)
            pending += [each for each in node.inputs if each is not None]
    return [node for node in graph if node in wanted]


def _require_closed(graph: ir.Graph, body: Collection[ir.Node], found: EncoderLayers) -> None:
    """Refuse layers of which a value is used outside, which the operator does not give."""
    inside, outputs, computed = set(body), set(graph.outputs), {found.first}
    for node in body:
        if computed.isdisjoint(node.inputs):
            continue  # of the mask, which may be read by others, too
        computed.update(node.outputs)
        for value in node.outputs:
            outside = [user for user, _ in value.uses() if user not in inside]
            if value is not found.last and (outside or value in outputs):
                raise MismatchError(f"{value.name}, between its layers, is used behind them")


def _function(
    model: ir.Model, node: ir.Node, body: Collection[ir.Node], last: ir.Value
) -> ir.Function:
    """A function that computes what a node does, of copies of other nodes.

    Args:
        model: whose opsets the function has.
        node: of the operator; its inputs are those of the function.
        body: the nodes, in order.
        last: what the function gives.
    """
    inside = {each: ir.Value(name=each.name) for each in node.inputs if each is not None}
    inputs, copies = list(inside.values()), []
    mask = node.inputs[MASK]
    for each in body:
        for value in each.inputs:
            if value and mask and each.op_type == "Shape" and _has_shape_of(value, mask):
                inside[value] = inside[mask]
            if value is not None and value not in inside:
                copies.append(_constant_node(value))
                inside[value] = copies[-1].outputs[0]
        copy = ir.node(
            each.op_type,
            [None if value is None else inside[value] for value in each.inputs],
            {name: attribute.value for name, attribute in each.attributes.items()},
            domain=each.domain,
            outputs=[ir.Value(name=value.name) for value in each.outputs],
        )
        inside |= dict(zip(each.outputs, copy.outputs, strict=True))
        copies.append(copy)
    opsets = {key: value for key, value in model.opset_imports.items() if key != DOMAIN}
    graph = ir.Graph(inputs, [inside[last]], nodes=copies, opset_imports=opsets)
    declared = [ir.Attr(name, each.type, None) for name, each in node.attributes.items()]
    return ir.Function(DOMAIN, OPERATOR, graph=graph, attributes=declared)


def _has_shape_of(value: ir.Value, mask: ir.Value) -> bool:
    """Whether a value is another input of the graph that is declared with the mask's shape."""
    return value.is_graph_input() and value.shape is not None and value.shape == mask.shape


def _constant_node(value: ir.Value) -> ir.Node:
    """A node that gives a constant which only the layers as they were need.

    Raises:
        MismatchError: it is an input of the graph.
    """
    if value.const_value is None:
        raise MismatchError(f"its layers read input {value.name}, which the operator does not")
    return ir.node(
        "Constant", [], {"value": value.const_value}, outputs=[ir.Value(name=value.name)]
    )
