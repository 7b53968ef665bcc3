"""Convert a graph to half precision, except for operators that lose too much accuracy."""

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
"""Larger constants, such as minus infinity in a mask, are clipped to half of it: low enough for any
score, and finite when a score is added."""


def to_half(model: ir.Model, recipe: HalfRecipe, *, emulated: bool = False) -> int:
    """Convert operators to half precision, in place; returns how many.

    Inputs and outputs of the graph keep their types. A Cast connects an operator in half precision
    with one in float32 (https://onnx.ai/onnx/operators/onnx__Cast.html).

    Args:
        model: fp32, standard operators.
        recipe: the precision, and the operators that stay float32.
        emulated: compute in float32, and round values by a Cast to half precision and back. An
            engine without half-precision kernels then gives nearly the same outputs.

    Raises:
        ExportError: the type of a value cannot be inferred.
    """
    infer_types(model)  # and shapes, which are removed below
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
    """Holds float32 values in both precisions; converts a value when it is first needed."""

    def __init__(self, graph: ir.Graph, precision: Precision, *, emulated: bool) -> None:
        self._graph = graph
        self._half = TYPES[precision]
        self._largest = LARGEST[precision]
        self._emulated = emulated
        self._halves: dict[ir.Value, ir.Value] = {}
        self._floats: dict[ir.Value, ir.Value] = {}
        self._half_outputs: set[ir.Value] = set()
        """Outputs of operators in half precision."""

    def read_halves(self, node: ir.Node) -> None:
        """Convert an operator to half precision."""
        for index, value in enumerate(node.inputs):
            if value is not None and value.dtype == ir.DataType.FLOAT:
                node.replace_input_with(index, self._half_of(value))
        for value in node.outputs:
            if value.dtype == ir.DataType.FLOAT:
                self._add_output(value)

    def read_floats(self, node: ir.Node) -> None:
        """Connect an operator that stays in float32."""
        for index, value in enumerate(node.inputs):
            if value in self._half_outputs:
                node.replace_input_with(index, self._float_of(value))

    def restore_outputs(self) -> None:
        """Restore the types and names of graph outputs."""
        for index, value in enumerate(self._graph.outputs):
            if value not in self._half_outputs:
                continue
            restored = self._float_of(value)
            name = value.name
            value.name = f"{name}_unrestored"
            restored.name, restored.shape = name, value.shape
            restored.type = ir.TensorType(ir.DataType.FLOAT)
            self._graph.outputs[index] = restored

    def _add_output(self, value: ir.Value) -> None:
        self._half_outputs.add(value)
        if self._emulated:
            self._halves[value] = self._rounded(value)
        else:
            value.type = ir.TensorType(self._half)
            self._halves[value] = value

    def _half_of(self, value: ir.Value) -> ir.Value:
        if value not in self._halves:
            constant = ir.convenience.get_const_tensor(value)
            self._halves[value] = (
                self._rounded(value)
                if constant is None
                else self._constant(value, constant.numpy())
            )
        return self._halves[value]

    def _rounded(self, value: ir.Value) -> ir.Value:
        half = self._cast(value, self._half)
        return self._cast(half, ir.DataType.FLOAT) if self._emulated else half

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
        stored = half.astype(np.float32) if self._emulated else half
        return initializer(self._graph, f"{value.name}_{self._half.name.lower()}", stored)

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
    """Infer the types of all values; outputs of ONNX Runtime's own operators are float32."""
    for node in model.graph:
        if node.domain:
            node.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
    ShapeInferencePass()(model)


def _require_types(graph: ir.Graph) -> None:
    """Refuse a graph with values of unknown type."""
    for node in graph:
        for value in node.outputs:
            if value.dtype is None and (value.uses() or value.is_graph_output()):
                raise ExportError(
                    f"the type of {value.name}, which {node.op_type} {node.name} gives, cannot be "
                    "inferred, so the graph cannot be converted to half precision; keep fp32, or "
                    "export it with shapes that onnx can infer"
                )


def _can_be_half(node: ir.Node, float_operators: Collection[str]) -> bool:
    """Whether a node of the fp32 graph has float inputs and outputs and is not excluded."""
    if node.op_type in {"Cast", "Constant", *float_operators}:
        return False
    return all(
        any(value is not None and value.dtype == ir.DataType.FLOAT for value in values)
        for values in (node.inputs, node.outputs)
    )
