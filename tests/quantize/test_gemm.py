"""Gemm as two operators: the same numbers, and what is no linear layer stays."""

from typing import Any

import numpy as np
import onnx.parser
import onnx_ir as ir
import onnxruntime
import pytest
from numpy.typing import NDArray

from edgebert_quantize.graph.gemm import decompose_gemm
from edgebert_quantize.graph.linear_layers import find_linears

RANDOM = np.random.default_rng(0)


def floats(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape).astype(np.float32)


def model_of(call: str, **constants: NDArray[Any]) -> ir.Model:
    text = f"""<ir_version: 8, opset_import: ["": 17]>
    g (float[N, 4] x, float[N, 3] other) => (float[N, 3] y) {{ y = {call} }}"""
    proto = onnx.parser.parse_model(text)
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, name) for name, array in constants.items()
    )
    return ir.from_proto(proto)


def answer(model: ir.Model, x: NDArray[np.float32], other: NDArray[np.float32]) -> Any:
    session = onnxruntime.InferenceSession(
        ir.to_proto(model).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(["y"], {"x": x, "other": other})[0]


@pytest.mark.parametrize(
    ("call", "weight", "bias"),
    [
        ("Gemm(x, w, b)", (4, 3), (3,)),
        ("Gemm<transB=1>(x, w, b)", (3, 4), (3,)),
        ("Gemm<alpha=0.5, beta=2.0, transB=1>(x, w, b)", (3, 4), (3,)),
        ("Gemm(x, w, b)", (4, 3), (1, 3)),
        ("Gemm(x, w)", (4, 3), None),
    ],
)
def test_the_numbers_stay(call: str, weight: tuple[int, ...], bias: tuple[int, ...] | None) -> None:
    model = model_of(call, w=floats(*weight), **({} if bias is None else {"b": floats(*bias)}))
    x, other = floats(5, 4), floats(5, 3)
    expected = answer(model, x, other)
    decompose_gemm(model.graph)
    assert [node.op_type for node in model.graph] == ["MatMul", *([] if bias is None else ["Add"])]
    assert [value.name for value in model.graph.outputs] == ["y"]
    assert len(list(find_linears(model.graph))) == 1
    np.testing.assert_allclose(answer(model, x, other), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "constants"),
    [
        ("Gemm(x, w, other)", {"w": (4, 3)}),  # adds an activation
        ("Gemm<transA=1>(w, x, b)", {"w": (4, 4), "b": (3,)}),  # B is no constant
    ],
)
def test_what_is_no_linear_layer_stays(call: str, constants: dict[str, tuple[int, ...]]) -> None:
    model = model_of(call, **{name: floats(*shape) for name, shape in constants.items()})
    decompose_gemm(model.graph)
    assert [node.op_type for node in model.graph] == ["Gemm"]
