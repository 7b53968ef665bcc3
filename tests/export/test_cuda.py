"""Graphs for CUDA: what is fused, what runs without padding, and that a CPU finds the same."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import pytest

from edgebert.workflow.sources import open_source
from edgebert_export.fusions import (
    AdditiveMask,
    ExpandNorm,
    ExpandPackedAttention,
    ExpandPackedProjections,
    FuseBiasGelu,
    FuseSkipLayerNorm,
    Fusion,
    JoinProjections,
    PackProjections,
    apply,
)
from edgebert_export.graph.build import BuiltGraph, build, write_graphs
from edgebert_export.graph.trace import trace
from edgebert_export.targets import TARGETS
from edgebert_export.unpadding.key_masks import StillPaddedError
from edgebert_export.unpadding.unpadding import remove_padding
from edgebert_export.verification.parity import check_parity
from edgebert_export.verification.run_model import run_model
from edgebert_export.verification.runnable_equivalents import runnable
from tests.support.cuda_kernels import cuda_kernels, without_kernel
from tests.support.families import SAMPLES, build_with_head, save
from tests.support.made_once import MadeOnce
from tests.support.traced_families import Traced, traced_family

WITH_OWN_MASKS = {"mpnet", "deberta-v2", "deberta-v3", "modernbert", "modernbert-biased"}
"""Families with relative positions, or layers that look only so far."""


def model_of(text: str, **weights: Any) -> ir.Model:
    """A graph with shapes inferred, and weights by name."""
    proto = onnx.parser.parse_model(text)
    for name, array in weights.items():
        tensor = onnx.numpy_helper.from_array(np.asarray(array, np.float32), name)
        proto.graph.initializer.append(tensor)
    return ir.from_proto(onnx.shape_inference.infer_shapes(proto))


def run(model: ir.Model, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    return run_model(model, feeds)


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def operators(model: ir.Model) -> list[str]:
    return [node.op_type for node in model.graph if node.op_type != "Constant"]


def fires(rule: Fusion, model: ir.Model) -> int:
    return apply(model, [rule])[rule.title]


NORMAL = """
<ir_version: 11, opset_import: ["": 23]>
g (float[B,S,4] x, {skip} skip) => (float[B,S,4] y{more})
{{
  biased = Add (x, bias)
  summed = Add ({sum})
  y = LayerNormalization <epsilon = 1e-12{axis}> (summed, scale, shift)
}}
"""


def normal(
    skip: str = "float[B,S,4]", summed: str = "skip, biased", axis: str = "", more: str = ""
) -> ir.Model:
    text = NORMAL.format(skip=skip, sum=summed, axis=axis, more=more)
    weights = {name: numbers(4, seed=seed) for seed, name in enumerate(("bias", "scale", "shift"))}
    return model_of(text, **weights)


@pytest.mark.parametrize("summed", ["skip, biased", "biased, skip"])
def test_a_residual_its_bias_and_its_norm_are_one(summed: str) -> None:
    model, feeds = normal(summed=summed), {"x": numbers(2, 3, 4), "skip": numbers(2, 3, 4, seed=9)}
    (expected,) = run(model, feeds)
    assert fires(FuseSkipLayerNorm(), model) == 1
    ir.passes.common.RemoveUnusedNodesPass()(model)
    assert operators(model) == ["SkipLayerNormalization"]
    (node,) = model.graph
    assert [value.name for value in node.inputs if value] == ["x", "skip", "scale", "shift", "bias"]
    np.testing.assert_allclose(run(model, feeds)[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("near_miss", "reason"),
    [
        ({"skip": "float[S,4]"}, "are added"),
        ({"axis": ", axis = 1"}, "over axis 1"),
        ({"more": ", float[B,S,4] summed"}, None),
    ],
    ids=str,
)
def test_a_near_miss_of_a_residual_norm(near_miss: dict[str, str], reason: str | None) -> None:
    """Another shape, another axis, a sum that is an output, too."""
    rule = FuseSkipLayerNorm()
    assert fires(rule, normal(**near_miss)) == 0
    assert reason is None or reason in rule.refusals[0]


GELU = """
<ir_version: 11, opset_import: ["": 23]>
g (float[B,S,4] x, float[4] other) => (float[B,S,4] y)
{{
  biased = Add (x, {added})
  y = Gelu <approximate = "{approximate}"> (biased)
}}
"""


@pytest.mark.parametrize(("approximate", "fused"), [("none", "BiasGelu"), ("tanh", "FastGelu")])
def test_a_bias_and_its_gelu_are_one(approximate: str, fused: str) -> None:
    model = model_of(GELU.format(added="bias", approximate=approximate), bias=numbers(4))
    feeds = {"x": numbers(2, 3, 4), "other": numbers(4)}
    (expected,) = run(model, feeds)
    assert fires(FuseBiasGelu(), model) == 1
    assert operators(model) == [fused]
    np.testing.assert_allclose(run(model, feeds)[0], expected, atol=1e-6)


def test_what_is_no_bias_stays_before_its_gelu() -> None:
    rule = FuseBiasGelu()
    assert fires(rule, model_of(GELU.format(added="other", approximate="none"))) == 0
    assert "not a bias" in rule.refusals[0]


PROJECTED = """
<ir_version: 11, opset_import: ["": 23]>
g (float[B,S,6] x, bool[B,1,S,S] keep) => (float[B,S,6] y)
{{
  qm = MatMul (x, wq)
  q = Add (qm, bq)
  km = MatMul ({key}, wk)
  k = Add (km, bk)
  vm = MatMul (x, wv)
  v = Add (vm, bv)
  y = Attention <q_num_heads = 2, kv_num_heads = 2, scale = 0.3> (q, k, v, keep)
}}
"""


def projected(key: str = "x", width: int = 6) -> ir.Model:
    weights = {f"w{part}": numbers(6, 6, seed=seed) for seed, part in enumerate("qk")}
    biases = {f"b{part}": numbers(6, seed=seed) for seed, part in enumerate("qk")}
    values = {"wv": numbers(6, width, seed=7), "bv": numbers(width, seed=8)}
    return model_of(PROJECTED.format(key=key), **weights, **biases, **values)


def kept() -> dict[str, np.ndarray]:
    keep = np.ones((2, 1, 3, 3), dtype=bool)
    keep[1, ..., 1:] = False
    return {"x": numbers(2, 3, 6), "keep": keep}


def test_three_products_are_one() -> None:
    model = projected()
    (expected,) = run(model, kept())
    assert fires(JoinProjections(), model) == 1
    kinds = ["MatMul", "Add", "Reshape", "Split", *["Reshape"] * 3, "Attention"]
    assert operators(model) == kinds
    np.testing.assert_allclose(run(model, kept())[0], expected, atol=1e-6)


def test_products_of_something_else_or_of_another_width_stay_three() -> None:
    rule = JoinProjections()
    assert fires(rule, projected(key="q")) == 0
    assert fires(rule, projected(width=4)) == 0
    assert "with biases of" in rule.refusals[0]


PACKED = """
<ir_version: 11, opset_import: ["": 23, "com.microsoft": 1]>
g (float[1,T,6] x, float[18] other, int32[B,S] offsets, int32[C] cumulative) => (float[T,6] y)
{{
  product = MatMul (x, w)
  biased = Add (product, {added})
  shape = Constant <value_ints = [0, 0, {split}]> ()
  joined = Reshape (biased, shape)
  q, k, v = Split <axis = 3, num_outputs = 3> (joined)
  whole = Constant <value_ints = [0, 0, 6]> ()
  first = Constant <value_ints = [0]> ()
  qr = Reshape (q, whole)
  kr = Reshape (k, whole)
  vr = Reshape (v, whole)
  qs = Squeeze (qr, first)
  ks = Squeeze (kr, first)
  vs = Squeeze (vr, first)
  y = com.microsoft.PackedMultiHeadAttention <num_heads = 2, scale = 0.3>
    (qs, ks, vs, , offsets, cumulative)
}}
"""


def packed(added: str = "b", split: str = "2, 3, 3") -> ir.Model:
    text = PACKED.format(added=added, split=split)
    return model_of(text, w=numbers(6, 18), b=numbers(18, seed=1))


def two_texts() -> dict[str, np.ndarray]:
    return {
        "x": numbers(1, 5, 6),
        "other": numbers(18),
        "offsets": np.array([[0, 1, 2], [3, 4, 5]], np.int32),
        "cumulative": np.array([0, 2, 5], np.int32),
    }


def test_attention_reads_what_one_product_left() -> None:
    """Three heads' parts beside each other, and the bias one part after the other."""
    plain, model = packed(), packed()
    apply(plain, [ExpandPackedAttention()])
    (expected,) = run(plain, two_texts())
    assert fires(PackProjections(), model) == 1
    ir.passes.common.RemoveUnusedNodesPass()(model)
    assert operators(model) == ["MatMul", "Reshape", "PackedMultiHeadAttention"]
    bias = model.graph[-1].inputs[3]
    assert bias is not None
    assert bias.const_value is not None
    by_hand = numbers(18, seed=1)[[0, 1, 2, 9, 10, 11, 3, 4, 5, 12, 13, 14, 6, 7, 8, 15, 16, 17]]
    np.testing.assert_array_equal(bias.const_value.numpy(), by_hand)
    apply(model, [ExpandPackedProjections(), ExpandPackedAttention()])
    np.testing.assert_allclose(run(model, two_texts())[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("near_miss", "reason"),
    [({"added": "other"}, "not a bias"), ({"split": "1, 3, 6"}, "are split as")],
    ids=str,
)
def test_a_near_miss_of_packed_projections(near_miss: dict[str, str], reason: str) -> None:
    """What is added is computed; the parts of all heads lie together."""
    rule = PackProjections()
    assert fires(rule, packed(**near_miss)) == 0
    assert reason in rule.refusals[0]


LENGTH = """
<ir_version: 11, opset_import: ["": 23]>
g (float[B,6] x) => (float[?,?] y)
{{
  axes = Constant <value_ints = [{axis}]> ()
  y = ReduceL2 <keepdims = {kept}> (x, axes)
}}
"""


@pytest.mark.parametrize("kept", [0, 1])
def test_a_length_is_the_root_of_squares(kept: int) -> None:
    model, feeds = model_of(LENGTH.format(axis=-1, kept=kept)), {"x": numbers(3, 6)}
    (expected,) = run(model, feeds)
    assert fires(ExpandNorm(), model) == 1
    assert operators(model) == ["ReduceSumSquare", "Sqrt"]
    np.testing.assert_allclose(run(model, feeds)[0], expected, rtol=1e-6)


def test_lengths_along_another_axis_stay() -> None:
    assert fires(ExpandNorm(), model_of(LENGTH.format(axis=0, kept=1))) == 0


def test_a_mask_is_added() -> None:
    model = projected()
    (expected,) = run(model, kept())
    assert fires(AdditiveMask(), model) == 1
    np.testing.assert_allclose(run(model, kept())[0], expected, atol=1e-6)
    assert fires(AdditiveMask(), model) == 0, "it is added already"


PADDED = """
<ir_version: 11, opset_import: ["": 23]>
g (int64[batch,sequence] input_ids, int64[batch,sequence] attention_mask)
  => (float[batch,sequence,6] y)
{{
  x = Gather (table, input_ids)
  q = MatMul (x, w)
  kept = Cast <to = 9> (attention_mask)
  axes = Constant <value_ints = [1, 2]> ()
  wide = Unsqueeze (kept, axes)
  s = Shape <start = 1> (input_ids)
  b = Shape <end = 1> (input_ids)
  one = Constant <value_ints = [1]> ()
  square = Concat <axis = 0> (b, one, s, s)
  keep = Expand (wide, square)
  {mask}
  mixed = Attention <q_num_heads = 2, kv_num_heads = 2{attributes}> (q, q, q, {name})
  {after}
}}
"""
USUAL = {"mask": "", "name": "keep", "attributes": "", "after": "y = Add (mixed, x)"}


def padded(**changes: str) -> ir.Model:
    text = PADDED.format(**{**USUAL, **changes})
    return model_of(text, table=numbers(9, 6), w=numbers(6, 6, seed=1))


def holes(rows: int = 3, length: int = 5) -> dict[str, np.ndarray]:
    random = np.random.default_rng(4)
    mask = random.integers(0, 2, (rows, length))
    mask[:, 0], mask[-1] = 1, 0  # a row without tokens is the last
    return {"input_ids": random.integers(0, 9, mask.shape), "attention_mask": mask}


@pytest.mark.parametrize("after", [USUAL["after"], "t = Gelu (mixed)\n y = Add (t, x)"])
def test_a_layer_without_padding_gives_the_same_where_tokens_are_kept(after: str) -> None:
    model, feeds = padded(after=after), holes()
    (expected,) = run(model, feeds)
    remove_padding(model, (5, 17))
    assert "PackedMultiHeadAttention" in operators(model)
    assert "Attention" not in operators(model)
    apply(model, [ExpandPackedAttention()])
    (found,) = run(forgetful(model), feeds)
    keep = feeds["attention_mask"] > 0
    np.testing.assert_allclose(found[keep], expected[keep], atol=1e-5)
    assert not found[~keep].any()


def forgetful(model: ir.Model) -> ir.Model:
    """Without the shapes of activations, which are those with padding."""
    for node in model.graph:
        for value in node.outputs:
            if value not in model.graph.outputs:
                value.shape = None
    return model


def test_only_kept_tokens_are_looked_up() -> None:
    model = padded()
    remove_padding(model, (5,))
    (lookup,) = [node for node in model.graph if node.inputs and node.inputs[0].name == "table"]
    ids = lookup.inputs[1]
    assert ids is not None
    ids.name = "ids"
    part = ir.convenience.extract(model.graph, list(model.graph.inputs), ["ids"])
    part.opset_imports.update(model.opset_imports)
    mask = np.array([[1, 1, 0], [0, 1, 1]])
    feeds = {"input_ids": np.array([[5, 6, 7], [2, 3, 4]]), "attention_mask": mask}
    (found,) = run(ir.Model(part, ir_version=11), feeds)
    np.testing.assert_array_equal(found, [[5, 6, 3, 4]])


def test_a_lookup_along_another_axis_is_none_of_tokens() -> None:
    """Columns of a table are (rows, batch, sequence): nothing enters by them."""
    after = """
      few = Sub (input_ids, input_ids)
      columns = Gather <axis = 1> (table, few)
      last = Transpose <perm = [1, 2, 0]> (columns)
      two = Constant <value_ints = [2]> ()
      total = ReduceSum <keepdims = 1> (last, two)
      y = Add (mixed, total)
    """
    model, feeds = padded(after=after), holes()
    (expected,) = run(model, feeds)
    remove_padding(model, (5,))
    apply(model, [ExpandPackedAttention()])
    (found,) = run(forgetful(model), feeds)
    keep = feeds["attention_mask"] > 0
    np.testing.assert_allclose(found[keep], expected[keep], atol=1e-5)


def test_what_mixes_tokens_sees_padding_again() -> None:
    """A mean over tokens reads (batch, sequence, …) with zeros where nothing was kept."""
    after = """
      total = ReduceSum <keepdims = 1> (mixed, one)
      y = Add (mixed, total)
    """
    model, feeds = padded(after=after), holes()
    remove_padding(model, (5,))
    apply(model, [ExpandPackedAttention()])
    (found,) = run(forgetful(model), feeds)
    keep = feeds["attention_mask"][..., None]
    (alone,) = run(padded(after="y = Identity (mixed)"), feeds)
    expected = alone * keep + (alone * keep).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_where_kept_tokens_lie_by_hand() -> None:
    model = padded()
    remove_padding(model, (5,))
    (node,) = [node for node in model.graph if node.op_type == "PackedMultiHeadAttention"]
    offsets, cumulative = node.inputs[4], node.inputs[5]
    for name, value in (("offsets", offsets), ("cumulative", cumulative)):
        assert value is not None
        value.name = name
    part = ir.convenience.extract(model.graph, list(model.graph.inputs), ["offsets", "cumulative"])
    part.opset_imports.update(model.opset_imports)
    mask = np.array([[1, 1, 0], [0, 1, 1], [0, 0, 0]])
    feeds = {"input_ids": np.zeros_like(mask), "attention_mask": mask}
    found = run(ir.Model(part, ir_version=11), feeds)
    np.testing.assert_array_equal(found[0], [[0, 1, 4], [5, 2, 3], [6, 7, 8]])
    np.testing.assert_array_equal(found[1], [0, 2, 4, 4])
    assert {array.dtype for array in found} == {np.dtype(np.int32)}


LOCAL = """
  zero = Constant <value_int = 0> ()
  step = Constant <value_int = 1> ()
  axis = Constant <value_ints = [0]> ()
  length = Squeeze (s)
  at = Range (zero, length, step)
  rows = Unsqueeze (at, one)
  columns = Unsqueeze (at, axis)
  away = Sub (rows, columns)
  far = Abs (away)
  near = LessOrEqual (far, window)
  mask = And (keep, near)
  window = Constant <value_int = 8> ()
"""


def local() -> ir.Model:
    lines = LOCAL.strip().splitlines()
    return padded(mask="\n".join([lines[-1], *lines[:-1]]), name="mask")


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: padded(attributes=", is_causal = 1"), "has is_causal"),
        (lambda: padded(attributes=", softcap = 2.0"), "has softcap"),
        (lambda: padded(name=""), "no mask"),
        (local, "depends on more than which tokens"),
    ],
    ids=["causal", "softcap", "no mask", "local"],
)
def test_attention_of_another_kind_stays_padded(model: Any, reason: str) -> None:
    with pytest.raises(StillPaddedError, match=reason):
        remove_padding(model(), (5, 17))


def test_a_layer_that_looks_only_so_far_is_seen_on_a_long_text_only() -> None:
    remove_padding(local(), (5,))
    with pytest.raises(StillPaddedError):
        remove_padding(local(), (5, 17))


@pytest.fixture(scope="module", params=SAMPLES)
def traced(request: pytest.FixtureRequest, made_once: MadeOnce) -> Traced:
    return traced_family(request.param, made_once)


@pytest.fixture(scope="module")
def for_cuda(traced: Traced) -> BuiltGraph:
    return traced.built("cuda")


@pytest.fixture(scope="module")
def without_padding(traced: Traced) -> BuiltGraph | None:
    """None where a family's masks allow no such graph."""
    if traced.family in WITH_OWN_MASKS:
        with pytest.raises(StillPaddedError, match="depends on more than which tokens are kept"):
            traced.built("cuda-packed")
        return None
    return traced.built("cuda-packed")


def test_each_family_is_fused_for_cuda(traced: Traced, for_cuda: BuiltGraph) -> None:
    """Two norms a layer after an addition, and one activation, where the family has such."""
    family, layers, counts = traced.family, traced.spec.layers, for_cuda.fusions
    before_layers = family.startswith("modernbert")
    embeddings = family in ("roberta", "roberta-types", "xlm-roberta", "camembert", "mpnet")
    gated = family.startswith(("modernbert", "nomic", "bert-relu"))
    assert counts["attention"] == layers
    assert counts.get("bias_gelu", 0) == (0 if gated else layers)
    residual = 0 if before_layers else 2 * layers + (embeddings or family.startswith("nomic"))
    assert counts.get("skip_layer_norm", 0) == residual + (family == "modernbert-biased")


def test_each_family_without_padding_is_equal_to_torch(
    traced: Traced, without_padding: BuiltGraph | None, tmp_path: Path
) -> None:
    assert (without_padding is None) == (traced.family in WITH_OWN_MASKS)
    if without_padding is None:
        return
    write_graphs([without_padding], tmp_path)
    path = tmp_path / without_padding.target.file
    with runnable(without_padding.target, path) as twin:
        assert twin != path
        check_parity(twin, traced.module, traced.spec, unpadded=True).require()
    assert not twin.exists()
    assert without_padding.fusions["attention"] == traced.spec.layers


def test_what_is_read_from_a_first_token_is_compared_where_that_is_kept(tmp_path: Path) -> None:
    """Torch says something of a token that is dropped; a graph without padding has no such."""
    source = open_source(save(build_with_head(SAMPLES["bert"], "classify"), tmp_path / "source"))
    module, spec = source.module, source.spec
    target = TARGETS["cuda-packed"]
    write_graphs([build(trace(module, spec), target, spec, target.min_onnxruntime)], tmp_path)
    with runnable(target, tmp_path / target.file) as twin:
        check_parity(twin, module, spec, unpadded=True).require()
        held_to_all = check_parity(twin, module, spec)
    failed = {case.case for case in held_to_all.cases if not case.passed}
    assert failed
    assert all("left" in case or "gaps" in case for case in failed)


def test_cuda_has_a_kernel_for_every_operator(
    for_cuda: BuiltGraph, without_padding: BuiltGraph | None
) -> None:
    """By the kernels that ONNX Runtime's library for CUDA says it has."""
    for precision in ("float32", "float16", "bfloat16"):
        assert without_kernel(for_cuda.model, precision) == set(), precision
    if without_padding is not None:
        for precision in ("float32", "float16"):
            assert without_kernel(without_padding.model, precision) == set(), precision


def test_the_list_of_kernels_is_no_carte_blanche() -> None:
    known = cuda_kernels()
    assert known["com.microsoft.PackedMultiHeadAttention"] == {"float16", "float32"}
    assert "bfloat16" in known["Attention"]
    assert "NonMaxSuppression2" not in known
