"""Store embedding tables as int8 rows; a row is dequantized when it is looked up."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import onnx_ir as ir

from edgebert_quantize.graph.node_builder import NodeBuilder
from edgebert_quantize.weights.grids import quantize_columns

SMALLEST_BYTES: Final = 2**20
"""Smaller tables stay float32: they are not worth three more operators."""


def quantize_tables(graph: ir.Graph, smallest_bytes: int = SMALLEST_BYTES) -> int:
    """Turn every large table of float32 rows into int8, in place; returns how many.

        Gather(table, ids) ─      becomes
        Cast(Gather(int8 table, ids)) x Gather(scales, ids) ─

    One scale for each row. Only looked-up rows are dequantized: ONNX Runtime would fold a
    dequantized table back to float32 when it opens the graph.
    https://onnx.ai/onnx/operators/onnx__Gather.html

    Args:
        graph: an fp32 graph.
        smallest_bytes: of a table that is large.
    """
    lookups = list(_lookups(graph, smallest_bytes))
    for number, lookup in enumerate(lookups):
        _replace(graph, lookup, f"table_{number}")
    return len(lookups)


def table_parameters(graph: ir.Graph) -> int:
    """Parameters of the tables that `quantize_tables` quantizes."""
    tables = [lookup.inputs[0] for lookup in _lookups(graph, SMALLEST_BYTES)]
    return sum(table.const_value.size for table in tables if table and table.const_value)


def _lookups(graph: ir.Graph, smallest_bytes: int) -> Iterator[ir.Node]:
    """Gathers of whole rows from a large constant that nothing else reads."""
    for node in graph:
        if node.op_type != "Gather" or node.domain or node.attributes.get_int("axis", 0) != 0:
            continue
        table = node.inputs[0]
        if table is None or table.const_value is None or len(list(table.uses())) != 1:
            continue
        tensor = table.const_value
        large = tensor.nbytes >= smallest_bytes
        if tensor.dtype == ir.DataType.FLOAT and len(tensor.shape) == 2 and large:
            yield node


def _replace(graph: ir.Graph, lookup: ir.Node, name: str) -> None:
    table, ids = lookup.inputs
    if table is None or table.const_value is None:
        raise ValueError(f"{lookup.name} lost its table")
    rows = quantize_columns(table.const_value.numpy().T)
    values = np.ascontiguousarray(rows.values.T)
    add = NodeBuilder(graph, lookup, name)
    gathered = add("Gather", [add.constant("rows", values, np.int8), ids], "gathered")
    as_float = add("Cast", [gathered], "float", to=ir.DataType.FLOAT)
    column = rows.scales[:, np.newaxis]
    scale = add("Gather", [add.constant("scales", column, np.float32), ids], "scale")
    old, new = lookup.outputs[0], add("Mul", [as_float, scale], "product")
    new.name, new.type, new.shape = old.name, old.type, old.shape
    ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
    graph.remove(lookup, safe=True)
