"""A graph with the native operator: what it has, its answers without the library, near misses."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from edgebert_quantize.native.matching import find_layers
from edgebert_quantize.native.operator import DOMAIN, OPERATOR, put_operator, write_native
from edgebert_quantize.native.values import MismatchError
from edgebert_runtime import Bundle
from edgebert_runtime.bundle.external_data import check_external_data
from edgebert_runtime.bundle.weight_sharing import SHARED_FROM_BYTES, external_ranges
from edgebert_runtime.engine.session import Session

STOCK: Final = "onnx/model_quantized.onnx"
ROLES_OF_A_LAYER: Final = 60
ROLES_BEHIND: Final = 7


@pytest.fixture
def stock(tmp_path: Path, tiny_bundle: Bundle) -> Path:
    (tmp_path / "onnx").mkdir()
    return Path(shutil.copy(tiny_bundle.path_of(STOCK), tmp_path / STOCK))


@pytest.fixture
def native(stock: Path) -> Path:
    path = stock.with_name("model_native.onnx")
    write_native(stock, path)
    return path


def test_the_layers_are_one_operator(native: Path, tiny_bundle: Bundle) -> None:
    model = onnx.load(native, load_external_data=False)
    (node,) = (each for each in model.graph.node if each.domain == DOMAIN)
    assert node.op_type == OPERATOR
    attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    layers = tiny_bundle.manifest.architecture["layers"]
    assert layers is not None
    assert attributes["layers"] == layers
    assert (attributes["hidden"], attributes["heads"], attributes["head_size"]) == (48, 4, 12)
    assert attributes["scheme"] == b"token"
    roles = attributes["roles"]
    assert len(roles) == layers * ROLES_OF_A_LAYER + ROLES_BEHIND
    assert {*roles} == {*range(-1, len(node.input) - 2)}  # every constant has a role
    assert node.input[1] == "attention_mask"
    assert not any(each.op_type == "Softmax" for each in model.graph.node)


def test_weights_are_ranges_of_the_stock_file(native: Path, stock: Path) -> None:
    model = onnx.load(native, load_external_data=False)
    assert not [each for each in model.graph.initializer if len(each.raw_data) >= SHARED_FROM_BYTES]
    ranges = external_ranges(native, "onnx/model_native.onnx")
    assert [each.file for each in ranges] == [STOCK]
    files = ("onnx/model_native.onnx", STOCK)
    check_external_data(native.parent.parent, files, files[0], ranges)
    onnx.checker.check_model(native)


@pytest.mark.parametrize("kind", ["full", "right", "left", "holes", "none"])
def test_without_the_library_it_gives_the_bits_of_the_stock_graph(
    native: Path, stock: Path, kind: str
) -> None:
    ids = np.random.default_rng(0).integers(5, 20, (3, 9))
    mask = np.ones_like(ids)
    places = {"right": (1, slice(4, None)), "left": (1, slice(4)), "holes": (2, slice(0, 9, 2))}
    if kind != "full":
        mask[places.get(kind, (0, slice(None)))] = 0
    feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    sessions = [Session(path, provider="cpu") for path in (stock, native)]
    expected, found = (each.run(each.outputs, feeds) for each in sessions)
    assert sessions[0].outputs == sessions[1].outputs
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


Change = Callable[[ir.Graph], None]


def nodes(graph: ir.Graph, operator: str) -> list[ir.Node]:
    return [node for node in graph if node.op_type == operator]


def with_attribute(operator: str, name: str, value: object, at: int = 0) -> Change:
    def change(graph: ir.Graph) -> None:
        made = ir.node("Identity", [], {name: value}).attributes[name]
        nodes(graph, operator)[at].attributes[name] = made

    return change


def with_input(operator: str, place: int, value: object, at: int = 0) -> Change:
    """Another constant of the same type."""

    def change(graph: ir.Graph) -> None:
        node = nodes(graph, operator)[at]
        old = node.inputs[place]
        assert old is not None
        assert old.const_value is not None
        array = np.asarray(value, old.const_value.numpy().dtype)
        made = ir.Value(name="changed", const_value=ir.tensor(array, name="changed"))
        made.shape, made.dtype = ir.Shape(array.shape), ir.DataType.from_numpy(array.dtype)
        graph.register_initializer(made)
        node.replace_input_with(place, made)

    return change


def with_elu(graph: ir.Graph) -> None:
    node = nodes(graph, "Gelu")[-1]
    node.op_type, node.domain = "Elu", ""


def with_another_residual(graph: ir.Graph) -> None:
    """The last sum adds the embeddings again, in place of what its feed-forward reads."""
    first, last = nodes(graph, "LayerNormalization")[0], nodes(graph, "LayerNormalization")[-1]
    before = nodes(graph, "LayerNormalization")[-2].outputs[0]
    joined = last.inputs[0]
    assert joined is not None
    node = joined.producer()
    assert node is not None
    node.replace_input_with(list(node.inputs).index(before), first.outputs[0])


def with_a_zero_point_of_weights(graph: ir.Graph) -> None:
    node = nodes(graph, "MatMulIntegerToFloat")[-1]
    zero = ir.Value(name="zero", const_value=ir.tensor(np.zeros((), np.int8), name="zero"))
    zero.shape, zero.dtype = ir.Shape(()), ir.DataType.INT8
    graph.register_initializer(zero)
    node.replace_input_with(5, zero)


def without_softmax(graph: ir.Graph) -> None:
    for node in nodes(graph, "Softmax"):
        node.op_type = "LogSoftmax"


NEAR_MISSES: Final = {
    "elu": (with_elu, "activation is Elu, expected gelu, gelu_tanh, relu, silu"),
    "residual": (with_another_residual, "adds another value than what it is added to reads"),
    "zero point": (with_a_zero_point_of_weights, "weights with a zero point"),
    "no attention": (without_softmax, "no attention"),
    "epsilon": (
        with_attribute("LayerNormalization", "epsilon", 0.1, -1),
        "norms differ in epsilon",
    ),
    "axis": (with_attribute("LayerNormalization", "axis", 1, -1), "another axis"),
    "softmax": (with_attribute("Softmax", "axis", 1), "not a Softmax over keys"),
    "order": (with_attribute("Transpose", "perm", [0, 1, 2, 3]), "axes in another order"),
    "mask": (with_input("Where", 2, -100.0), "keeps a part of tokens that do not count"),
    "axes": (with_input("Unsqueeze", 1, [1, 1]), "not a mask of keys"),
    "range": (with_input("QuantizeLinear", 1, 0.5), "in another range than its own"),
    "heads": (with_input("Reshape", 1, [0, 0, 3, -1]), "heads of several kinds"),
}
"""What is changed of a graph that matches → a part of the reason."""


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_a_near_miss_is_no_match(stock: Path, name: str) -> None:
    model = ir.load(stock)
    find_layers(model.graph)  # as it is, it matches
    change, reason = NEAR_MISSES[name]
    change(model.graph)
    with pytest.raises(MismatchError, match=reason):
        find_layers(model.graph)


def test_layers_that_differ_are_no_match(stock: Path) -> None:
    model = ir.load(stock)
    scale = next(node for node in model.graph if str(node.outputs[0].name).endswith("_scaled"))
    place = [each is not None and each.const_value is not None for each in scale.inputs].index(True)
    factor = scale.inputs[place]
    assert factor is not None
    assert factor.const_value is not None
    half = ir.tensor(factor.const_value.numpy() / 2, name="half")
    made = ir.Value(name="half", const_value=half, shape=ir.Shape(()))
    made.dtype = ir.DataType.FLOAT
    model.graph.register_initializer(made)
    scale.replace_input_with(place, made)
    with pytest.raises(MismatchError, match="layers differ in scale"):
        find_layers(model.graph)


def test_a_value_between_layers_that_is_used_behind_them_is_refused(stock: Path) -> None:
    model = ir.load(stock)
    found = find_layers(model.graph)
    model.graph.outputs.append(found.layers[1].hidden_states)
    with pytest.raises(MismatchError, match="is used behind them"):
        put_operator(model, found, "token")
