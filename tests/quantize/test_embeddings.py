"""Embedding tables as int8 rows, looked up in ONNX Runtime."""

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime
import pytest

from edgebert_quantize.graph.node_builder import drop_unused_initializers
from edgebert_quantize.rewrite.embeddings import quantize_tables

GRAPH = """
<ir_version: 11, opset_import: ["": 23]>
g (int64[B,S] ids) => (float[B,S,3] y)
{
  y = Gather <AXIS> (table, ids)
}
"""
TABLE = np.array([[127.0, -4.0, 0.0], [0.0, 0.0, 0.0], [1.27, 0.5, -0.254]], np.float32)


def model_of(text: str) -> ir.Model:
    proto = onnx.parser.parse_model(text)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(TABLE, "table"))
    return ir.from_proto(proto)


def run(model: ir.Model, ids: np.ndarray) -> np.ndarray:
    data = ir.to_proto(model).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"ids": ids})
    return np.asarray(found)


def test_rows_by_hand() -> None:
    """Row 0 has scale 1, row 1 is all zero, row 2 has scale 0.01: a row rounds by its own size."""
    model = model_of(GRAPH.replace("<AXIS>", ""))
    assert quantize_tables(model.graph, 1) == 1
    found = run(model, np.array([[2, 0], [1, 2]]))
    expected = [[[1.27, 0.5, -0.25], [127, -4, 0]], [[0, 0, 0], [1.27, 0.5, -0.25]]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_no_float_table_is_left() -> None:
    model = model_of(GRAPH.replace("<AXIS>", ""))
    quantize_tables(model.graph, 1)
    drop_unused_initializers(model.graph)
    kept = {name: value.dtype for name, value in model.graph.initializers.items()}
    assert kept == {"table_0_rows": ir.DataType.INT8, "table_0_scales": ir.DataType.FLOAT}


@pytest.mark.parametrize(
    "text",
    [
        GRAPH.replace("<AXIS>", "<axis = 1>"),  # columns, not rows
        GRAPH.replace("<AXIS>", "").replace("y =", "u = MatMul(table, table) y ="),  # read twice
    ],
)
def test_what_is_no_lookup_stays(text: str) -> None:
    model = model_of(text)
    assert quantize_tables(model.graph, 1) == 0


def test_a_small_table_stays() -> None:
    graph = model_of(GRAPH.replace("<AXIS>", "")).graph
    assert quantize_tables(graph, TABLE.nbytes + 1) == 0
    assert quantize_tables(graph, TABLE.nbytes) == 1
