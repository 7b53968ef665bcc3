"""Near misses of what attention is told about positions, of gates, and of norms before blocks."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import onnx_ir as ir
import pytest

from edgebert_quantize.native.matching import find_layers
from edgebert_quantize.native.operator import put_operator
from edgebert_quantize.native.values import MismatchError
from tests.support.made_once import MadeOnce
from tests.support.native.stock import write_stock
from tests.support.traced_families import traced_family

Change = Callable[[ir.Graph], None]


@pytest.fixture(scope="module", params=["modernbert", "mpnet"])
def stock(
    request: pytest.FixtureRequest, made_once: MadeOnce, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    traced = traced_family(request.param, made_once)
    return write_stock(traced.canonical, traced.spec, tmp_path_factory.mktemp(request.param))


def family_of(stock: Path) -> str:
    return stock.parent.parent.name.rstrip("0123456789")


def nodes(graph: ir.Graph, operator: str) -> list[ir.Node]:
    return [node for node in graph if node.op_type == operator]


def made_by(value: ir.Value | None) -> ir.Node:
    assert value is not None
    node = value.producer()
    assert node is not None
    return node


def with_constant(operator: str, place: int, value: object, at: int = 0) -> Change:
    """Another constant of the same type as an input of a node."""

    def change(graph: ir.Graph) -> None:
        node = nodes(graph, operator)[at]
        old = node.inputs[place]
        assert old is not None
        tensor = ir.convenience.get_const_tensor(old)
        assert tensor is not None
        array = np.asarray(value, tensor.numpy().dtype)
        new = ir.Value(name="changed", const_value=ir.tensor(array, name="changed"))
        new.shape, new.dtype = ir.Shape(array.shape), ir.DataType.from_numpy(array.dtype)
        graph.register_initializer(new)
        node.replace_input_with(place, new)

    return change


def with_swapped_inputs(operator: str, at: int = 0) -> Change:
    def change(graph: ir.Graph) -> None:
        node = nodes(graph, operator)[at]
        first, second = node.inputs[:2]
        node.replace_input_with(0, second)
        node.replace_input_with(1, first)

    return change


def with_another_half(graph: ir.Graph) -> None:
    """The second half of a head is turned with the first one's cosines and sines."""
    turned = made_by(nodes(graph, "Sub")[-1].inputs[1])
    split = next(made_by(each) for each in turned.inputs if made_by(each).op_type == "Split")
    place = [each is split.outputs[1] for each in turned.inputs].index(True)
    turned.replace_input_with(place, split.outputs[0])


def with_a_gate_of_another(graph: ir.Graph) -> None:
    """The last gate is that of the layer before."""
    gelus = nodes(graph, "Gelu")
    gelus[-1].replace_input_with(0, gelus[-2].inputs[0])


def with_a_norm_of_another(graph: ir.Graph) -> None:
    """The last block reads the norm of what the block before it reads."""
    *_, before, last, _final = nodes(graph, "LayerNormalization")
    last.replace_input_with(0, before.inputs[0])


def without_bias_of_the_last(graph: ir.Graph) -> None:
    """The last layer adds the buckets of a table of its own."""
    masked = made_by(nodes(graph, "Softmax")[-1].inputs[0])
    where = next(made_by(each) for each in masked.inputs if made_by(each).op_type == "Where")
    bias = made_by(where.inputs[1])
    copy = ir.node(bias.op_type, bias.inputs, dict(bias.attributes))
    copy.outputs[0].name = "another_bias"
    graph.insert_before(where, copy)
    again = ir.node("Where", [where.inputs[0], copy.outputs[0], where.inputs[2]])
    again.outputs[0].name = "masked_otherwise"
    graph.insert_before(masked, again)
    place = [each is where.outputs[0] for each in masked.inputs].index(True)
    masked.replace_input_with(place, again.outputs[0])


NEAR_MISSES: Final[dict[str, dict[str, tuple[Change, str]]]] = {
    "modernbert": {
        "half": (with_another_half, "is not the other half of the rotation"),
        "signs": (with_swapped_inputs("Sub", -1), "are not the halves of heads"),
        "first position": (with_constant("Slice", 1, [1]), "begin with the first position"),
        "window of nothing": (with_constant("LessOrEqual", 1, 0), "no single window of at least 1"),
        "tokens beside": (with_constant("Equal", 1, 1), "not true for tokens and themselves"),
        "places": (with_constant("Range", 2, 2), "not a distance of tokens"),
        "gate": (with_a_gate_of_another, "a gate of another value than it gates"),
        "residual": (with_a_norm_of_another, "adds values of which none is made of the other"),
    },
    "mpnet": {
        "offset": (with_constant("Sub", 1, 2, 1), "distances, expected"),
        "bias of a layer": (without_bias_of_the_last, "layers have different position biases"),
        "lowest": (with_constant("Where", 2, -100.0), "keeps a part of tokens that do not count"),
        "query and key": (with_constant("Unsqueeze", 1, [0], 1), "is not query minus key"),
    },
}
"""Family → what is changed of its graph, which matches, and a part of the reason."""


def test_a_near_miss_is_no_match(stock: Path) -> None:
    family = family_of(stock)
    find_layers(ir.load(stock).graph)  # as it is, it matches
    for change, reason in NEAR_MISSES[family].values():
        model = ir.load(stock)
        change(model.graph)
        with pytest.raises(MismatchError, match=re.escape(reason)):
            find_layers(model.graph)


def test_what_a_layer_is_told_of_positions_is_in_the_operator(stock: Path) -> None:
    model = ir.load(stock)
    found = find_layers(model.graph)
    put_operator(model, found, "token")
    (node,) = nodes(model.graph, "Int8Encoder")
    attributes = {name: each.value for name, each in node.attributes.items()}
    tables = [attributes["roles"][place] >= 0 for place in range(-7, 0)]
    if family_of(stock) == "modernbert":
        assert attributes["windows"] == (0, 8, 8)
        assert (attributes["norm_place"], attributes["gated"]) == ("pre", 1)
        assert found.layers[0].attention_norm is None
        assert tables == [True, False, True, True, True, True, False]
    else:
        bias = found.layers[0].attention.bias
        assert bias is not None
        assert tables == [False] * 6 + [True]
        assert bias.table.shape[1] % 2 == 1
        ends = bias.table[:, [0, 1, -2, -1]]
        assert (ends[:, 0] != ends[:, 1]).any() or (ends[:, 2] != ends[:, 3]).any()
