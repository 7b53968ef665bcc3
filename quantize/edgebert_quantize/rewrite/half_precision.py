"""Run a graph in half precision, but for the operators that lose too much by it."""

from collections.abc import Collection
from typing import Final

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass

from edgebert_quantize.graph.node_builder import drop_unused_initializers, initializer
from edgebert_quantize.recipes import HalfRecipe, Precision
from edgebert_runtime.errors import ExportError

TYPES: Final = {"fp16": ir.DataType.FLOAT16, "bf16": ir.DataType.BFLOAT16}

LARGEST: Final = {"fp16": 65504.0, "bf16": 3.3895314e38}
"""Constants beyond it, which stand for minus infinity in a mask, become half of it: far enough for
any score, and added to one still finite."""


def to_half(model: ir.Model, recipe: HalfRecipe, *, emulated: bool = False) -> int:
    """Make operators work in half precision, in place; returns how many.

    Inputs and outputs keep their types. Between an operator in half precision and one in float32
    stands a Cast (https://onnx.ai/onnx/operators/onnx__Cast.html).

    Args:
        model: fp32, standard operators.
        recipe: which precision, and which operators not.
        emulated: compute in float32 and round to half what would be half, by a Cast there and back;
            so an engine without kernels for half precision gives nearly the same answers.

    Raises:
        ExportError: the type of a value cannot be inferred.
    """
    infer_types(model)  # and shapes, which are forgotten again below
    graph = model.graph
    _require_types(graph)
    converter = _Converter(graph, recipe.precision, emulated=emulated)
    floats = {value for node in graph for value in node.outputs if value.dtype == ir.DataType.FLOAT}
    halves = {node for node in graph if _can_be_half(node, recipe.float_operators)}
    for node in list(graph):
        if node in halves:
            converter.read_halves(node)
        elif floats.intersection(node.outputs):
            converter.read_floats(node)
    converter.restore_outputs()
    drop_unused_initializers(graph)
    for value in floats.difference(graph.outputs):
        value.shape = None
    return len(halves)


class _Converter:
    """Knows every float32 value in both precisions; makes one of the other when first asked."""

    def __init__(self, graph: ir.Graph, precision: Precision, *, emulated: bool) -> None:
        self._graph = graph
        self._half = TYPES[precision]
        self._largest = LARGEST[precision]
        self._emulated = emulated
        self._halves: dict[ir.Value, ir.Value] = {}
        self._floats: dict[ir.Value, ir.Value] = {}
        self._made: set[ir.Value] = set()
        """By operators in half precision."""

    def read_halves(self, node: ir.Node) -> None:
        """Let an operator work in half precision."""
        for index, value in enumerate(node.inputs):
            if value is not None and value.dtype == ir.DataType.FLOAT:
                node.replace_input_with(index, self._half_of(value))
        for value in node.outputs:
            if value.dtype == ir.DataType.FLOAT:
                self._add_output(value)

    def read_floats(self, node: ir.Node) -> None:
        """Let an operator work in float32."""
        for index, value in enumerate(node.inputs):
            if value in self._made:
                node.replace_input_with(index, self._float_of(value))

    def restore_outputs(self) -> None:
        """Give graph outputs back their type and their name."""
        for index, value in enumerate(self._graph.outputs):
            if value not in self._made:
                continue
            restored = self._float_of(value)
            name = value.name
            value.name = f"{name}_unrestored"
            restored.name, restored.shape = name, value.shape
            restored.type = ir.TensorType(ir.DataType.FLOAT)
            self._graph.outputs[index] = restored

    def _add_output(self, value: ir.Value) -> None:
        self._made.add(value)
        if self._emulated:
            self._halves[value] = self._cast(self._cast(value, self._half), ir.DataType.FLOAT)
        else:
            value.type = ir.TensorType(self._half)
            self._halves[value] = value

    def _half_of(self, value: ir.Value) -> ir.Value:
        if value not in self._halves:
            constant = ir.convenience.get_const_tensor(value)
            if constant is not None:
                self._halves[value] = self._constant(value, constant.numpy())
            elif self._emulated:
                self._halves[value] = self._cast(self._cast(value, self._half), ir.DataType.FLOAT)
            else:
                self._halves[value] = self._cast(value, self._half)
        return self._halves[value]

    def _float_of(self, value: ir.Value) -> ir.Value:
        half = self._halves[value]
        if self._emulated:
            return half
        if value not in self._floats:
            self._floats[value] = self._cast(half, ir.DataType.FLOAT)
        return self._floats[value]

    def _constant(self, value: ir.Value, array: np.ndarray) -> ir.Value:
        beyond = np.abs(array) > self._largest
        bounded = np.where(beyond, np.copysign(self._largest / 2, array), array)
        half = bounded.astype(self._half.numpy())
        kept = half.astype(np.float32) if self._emulated else half
        return initializer(self._graph, f"{value.name}_{self._half.name.lower()}", kept)

    def _cast(self, value: ir.Value, to: ir.DataType) -> ir.Value:
        node = ir.node("Cast", [value], {"to": to})
        node.outputs[0].name = f"{value.name}_{to.name.lower()}"
        node.outputs[0].dtype = to
        producer = value.producer()
        if producer is None:
            self._graph.insert_before(self._graph[0], node)
        else:
            self._graph.insert_after(producer, node)
        return node.outputs[0]


def infer_types(model: ir.Model) -> None:
    """Fill in the types of all values; what ONNX Runtime's own operators give is float32, too."""
    for node in model.graph:
        if node.domain:
            node.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
    ShapeInferencePass()(model)


def _require_types(graph: ir.Graph) -> None:
    """Refuse a graph in which it would be guessed what is float32."""
    for node in graph:
        for value in node.outputs:
            if value.dtype is None and (value.uses() or value.is_graph_output()):
                raise ExportError(
                    f"the type of {value.name}, which {node.op_type} {node.name} gives, cannot be "
                    "inferred, so the graph cannot be in half precision; leave it in fp32, or "
                    "write it with shapes that onnx can infer"
                )


def _can_be_half(node: ir.Node, float_operators: Collection[str]) -> bool:
    """Whether a node of the fp32 graph turns floats into floats, and may lose by it."""
    if node.op_type in {"Cast", "Constant", *float_operators}:
        return False
    return all(
        any(value is not None and value.dtype == ir.DataType.FLOAT for value in values)
        for values in (node.inputs, node.outputs)
    )
