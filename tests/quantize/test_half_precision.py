"""Half precision: which operators, what it costs, and what happens without kernels for it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import safetensors.numpy

import edgebert
from edgebert_quantize.calibration.text_split import Feeder
from edgebert_quantize.evaluation.quality import graph_runner
from edgebert_quantize.recipes import FLOAT_OPERATORS, RECIPES, HalfRecipe, Precision
from edgebert_quantize.rewrite.half_precision import to_half
from edgebert_quantize.rewrite.rewrite import write_half
from edgebert_runtime import Bundle, load
from edgebert_runtime.engine.providers import PROVIDERS
from edgebert_runtime.errors import (
    ConfigError,
    ExportError,
    ProviderUnavailableError,
    QualityError,
    UnverifiedWarning,
)
from edgebert_runtime.verification.self_test import check_all
from tests.support.small_graphs import model_of, operators, run
from tests.support.tiny_encoder import TEXTS
from tests.support.tiny_manifest import picked

GRAPH = """
<ir_version: 11, opset_import: ["": 23]>
g (float[B,4] x) => (float[B,3] y, float[B,1] z)
{
  p = MatMul (x, w)
  y = Add (p, b)
  axis = Constant <value_ints = [-1]> ()
  z = ReduceSum (y, axis)
}
"""
KEPT = frozenset({"ReduceSum"})


def model() -> ir.Model:
    random = np.random.default_rng(0)
    return model_of(GRAPH, w=random.standard_normal((4, 3)), b=np.array([0.1, 1e-9, -3.4e38]))


def half_operators(float_operators: frozenset[str] = frozenset()) -> set[str]:
    """Kinds of operators that give float16 once a model is converted."""
    made = model()
    to_half(made, HalfRecipe(precision="fp16", float_operators=float_operators))
    nodes = (node for node in made.graph if node.op_type != "Cast")
    return {node.op_type for node in nodes if node.outputs[0].dtype == ir.DataType.FLOAT16}


def half(value: np.ndarray) -> np.ndarray:
    return value.astype(np.float16).astype(np.float32)


def test_a_copy_leaves_the_types_of_its_original() -> None:
    original = model()
    before = [value.dtype for node in original.graph for value in node.outputs]
    to_half(original.clone(), HalfRecipe(precision="fp16", float_operators=KEPT))
    assert [value.dtype for node in original.graph for value in node.outputs] == before


def test_operators_of_an_old_opset_are_refused_with_the_callers_file(tmp_path: Path) -> None:
    text = """
    <ir_version: 8, opset_import: ["": 14]>
    g (float[B,4] x) => (float[B,3] y)
    {
      p = MatMul (x, w)
      y = Pow (p, two)
    }
    """
    ir.save(model_of(text, w=np.ones((4, 3)), two=np.array(2.0)), tmp_path / "scratch.onnx")
    recipe = RECIPES["bf16"].half
    assert recipe is not None
    with pytest.raises(
        ExportError, match=r"^mine\.onnx .*in bf16 at its opset, 14: .*newer opset$"
    ):
        write_half(
            tmp_path / "scratch.onnx", tmp_path / "out.onnx", recipe, source=Path("mine.onnx")
        )


def test_a_type_that_nobody_knows_is_not_guessed() -> None:
    """Another's operator gives two values; of one it is known that it is float32."""
    made = model()
    (product, *_) = made.graph
    other = ir.node("Two", [product.outputs[0]], num_outputs=2, domain="someone.else")
    made.graph.insert_after(product, other)
    made.opset_imports["someone.else"] = 1
    product.outputs[0].replace_all_uses_with(other.outputs[1])
    other.replace_input_with(0, product.outputs[0])
    with pytest.raises(ExportError, match=r"which Two .* gives, cannot be inferred"):
        to_half(made, HalfRecipe(precision="fp16", float_operators=KEPT))


def test_operators_are_converted_and_borders_cast() -> None:
    made = model()
    assert to_half(made, HalfRecipe(precision="fp16", float_operators=KEPT)) == 2
    assert operators(made) == ["Cast", "MatMul", "Add", "Cast", "Constant", "ReduceSum"]
    assert [value.name for value in made.graph.outputs] == ["y", "z"]
    types = {value.const_value.dtype for value in made.graph.initializers.values()}
    assert types == {ir.DataType.FLOAT16}
    onnx.checker.check_model(ir.to_proto(made), full_check=True)


def test_numbers_by_hand() -> None:
    """Weights, products and sums are rounded; a constant no half holds is half its largest."""
    exact, made = model(), model()
    weight = exact.graph.initializers["w"].const_value
    assert weight is not None
    to_half(made, HalfRecipe(precision="fp16", float_operators=KEPT), emulated=True)
    x = np.eye(4, dtype=np.float32)
    y, z = run(made, x)
    expected = half(half(half(weight.numpy())) + half(np.array([0.1, 1e-9, -32752])))
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_allclose(z[:, 0], expected.sum(axis=1), rtol=1e-6)
    assert (y.dtype, z.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("kept", [KEPT, frozenset(), frozenset({"MatMul"}), {*KEPT, "Gelu"}])
def test_the_emulation_answers_as_kernels_for_half_do(kept: frozenset[str]) -> None:
    real, emulation, x = model(), model(), np.random.default_rng(1).standard_normal((5, 4))
    to_half(real, HalfRecipe(precision="fp16", float_operators=kept))
    to_half(emulation, HalfRecipe(precision="fp16", float_operators=kept), emulated=True)
    for found, expected in zip(run(emulation, x), run(real, x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-3)
    assert "Cast" in operators(emulation)


def test_the_emulation_rounds_to_bfloat16() -> None:
    """1 + 1/256 is 1 in bfloat16, whose steps there are 1/128."""
    made = model_of(GRAPH, w=np.eye(4, 3), b=np.zeros(3))
    to_half(made, HalfRecipe(precision="bf16", float_operators=KEPT), emulated=True)
    y, _ = run(made, np.full((1, 4), 1 + 1 / 256))
    np.testing.assert_array_equal(y, np.ones((1, 3)))


def test_operators_that_would_be_converted_are_named() -> None:
    assert half_operators() == {"MatMul", "Add", "ReduceSum"}
    assert half_operators(KEPT) == {"MatMul", "Add"}


@pytest.fixture
def fp32(tiny_cuda: Bundle, tmp_path: Path) -> Bundle:
    return Bundle.open(shutil.copytree(tiny_cuda.folder, tmp_path / "copy"))


def test_fp16_of_a_portable_graph_runs_here(bundle: Bundle, tiny_folder: Path) -> None:
    bundle = edgebert.quantize(bundle, "fp16")
    variant = bundle.manifest.variants["fp16"]
    assert (variant.target, variant.needs, variant.verified) == ("portable", None, True)
    quality = variant.way.quality
    assert quality is not None
    assert 0.9999 < quality["mean"] < 1
    exact, found = (load(bundle, name).embed(TEXTS) for name in ("fp32", "fp16"))
    np.testing.assert_allclose(found, exact, atol=0.01)
    assert found.dtype == np.float32
    assert edgebert.verify(bundle, against=tiny_folder).passed


def test_half_the_size_of_real_weights(minilm_bundle: Bundle, tmp_path: Path) -> None:
    folder = shutil.copytree(minilm_bundle.folder, tmp_path / "bundle")
    bundle = edgebert.quantize(folder, "fp16")
    variants = bundle.manifest.variants
    sizes = [bundle.size_bytes(variants[name]) for name in ("fp16", "portable")]
    assert sizes[0] == pytest.approx(sizes[1] / 2, rel=0.01)


@pytest.mark.parametrize(("recipe", "similarity"), [("fp16", 0.9999), ("bf16", 0.999)])
def test_a_graph_for_gpus_says_what_it_needs(
    fp32: Bundle, tiny_folder: Path, recipe: str, similarity: float
) -> None:
    """No CPU kernels: its emulation is measured, and nothing claims that it has run."""
    bundle = edgebert.quantize(fp32, recipe)
    variant = bundle.manifest.variants[recipe]
    assert (variant.target, variant.needs, variant.verified) == ("cuda", "cuda", False)
    quality = variant.way.quality
    assert quality is not None
    assert similarity < quality["mean"] < 1
    assert not list(bundle.folder.glob("**/emulated*"))
    assert f"samples/{recipe}.json" not in bundle.manifest.files
    reports = {report.variant: report for report in check_all(bundle)}
    assert reports[recipe].left_out == "needs provider 'cuda', not 'cpu'"
    assert [name for name, report in reports.items() if report.passed] == ["portable", "cuda"]
    with pytest.raises(ProviderUnavailableError, match="needs provider 'cuda', not 'cpu'"):
        load(bundle, recipe)
    report = edgebert.verify(bundle, against=tiny_folder)
    assert report.left_out == {"cuda-packed": "cuda", recipe: "cuda"}
    assert set(report.variants) == {"portable", "cuda"}


def without_packed(bundle: Bundle) -> Bundle:
    """Without the graph that only a GPU opens."""
    variants = dict(bundle.manifest.variants)
    variants.pop("cuda-packed")
    manifest = replace(bundle.manifest, variants=variants)
    (bundle.folder / "edgebert.json").write_text(manifest.to_json(), encoding="utf-8")
    return Bundle.open(bundle.folder)


def test_a_graph_without_padding_is_measured_by_the_one_with_it(fp32: Bundle) -> None:
    bundle = edgebert.quantize(edgebert.quantize(fp32, "fp16"), "fp16-packed")
    plain, packed = (bundle.manifest.variants[name] for name in ("fp16", "fp16-packed"))
    assert packed.way == plain.way
    assert (packed.target, packed.needs, packed.verified) == ("cuda-packed", "cuda", False)
    assert packed.fusions["attention"] == plain.fusions["attention"]
    assert picked(bundle, "auto", "cuda") == "fp16-packed"
    assert picked(bundle, "fp32", "cuda") == "cuda-packed"
    with pytest.raises(ProviderUnavailableError, match="needs provider 'cuda', not 'cpu'"):
        load(bundle, "fp16-packed")


def test_a_bundle_that_lacks_the_graph_says_how_to_get_it(bundle: Bundle) -> None:
    with pytest.raises(ConfigError, match=r"fp32 graph for cuda-packed, .* with target='cuda'"):
        edgebert.quantize(bundle, "fp16-packed")


@pytest.mark.parametrize("name", ["cuda", "cuda-packed"])
def test_half_precision_stands_between_few_casts(tiny_cuda: Bundle, name: str) -> None:
    """Those of masks and positions, and at the border of pooling; none within a layer."""
    made = ir.load(tiny_cuda.path_of(tiny_cuda.manifest.variants[name].file))
    recipe = RECIPES["fp16"].half
    assert recipe is not None
    before = operators(made).count("Cast")
    to_half(made, recipe)
    assert operators(made).count("Cast") - before <= 3
    types = {value.dtype for node in made.graph for value in node.outputs if node.domain}
    assert types == {ir.DataType.FLOAT16}


def test_verifying_where_it_runs_takes_the_warning_away(
    fp32: Bundle, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CPU stands for a GPU: what is tested is who may say `verified`."""
    bundle = edgebert.quantize(without_packed(fp32), "fp16")
    stand_in = replace(PROVIDERS["cuda"], engine_name="CPUExecutionProvider")
    monkeypatch.setitem(PROVIDERS, "cuda", stand_in)
    with pytest.warns(UnverifiedWarning, match="run edgebert verify here once"):
        load(bundle, "fp16", provider="cuda")
    (report,) = [each for each in check_all(bundle, "cuda") if each.variant == "fp16"]
    assert "run edgebert verify here instead" in str(report.left_out)
    assert edgebert.verify(bundle, against=tiny_folder).passed
    again = Bundle.open(bundle)
    assert again.manifest.variants["fp16"].verified
    assert json.loads((bundle.folder / "edgebert.json").read_text())["variants"]["fp16"]["needs"]
    assert load(again, "fp16", provider="cuda").info().provider == "cuda"


def test_what_overflows_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    """Activations of 1e5 and more are infinite in fp16, and NaN after that."""
    source = shutil.copytree(tiny_folder, tmp_path / "source")
    weights = safetensors.numpy.load_file(source / "model.safetensors")
    (name,) = [name for name in weights if name.endswith("embeddings.LayerNorm.weight")]
    weights[name] = weights[name] * np.float32(1e5)
    safetensors.numpy.save_file(weights, source / "model.safetensors")
    bundle = edgebert.export(source, tmp_path / "out", target="cuda", precision="fp32")
    before = sorted(bundle.folder.rglob("*"))
    with pytest.raises(QualityError, match=r"0\.0000 at worst"):
        edgebert.quantize(bundle, "fp16")
    assert sorted(bundle.folder.rglob("*")) == before


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_pooling_in_float_keeps_vectors_of_length_one(
    minilm_bundle: Bundle, precision: Precision, tmp_path: Path
) -> None:
    (feeds,) = Feeder.of(minilm_bundle).alone(["A text of eight words or so, perhaps."])
    lengths = []
    for number, kept in enumerate((frozenset[str](), FLOAT_OPERATORS)):
        made = ir.load(minilm_bundle.path_of("onnx/model_cpu.onnx"))
        to_half(made, HalfRecipe(precision=precision, float_operators=kept), emulated=True)
        path = tmp_path / f"{number}.onnx"
        ir.external_data.load_to_model(made)
        ir.save(made, path)
        (vector,) = graph_runner(path, ["sentence_embedding"])(feeds)
        lengths.append(abs(np.linalg.norm(vector) - 1))
    assert lengths[1] < 2e-6 < 1e-5 < lengths[0]
