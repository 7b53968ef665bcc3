import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.reference
import onnxruntime
import pytest
from tokenizers import Tokenizer

import edgebert
from edgebert_quantize import RECIPES, default_texts
from edgebert_quantize.calibration.text_split import Feeder, calibration_texts, default_text_split
from edgebert_quantize.evaluation.quality import compare, graph_runner
from edgebert_quantize.similarity import (
    Outputs,
    QualityThreshold,
    SimilarityMetric,
    comparison_of,
    row_cosines,
    score_similarity,
)
from edgebert_runtime import Bundle, load
from edgebert_runtime.bundle.manifest import hash_file
from edgebert_runtime.errors import BundleExistsError, ConfigError, ExportError, QualityError
from tests.support.bundle_files import files_of
from tests.support.tiny_encoder import TEXTS


def test_the_variant_is_measured_and_recorded(tiny_bundle: Bundle) -> None:
    variant = tiny_bundle.manifest.variants["int8-cpu"]
    assert variant.way.quality is not None
    assert variant.way.quality["floor"]["mean"] <= variant.way.quality["mean"] < 1
    assert variant.way.quality["samples"] == len(default_text_split().quality)
    assert tiny_bundle.manifest.default_variant == "fp32"


def test_the_int8_file_runs_and_is_close(tiny_bundle: Bundle) -> None:
    exact = load(tiny_bundle, "fp32").embed(TEXTS)
    rounded = load(tiny_bundle, "int8").embed(TEXTS)
    cosines = row_cosines(rounded, exact)
    assert 0.98 < cosines.min() < 1


def test_below_the_threshold_nothing_is_written(
    fp32_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    thresholds = {SimilarityMetric.COSINE: QualityThreshold(mean=0.9999999, worst=0.98)}
    strict = replace(RECIPES["int8"], thresholds=thresholds)
    monkeypatch.setitem(RECIPES, "int8", strict)
    before = files_of(fp32_bundle)
    with pytest.raises(
        QualityError, match=r"similarity to fp32 \(cosine\) is 0\.9.*required are 0.9999999"
    ):
        edgebert.quantize(fp32_bundle)
    assert files_of(fp32_bundle) == before


def test_a_second_time_is_refused(tiny_bundle: Bundle) -> None:
    with pytest.raises(BundleExistsError, match="has a variant 'int8' already"):
        edgebert.quantize(tiny_bundle)


def test_an_unknown_recipe_lists_the_known(tiny_bundle: Bundle) -> None:
    with pytest.raises(
        ConfigError,
        match=r"recipe must be one of int8, int8-dynamic, int8-static, int4, .*; got 'int2'",
    ):
        edgebert.quantize(tiny_bundle, recipe="int2")


def test_a_bundle_without_the_cpu_graph_says_how_to_get_one(
    tiny_folder: Path, tmp_path: Path
) -> None:
    portable = edgebert.export(tiny_folder, tmp_path / "out", target="portable")
    with pytest.raises(ConfigError, match="export with target='cpu'"):
        edgebert.quantize(portable)


def test_verify_holds_int8_to_its_threshold(bundle: Bundle, tiny_folder: Path) -> None:
    report = edgebert.verify(bundle, against=tiny_folder)
    assert report.passed
    assert set(report.worst) == {"portable", "cpu", "int8-portable", "int8-cpu"}
    manifest = bundle.manifest
    variant = manifest.variants["int8-cpu"]
    quality = {**(variant.way.quality or {}), "floor": {"mean": 0.999999, "worst": 0.98}}
    ways = {"stock": replace(variant.way, quality=quality)}
    stricter = {**manifest.variants, "int8-cpu": replace(variant, ways=ways)}
    text = replace(manifest, variants=stricter).to_json()
    (bundle.folder / "edgebert.json").write_text(text, encoding="utf-8")
    report = edgebert.verify(bundle, against=tiny_folder)
    assert not report.passed
    with pytest.raises(QualityError, match="variant 'int8-cpu'"):
        report.require()


def test_calibration_and_measurement_share_no_text(tiny_bundle: Bundle) -> None:
    tokenizer = Tokenizer.from_file(str(tiny_bundle.folder / "tokenizer.json"))
    samples = default_text_split()
    calibrated = calibration_texts(samples, tokenizer)
    assert len(samples.quality) == 256
    assert len(samples.calibration) == 1024
    assert set(samples.calibration) < set(calibrated)
    assert not set(samples.quality) & set(calibrated)


def test_calibration_sees_the_whole_of_a_small_vocabulary(tiny_bundle: Bundle) -> None:
    tokenizer = Tokenizer.from_file(str(tiny_bundle.folder / "tokenizer.json"))
    specials = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    words = {word for word in tokenizer.get_vocab() if word.isalpha() and word not in specials}
    seen = {
        word for text in calibration_texts(default_text_split(), tokenizer) for word in text.split()
    }
    assert words <= seen


def test_default_texts_are_the_same_each_time() -> None:
    assert default_texts(50) == default_texts(50)
    assert len(set(default_texts(1000))) == 1000


@pytest.mark.parametrize("spoil", [np.nan, 0.0, -1.0])
def test_the_evaluator_can_fail(tiny_bundle: Bundle, spoil: float) -> None:
    comparison = comparison_of(tiny_bundle.manifest)
    exact = graph_runner(tiny_bundle.path_of("onnx/model_cpu.onnx"), comparison.outputs)

    def spoiled(feeds: Any) -> Outputs:
        (vectors,) = exact(feeds)
        return [vectors * spoil if feeds["input_ids"].shape[1] == 5 else vectors]

    texts = ["the cat", "a dog", "a small dog", "it ran far on"]
    threshold = QualityThreshold(mean=0.5, worst=0.98)
    feeder = Feeder.of(tiny_bundle)
    quality = compare(comparison, spoiled, exact, feeder, texts, threshold=threshold, data="here")
    assert not quality.passed
    with pytest.raises(QualityError, match="text 'a small dog'"):
        quality.require()


@pytest.mark.parametrize(
    ("activation", "left", "right", "expected"),
    [
        ("softmax", [[0.0, 0.0]], [[0.0, 0.0]], [1.0]),
        ("softmax", [[100.0, 0.0]], [[0.0, 100.0]], [0.0]),
        ("softmax", [[0.0, 0.0]], [[np.log(3.0), 0.0]], [0.75]),
        ("sigmoid", [[0.0, 0.0]], [[np.log(3.0), 0.0]], [0.75, 1.0]),
    ],
)
def test_similarity_of_scores_by_hand(
    activation: str, left: list[list[float]], right: list[list[float]], expected: list[float]
) -> None:
    found = score_similarity(np.float32(left), np.float32(right), activation)
    np.testing.assert_allclose(found, expected, atol=1e-7)


@pytest.mark.parametrize(
    ("recipe", "invariant"),
    [("int8", True), ("int8-static", True), ("int8-dynamic", False), ("int4", True)],
)
def test_every_recipe_adds_its_own_file(fp32_bundle: Bundle, recipe: str, invariant: bool) -> None:
    bundle = edgebert.quantize(fp32_bundle, recipe=recipe, force=True)
    names = bundle.manifest.named(recipe)
    variants = [bundle.manifest.variants[name] for name in names]
    assert {variant.batch_invariant for variant in variants} == {invariant}
    assert variants[0].file == RECIPES[recipe].file
    assert load(bundle, recipe).info().variant == names[-1]


@pytest.mark.parametrize("beside", [64, 256])
def test_real_vectors_do_not_depend_on_their_batch(minilm_bundle: Bundle, beside: int) -> None:
    """In plain ONNX Runtime: alone, among other lengths, and padded far beyond its own."""
    path = minilm_bundle.path_of(minilm_bundle.manifest.variants["int8-cpu"].file)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    batches = list(Feeder.of(minilm_bundle).alone(default_texts(64)))
    alone = np.concatenate([session.run(["sentence_embedding"], feeds)[0] for feeds in batches])
    longest = max(beside, *(feeds["input_ids"].shape[1] for feeds in batches))
    mixed = {
        name: np.concatenate([padded(feeds[name], longest) for feeds in batches])
        for name in batches[0]
    }
    (together,) = session.run(["sentence_embedding"], mixed)
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-5)


def padded(ids: np.ndarray, length: int) -> np.ndarray:
    return np.pad(ids, ((0, 0), (0, length - ids.shape[1])))


def test_real_weights_reach_the_threshold_with_room(minilm_bundle: Bundle) -> None:
    quality = minilm_bundle.manifest.variants["int8-cpu"].way.quality
    assert quality is not None
    assert quality["mean"] > 0.999
    assert quality["worst"] > 0.996


def test_real_weights_shrink_to_about_a_quarter(minilm_bundle: Bundle) -> None:
    variants = minilm_bundle.manifest.variants
    int8, fp32 = (minilm_bundle.size_bytes(variants[name]) for name in ("int8-cpu", "cpu"))
    assert int8 <= 0.27 * fp32


@pytest.mark.slow
def test_the_static_recipe_has_standard_operators_only(
    minilm_bundle: Bundle, tmp_path: Path
) -> None:
    """onnx itself runs it, by its reference; ONNX Runtime gives the same answers."""
    folder = tmp_path / "bundle"
    shutil.copytree(minilm_bundle.folder, folder)
    bundle = edgebert.quantize(folder, "int8-static")
    variant = bundle.manifest.variants["int8-static"]
    assert variant.target == "portable"
    assert variant.min_onnxruntime == bundle.manifest.variants["portable"].min_onnxruntime
    quality = variant.way.quality
    assert quality is not None
    assert quality["mean"] > 0.997
    path = bundle.path_of(variant.file)
    graph = onnx.load(path)
    onnx.checker.check_model(graph)
    assert {node.domain for node in graph.graph.node} == {""}
    reference = onnx.reference.ReferenceEvaluator(graph)
    (feeds,) = Feeder.of(bundle).alone(["a short text"])
    named = {value.name: feeds[value.name] for value in graph.graph.input}
    (vector,) = reference.run(["sentence_embedding"], named)
    np.testing.assert_allclose(
        vector, load(bundle, "int8-static").embed(["a short text"]), atol=2e-3
    )


def test_tables_alone_can_be_rounded(minilm_bundle: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(minilm_bundle.folder, folder)
    bundle = edgebert.quantize(folder, "embeddings-int8")
    variants = bundle.manifest.variants
    variant = variants["embeddings-int8"]
    assert (variant.precision, variant.instruction_sets) == ("embeddings-int8", ())
    saved = bundle.size_bytes(variants["cpu"]) - bundle.size_bytes(variant)
    assert saved == pytest.approx(30522 * 384 * 3, rel=0.02)  # a byte for four
    quality = variant.way.quality
    assert quality is not None
    assert quality["worst"] > 0.9995
    assert "calibration" not in quality
    names = ("fp32", "embeddings-int8")
    exact, rounded = (load(bundle, name).embed(default_texts(8)) for name in names)
    np.testing.assert_allclose(rounded, exact, atol=0.02)
    assert (rounded != exact).any()


def test_tables_too_small_to_round_are_named(fp32_bundle: Bundle) -> None:
    with pytest.raises(ExportError, match="no embedding table large enough"):
        edgebert.quantize(fp32_bundle, "embeddings-int8")


def test_a_graph_that_is_quantized_already_says_so(bundle: Bundle) -> None:
    """The int8 graph is handed in as the fp32 one: what its operators are, it says."""
    manifest = bundle.manifest
    fake = replace(manifest.variants["int8-cpu"], precision="fp32", target="cpu")
    only: dict[str, Any] = {"variants": {"cpu": fake}, "default_variant": "cpu", "provenance": ()}
    text = replace(manifest, **only).to_json()
    (bundle.folder / "edgebert.json").write_text(text, encoding="utf-8")
    with pytest.raises(ExportError, match=r"quantized already, it has .*MatMulIntegerToFloat"):
        edgebert.quantize(bundle)


def test_the_model_card_has_a_row_for_each_variant(fp32_bundle: Bundle) -> None:
    card = fp32_bundle.folder / "README.md"
    before = card.read_text(encoding="utf-8")
    edgebert.quantize(fp32_bundle, "int8-dynamic", force=True)
    bundle = edgebert.quantize(fp32_bundle, "int4")
    text = card.read_text(encoding="utf-8")
    assert text.startswith(before.rstrip())
    assert text.count("## Quantized") == 1
    quality = bundle.manifest.variants["int4"].way.quality
    assert quality is not None
    measured = f"{quality['mean']:.5f} | {quality['worst']:.5f} | not compared | not measured"
    assert f"| {measured} | 256 sentences of CPython" in text
    assert "| int8-dynamic | `onnx/model_int8-dynamic.onnx` |" in text
    assert "| nothing |" in text  # nothing is watched for dynamic ranges


def test_a_card_that_an_older_manifest_hashes_stays_as_it_is(fp32_bundle: Bundle) -> None:
    manifest = fp32_bundle.manifest
    hashed = {**manifest.files, "README.md": hash_file(fp32_bundle.folder / "README.md")}
    text = replace(manifest, files=hashed).to_json()
    (fp32_bundle.folder / "edgebert.json").write_text(text, encoding="utf-8")
    before = (fp32_bundle.folder / "README.md").read_bytes()
    edgebert.quantize(fp32_bundle, "int8-dynamic", force=True)
    assert (fp32_bundle.folder / "README.md").read_bytes() == before
