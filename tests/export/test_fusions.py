import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import pytest

from edgebert_export.fusions import ConstantReshape, ExpandAttention, FuseAttention, Fusion, apply
from tests.support.small_graphs import operators, run_unoptimized

HEADS, HEAD_DIMENSION = 3, 4
HIDDEN = HEADS * HEAD_DIMENSION

ATTENTION = """
<ir_version: 11, opset_import: ["": 23]>
g (float[B,S,12] q, float[B,S,12] k, float[B,S,12] v, bool[B,1,1,S] keep) => (float[B,S,12] y)
<int64[4] split = {{{split}}}, int64[3] joined = {{{joined}}}, int64[1] one = {{1}}> {{
  b = Shape <start = 0, end = 1> (q)
  s = Shape <start = 1, end = 2> (q)
  square = Concat <axis = 0> (b, one, s, s)
  mask = Expand (keep, square)
  q4 = Reshape (q, split)
  k4 = Reshape (k, split)
  v4 = Reshape (v, split)
  qt = Transpose <perm = {perm}> (q4)
  kt = Transpose <perm = [0, 2, 1, 3]> (k4)
  vt = Transpose <perm = [0, 2, 1, 3]> (v4)
  mixed = Attention {attributes} (qt, kt, vt, mask)
  back = Transpose <perm = [0, 2, 1, 3]> (mixed)
  y = Reshape (back, joined)
}}
"""


def attention_graph(
    split: str = "0,0,3,4",
    joined: str = "0,0,12",
    perm: str = "[0, 2, 1, 3]",
    attributes: str = "",
) -> ir.Model:
    text = ATTENTION.format(split=split, joined=joined, perm=perm, attributes=attributes)
    proto = onnx.shape_inference.infer_shapes(onnx.parser.parse_model(text))
    return ir.from_proto(proto)


@pytest.fixture
def feeds() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    arrays = {
        name: random.standard_normal((2, 5, HIDDEN)).astype(np.float32) for name in ("q", "k", "v")
    }
    keep = np.ones((2, 1, 1, 5), dtype=bool)
    keep[1, ..., 2:4] = False
    return {**arrays, "keep": keep}


@pytest.mark.parametrize("rule", [FuseAttention, ExpandAttention])
@pytest.mark.parametrize("attributes", ["", "<scale = 0.37>"])
def test_a_rule_fires_once_and_keeps_the_numbers(
    rule: type[Fusion], attributes: str, feeds: dict[str, np.ndarray]
) -> None:
    model = attention_graph(attributes=attributes)
    expected = run_unoptimized(model, feeds)

    counts = apply(model, [rule()])

    assert counts == {rule.title: 1}
    np.testing.assert_allclose(run_unoptimized(model, feeds), expected, rtol=0, atol=1e-6)


def test_fused_attention_takes_unsplit_inputs() -> None:
    model = attention_graph()
    apply(model, [FuseAttention()])
    (node,) = [node for node in model.graph if node.op_type == "Attention"]
    assert [value.name for value in node.inputs] == ["q", "k", "v", "mask"]
    assert node.attributes["q_num_heads"].as_int() == HEADS
    assert node.attributes["kv_num_heads"].as_int() == HEADS


def test_expanded_attention_leaves_no_attention_and_no_expanded_mask() -> None:
    model = attention_graph()
    apply(model, [ExpandAttention()])
    ir.passes.common.RemoveUnusedNodesPass()(model)
    assert not {"Attention", "Expand"} & set(operators(model))


@pytest.mark.parametrize(
    ("near_miss", "reason"),
    [
        ({"split": "0,-1,3,4"}, "heads are split by"),
        ({"joined": "0,-1,12"}, "heads are joined by"),
        ({"joined": "0,0,12", "split": "0,0,4,3"}, None),
        ({"perm": "[0, 2, 3, 1]"}, None),
    ],
    ids=str,
)
def test_a_near_miss_of_fused_attention(near_miss: dict[str, str], reason: str | None) -> None:
    model = attention_graph(**near_miss)
    rule = FuseAttention()
    fired = apply(model, [rule])["attention"]
    if near_miss.get("split") == "0,0,4,3":  # four heads of three: as good as three of four
        assert fired == 1
        return
    assert fired == 0
    assert "Attention" in operators(model)
    assert (reason is None) == (rule.refusals == [])
    assert reason is None or reason in rule.refusals[0]


@pytest.mark.parametrize("attributes", ["<is_causal = 1>", "<softcap = 2.0>"])
def test_expansion_refuses_what_it_does_not_compute(attributes: str) -> None:
    rule = ExpandAttention()
    assert apply(attention_graph(attributes=attributes), [rule]) == {"attention_expansion": 0}
    assert attributes.strip("<>").split(" ")[0] in rule.refusals[0]


@pytest.mark.parametrize("attributes", ["<is_causal = 1>", "<softcap = 2.0>"])
def test_fused_attention_keeps_every_attribute(
    attributes: str, feeds: dict[str, np.ndarray]
) -> None:
    model = attention_graph(attributes=attributes)
    expected = run_unoptimized(model, feeds)
    assert apply(model, [FuseAttention()]) == {"attention": 1}
    np.testing.assert_allclose(run_unoptimized(model, feeds), expected, rtol=0, atol=1e-6)


def test_expansion_refuses_attention_that_splits_heads_itself() -> None:
    model = attention_graph()
    apply(model, [FuseAttention()])
    rule = ExpandAttention()
    assert apply(model, [rule]) == {"attention_expansion": 0}
    assert rule.refusals


RESHAPE = """
<ir_version: 11, opset_import: ["": 23]>
g (float[B,S,12] x) => ({output} y)
<int64[2] tail = {{3, 4}}, int64[1] all = {{-1}}> {{
  b = Shape <start = 0, end = 1> (x)
  s = Shape <start = 1, end = 2> (x)
  shape = Concat <axis = 0> ({pieces})
  y = Reshape (x, shape)
}}
"""


@pytest.mark.parametrize(
    ("pieces", "output", "expected"),
    [
        ("b, s, tail", "float[B,S,3,4]", [0, 0, 3, 4]),
        ("b, all, tail", "float[B,S,3,4]", [0, 0, 3, 4]),
        ("all, tail", "float[N,3,4]", [-1, 3, 4]),
    ],
)
def test_a_reshape_by_arithmetic_becomes_one_by_numbers(
    pieces: str, output: str, expected: list[int]
) -> None:
    model = ir.from_proto(onnx.parser.parse_model(RESHAPE.format(pieces=pieces, output=output)))
    x = {"x": np.arange(2 * 5 * 12, dtype=np.float32).reshape(2, 5, 12)}
    before = run_unoptimized(model, x)
    assert apply(model, [ConstantReshape()]) == {"constant_reshape": 1}
    (reshape,) = [node for node in model.graph if node.op_type == "Reshape"]
    tensor = ir.convenience.get_const_tensor(reshape.inputs[1])
    assert tensor is not None
    assert tensor.numpy().tolist() == expected
    np.testing.assert_array_equal(run_unoptimized(model, x), before)


def test_a_reshape_that_needs_arithmetic_is_left_alone() -> None:
    """Batch and sequence swapped: neither stays in place, so two dimensions are unknown."""
    text = RESHAPE.format(pieces="s, b, tail", output="float[S,B,3,4]")
    model = ir.from_proto(onnx.parser.parse_model(text))
    rule = ConstantReshape()
    assert apply(model, [rule]) == {"constant_reshape": 0}
    assert "needs arithmetic" in rule.refusals[0]
