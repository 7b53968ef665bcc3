"""Halves of a linear layer that are used apart become products of their own."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgebert_quantize.graph.gated_products import separate_gates
from edgebert_runtime.engine.onnxruntime import import_engine

INPUTS, HALF = 6, 5


def gated(*, axis: int = -1, widths: tuple[int, ...] = (), seen: bool = False) -> ir.Model:
    """silu-like gate of one product with a bias, which two uses share."""
    random = np.random.default_rng(0)
    weight = random.normal(size=(INPUTS, 2 * HALF)).astype(np.float32)
    bias = random.normal(size=2 * HALF).astype(np.float32)
    sizes = ["sizes"] if widths else []
    nodes = []
    for use in ("a", "b"):
        nodes += [
            helper.make_node("MatMul", [use, "weight"], [f"{use}_product"]),
            helper.make_node("Add", [f"{use}_product", "bias"], [f"{use}_both"]),
            helper.make_node(
                "Split",
                [f"{use}_both", *sizes],
                [f"{use}_1", f"{use}_2"],
                axis=axis,
                **({} if widths else {"num_outputs": 2}),
            ),
            helper.make_node("Sigmoid", [f"{use}_1"], [f"{use}_gate"]),
            helper.make_node("Mul", [f"{use}_gate", f"{use}_2"], [f"{use}_out"]),
        ]
    outputs = ["a_out", "b_out", *(["a_1"] if seen else [])]
    graph = helper.make_graph(
        nodes,
        "gated",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 4, INPUTS]) for name in "ab"],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [*"xyz"]) for name in outputs],
        [
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(bias, "bias"),
            *([numpy_helper.from_array(np.array(widths), "sizes")] if widths else []),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    onnx.checker.check_model(model)
    made: ir.Model = ir.from_proto(model)
    return made


def run(model: ir.Model) -> list[np.ndarray]:
    engine = import_engine()
    session = engine.InferenceSession(
        ir.to_proto(model).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    random = np.random.default_rng(1)
    feeds = {name: random.normal(size=(2, 4, INPUTS)).astype(np.float32) for name in "ab"}
    found: list[np.ndarray] = session.run(["a_out", "b_out"], feeds)
    return found


@pytest.mark.parametrize(("axis", "widths"), [(-1, ()), (2, ()), (-1, (HALF, HALF))])
def test_halves_are_products_of_their_own(axis: int, widths: tuple[int, ...]) -> None:
    model = gated(axis=axis, widths=widths)
    expected = run(model)
    assert separate_gates(model) == 2
    assert [node.op_type for node in model.graph].count("MatMul") == 4
    assert not any(node.op_type == "Split" for node in model.graph)
    shapes = sorted(tuple(value.const_value.shape) for value in model.graph.initializers.values())  # type: ignore[union-attr]
    assert shapes == [(HALF,), (HALF,), (INPUTS, HALF), (INPUTS, HALF)]  # both uses share them
    for one, other in zip(run(model), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize(
    ("axis", "widths", "seen"),
    [(1, (), False), (-1, (2, 8), False), (-1, (), True)],
    ids=["another axis", "unequal parts", "a half that is given"],
)
def test_a_near_miss_is_left_alone(axis: int, widths: tuple[int, ...], seen: bool) -> None:
    model = gated(axis=axis, widths=widths, seen=seen)
    left = separate_gates(model)
    assert left == (1 if seen else 0)  # the other use has halves that nothing else sees
