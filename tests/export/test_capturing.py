"""Which graphs a GPU can capture: the same launches on the same addresses, whatever the texts."""

import onnx.parser
import onnx_ir as ir
import pytest

from edgebert_export.graph.cuda_graph_support import is_capturable

PRODUCT = """
<ir_version: 11, opset_import: ["": 23]>
g ({first} x, {second} w) => (float[?,?,?,?] y)
{{
  kept = Relu (w)
  y = MatMul (x, kept)
}}
"""
QUERIES = "float[B,4,S,8]"


@pytest.mark.parametrize(
    ("second", "capturable"),
    [
        ("float[B,4,8,S]", True),
        ("float[8,16]", True),
        ("float[1,1,8,16]", True),
        ("float[1,4,8,16]", False),
        ("float[4,8,16]", False),
    ],
)
def test_a_stack_that_stands_for_several_is_not(second: str, capturable: bool) -> None:
    """As many matrices as the other has, or one; the shape behind Relu is inferred."""
    assert is_capturable(model_of(PRODUCT.format(first=QUERIES, second=second))) == capturable
    assert is_capturable(model_of(PRODUCT.format(first="float[1,4,16,8]", second="float[8,2]")))


def test_sizes_that_depend_on_values_are_not() -> None:
    text = '<ir_version: 11, opset_import: ["": 23]> g (bool[N] x) => (int64[1,M] y) { y = %s }'
    assert not is_capturable(model_of(text % "NonZero (x)"))


def model_of(text: str) -> ir.Model:
    return ir.from_proto(onnx.parser.parse_model(text))
