"""Which layer an operator is of: in a real encoder, in small ones, and in graphs that are none.

Every family is in tests/export/test_families.py, where it is traced anyway.
"""

from collections import Counter
from pathlib import Path

import onnx_ir as ir

from edgebert.profiling.layers import EMBEDDINGS, SHARED, UNASSIGNED, Flow, regions_of
from edgebert_runtime import Bundle
from tests.support.optimized_graph import as_run


def counted(regions: dict[str, str], graph: ir.Graph) -> Counter[str]:
    assert len(regions) == len(graph)
    return Counter(regions.values())


def test_the_last_product_of_a_layer_is_in_it_and_the_norm_too(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    graph = as_run(tiny_bundle.path_of("onnx/model_cpu.onnx"), tmp_path)
    regions = regions_of(graph, "pooling")
    kinds: dict[str, Counter[str]] = {}
    for node in graph:
        kinds.setdefault(regions[str(node.name)], Counter())[node.op_type] += 1
    for layer in ("layer 1", "layer 2"):
        assert kinds[layer]["MatMul"] == 6  # queries, keys, values, output and two
        assert kinds[layer]["LayerNormalization"] == 2
        assert kinds[layer]["Attention"] == 1
    assert kinds[EMBEDDINGS]["LayerNormalization"] == 1
    assert "MatMul" not in kinds[EMBEDDINGS] + kinds[SHARED] + kinds["pooling"]


def test_integers_and_what_goes_around_them_are_in_their_layer(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    graph = as_run(tiny_bundle.path_of("onnx/model_quantized.onnx"), tmp_path)
    found = counted(regions_of(graph, "pooling"), graph)
    assert found["layer 1"] == found["layer 2"] > 15
    assert UNASSIGNED not in found


TABLE = "<float[9, 4] table, float[4, 4] w>"


def layer(number: int, end: str = "f") -> str:
    """One with its attention written out, a residual connection around each half."""
    x, y = f"x{number}", f"x{number + 1}"
    lines = [
        f"q{x} = MatMul (x, w)",
        f"k{x} = Transpose <perm = [0, 2, 1]> (q{x})",
        f"s{x} = MatMul (q{x}, k{x})",
        f"m{x} = Add (s{x}, mask)",
        f"p{x} = Softmax (m{x})",
        f"v{x} = MatMul (x, w)",
        f"a{x} = MatMul (p{x}, v{x})",
        f"o{x} = MatMul (a{x}, w)",
        f"r{x} = Add (x, o{x})",
        f"f{x} = MatMul (r{x}, w)",
        f"{y} = Add (r{x}, {end}{x})",
    ]
    return "\n".join(line.replace("(x,", f"({x},") for line in lines)


def graph_of(body: str, outputs: str = "float[B, S, 4] y") -> ir.Graph:
    """Nodes named after what they put out."""
    text = f"""<ir_version: 10, opset_import: ["": 21]>
g (int64[B, S] input_ids, float[B, 1, S] given) => ({outputs}) {TABLE}
{{
x0 = Gather (table, input_ids)
mask = Neg (given)
{body}
}}"""
    graph = ir.from_onnx_text(text).graph
    for node in graph:
        node.name = node.outputs[0].name
    return graph


def test_layers_are_told_apart_by_what_goes_around_them() -> None:
    graph = graph_of(f"{layer(0)}\n{layer(1)}\ny = Relu (x2)")
    expected = dict.fromkeys(("qx0", "kx0", "sx0", "mx0", "px0", "vx0", "ax0"), "layer 1")
    expected |= dict.fromkeys(("ox0", "rx0", "fx0", "x1"), "layer 1")
    expected |= {name.replace("x1", "x2").replace("x0", "x1"): "layer 2" for name in expected}
    expected |= {"x0": EMBEDDINGS, "mask": SHARED, "y": "head"}
    assert regions_of(graph) == expected


def test_without_attention_nothing_is_assigned() -> None:
    found = regions_of(graph_of("h = MatMul (x0, w)\nr = Add (x0, h)\ny = Relu (r)"))
    assert set(found.values()) == {UNASSIGNED}


def test_a_softmax_that_no_product_reads_is_no_attention() -> None:
    found = regions_of(graph_of("p = Softmax (x0)\nh = Mul (p, x0)\ny = Add (x0, h)"))
    assert set(found.values()) == {UNASSIGNED}


def test_attention_that_nothing_goes_around_makes_no_layers() -> None:
    cut = layer(0).replace("rx0 = Add (x0, ox0)", "rx0 = Relu (ox0)")
    found = regions_of(graph_of(f"{cut}\n{layer(1)}\ny = Relu (x2)"))
    assert set(found.values()) == {UNASSIGNED}


def test_attentions_side_by_side_make_no_layers() -> None:
    other = layer(0).replace("x0", "z0").replace("x1", "z1").replace("z0,", "x0,", 1)
    other = other.replace("(z0,", "(x0,")
    found = regions_of(graph_of(f"{layer(0)}\n{other}\ny = Add (x1, z1)"))
    assert set(found.values()) == {UNASSIGNED}


def test_the_end_of_an_only_layer_is_not_guessed() -> None:
    found = regions_of(graph_of(f"{layer(0)}\ny = Relu (x1)"))
    assert found["ax0"] == "layer 1"
    assert {found[name] for name in ("ox0", "rx0", "fx0", "x1", "y")} == {UNASSIGNED}
    assert found["x0"] == EMBEDDINGS


def test_a_last_layer_unlike_the_others_has_no_known_end() -> None:
    odd = layer(1).replace("x2 = Add (rx1, fx1)", "x2 = Mul (rx1, fx1)")
    found = regions_of(graph_of(f"{layer(0)}\n{odd}\ny = Relu (x2)"))
    assert (found["x1"], found["ax1"]) == ("layer 1", "layer 2")
    assert {found[name] for name in ("ox1", "x2", "y")} == {UNASSIGNED}


def test_an_output_that_has_nothing_to_do_with_the_layers_is_unassigned() -> None:
    body = f"{layer(0)}\n{layer(1)}\ny = Relu (x2)\nstray = Abs (given)"
    graph = graph_of(body, "float[B, S, 4] y, float[B, 1, S] stray")
    found = regions_of(graph)
    assert (found["stray"], found["y"], found["x2"]) == (UNASSIGNED, "head", "layer 2")


def test_names_that_two_nodes_have_are_left_out() -> None:
    graph = graph_of(f"{layer(0)}\n{layer(1)}\ny = Relu (x2)")
    first, second, *_ = list(graph)
    first.name = second.name
    assert second.name not in regions_of(graph)


def test_where_all_paths_meet() -> None:
    flow = Flow(graph_of(f"{layer(0)}\ny = Relu (x1)"))
    places = {str(node.name): place for place, node in enumerate(flow.nodes)}
    names = [str(flow.nodes[place].name) for place in flow.meetings(places["x0"])]
    assert names == ["rx0", "x1", "y"]
    names = [str(flow.nodes[place].name) for place in flow.meetings(places["qx0"])]
    assert names == ["sx0", "mx0", "px0", "ax0", "ox0", "rx0", "x1", "y"]
