import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebert_runtime import Bundle, Embedder, load
from edgebert_runtime.errors import (
    BundleError,
    BundleIntegrityError,
    ConfigError,
    InputError,
    ProviderUnavailableError,
    TruncationWarning,
)
from tests.support.tiny_manifest import of_task

A, B = "the small cat sat on the mat .", "a dog ran far over the unable red dogs and it is small"


@pytest.fixture(scope="module")
def model(tiny_bundle: Bundle) -> Embedder:
    return load(tiny_bundle)


@pytest.mark.device
def test_vectors_are_float32_one_row_a_text(model: Embedder) -> None:
    vectors = model.embed([A, B, ""])
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, 48)
    assert np.isfinite(vectors).all()


@pytest.mark.device
def test_a_text_has_the_same_vector_whatever_it_is_batched_with(model: Embedder) -> None:
    alone, together = model.embed([A]), model.embed([A, B, A])
    np.testing.assert_allclose(together[0], alone[0], atol=2e-6)
    np.testing.assert_allclose(together[2], alone[0], atol=2e-6)


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(st.sampled_from([A, B, "", "cat", "red blue"]), max_size=12))
def test_answers_come_back_in_the_callers_order(model: Embedder, texts: list[str]) -> None:
    vectors = model.embed(texts)
    assert vectors.shape == (len(texts), 48)
    for vector, text in zip(vectors, texts, strict=True):
        np.testing.assert_allclose(vector, model.embed([text])[0], atol=2e-6)


@settings(deadline=None, max_examples=60)
@given(text=st.text(max_size=60))
def test_any_text_has_a_finite_vector(model: Embedder, text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)
        assert np.isfinite(model.embed([text])).all()


def test_no_texts_give_no_rows(model: Embedder) -> None:
    assert model.embed([]).shape == (0, 48)


@pytest.mark.device
def test_a_long_text_is_cut_and_reported_once(model: Embedder) -> None:
    with pytest.warns(TruncationWarning, match=r"2 of 3 texts were cut to 40 tokens") as caught:
        vectors = model.embed([A, "cat " * 60, "dog " * 50])
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert model.last_report is not None
    cut = [(text.index, text.tokens, text.limit) for text in model.last_report.truncated]
    assert cut == [(1, 62, 40), (2, 52, 40)]
    np.testing.assert_allclose(vectors[1], model.embed(["cat " * 38])[0], atol=2e-6)


def test_a_text_at_the_limit_is_not_reported(model: Embedder) -> None:
    model.embed(["cat " * 38])
    assert model.last_report is not None
    assert model.last_report.truncated == ()


@pytest.mark.device
def test_normalized_on_request(model: Embedder) -> None:
    plain, unit = model.embed([A, B]), model.embed([A, B], normalize=True)
    lengths = np.linalg.norm(plain, axis=1, keepdims=True)
    assert abs(lengths - 1).min() > 1e-3
    np.testing.assert_allclose(unit, plain / lengths, atol=1e-6)


@pytest.mark.device
def test_fewer_dimensions_are_the_first(model: Embedder) -> None:
    np.testing.assert_array_equal(model.embed([A], dimensions=5), model.embed([A])[:, :5])
    short = model.embed([A], normalize=True, dimensions=5)
    np.testing.assert_allclose(np.linalg.norm(short, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("dimensions", [0, 49, -1])
def test_impossible_dimensions_are_refused(model: Embedder, dimensions: int) -> None:
    with pytest.raises(ConfigError, match="dimensions must be between 1 and 48"):
        model.embed([A], dimensions=dimensions)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("one string", "got one string; write embed"),
        ([A, 3], "item 1 is int, expected str"),
        ([A, None], "item 1 is NoneType"),
        ([A, b"x"], "item 1 is bytes"),
        ([A, "ab\ud800c"], "item 1 holds a lone surrogate at character 2"),
    ],
)
def test_what_is_not_text_is_named(model: Embedder, texts: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        model.embed(texts)


def test_prompts_go_before_the_text(bundle: Bundle) -> None:
    manifest, plain = bundle.manifest, load(bundle).embed(["cat"])
    assert manifest.task.embedding is not None
    prompted = replace(manifest.task.embedding, prompts={"q": "red "}, default_prompt="q")
    text = of_task(manifest, embedding=prompted).to_json()
    (bundle.folder / "edgebert.json").write_text(text, encoding="utf-8")
    model = load(bundle)
    expected = load(bundle, verify="never").embed(["red cat"], prompt="q")
    assert not np.allclose(model.embed(["cat"]), expected)
    np.testing.assert_array_equal(model.embed(["cat"]), model.embed(["cat"], prompt="q"))
    np.testing.assert_array_equal(model.embed(["cat"], prompt=""), plain)
    with pytest.raises(ConfigError, match="prompt 'p' is unknown; this bundle has: q"):
        model.embed(["cat"], prompt="p")


@pytest.mark.device
def test_auto_runs_fp32_for_the_cpu(model: Embedder, tiny_bundle: Bundle) -> None:
    assert (model.info().variant, model.info().precision) == ("cpu", "fp32")
    assert load(tiny_bundle, "portable").info().variant == "portable"
    assert load(tiny_bundle, "int8").info().batch_invariant is True


@pytest.mark.device
def test_info_says_what_runs(model: Embedder) -> None:
    info = model.info()
    assert info.provider == "cpu"
    assert info.threads >= 1
    assert info.max_length == 40
    assert set(info.sha256) == {"onnx/model_cpu.onnx", "tokenizer.json"}
    json.dumps(info.sha256)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"variant": "int2"}, ConfigError, "has no variant 'int2'.* int8, int8-cpu, int8-portable"),
        ({"provider": "cuda"}, ProviderUnavailableError, r"edgebert-runtime\[gpu\]"),
        ({"provider": "tpu"}, ConfigError, "provider must be one of auto, cpu, cuda"),
        ({"threads": 0}, ConfigError, "threads must be at least 1"),
        ({"verify": "maybe"}, ConfigError, "always"),
    ],
)
def test_what_cannot_be_had_is_an_error(
    tiny_bundle: Bundle, arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load(tiny_bundle, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("file", ["onnx/model_cpu.onnx", "tokenizer.json"])
def test_one_changed_byte_is_named(bundle: Bundle, file: str) -> None:
    path = bundle.folder / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleIntegrityError, match=file):
        load(bundle)


def test_a_bundle_runs_after_it_was_moved(minilm_bundle: Bundle, tmp_path: Path) -> None:
    """Its weights are in another file, found beside the graph wherever that is."""
    moved = shutil.copytree(minilm_bundle.folder, tmp_path / "moved and renamed")
    assert minilm_bundle.manifest.variants["cpu"].files[1:] == ("onnx/model.onnx",)
    np.testing.assert_array_equal(load(moved).embed([A]), load(minilm_bundle).embed([A]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not valid JSON"),
        ("[]", "expected a JSON object"),
        ('{"schema_version": 99}', r"schema version 99, this edgebert reads 1 and 2"),
        ('{"schema_version": 1, "embedding": null}', "lacks 'task'"),
    ],
)
def test_a_manifest_it_cannot_read(bundle: Bundle, content: str, message: str) -> None:
    (bundle.folder / "edgebert.json").write_text(content, encoding="utf-8")
    with pytest.raises(BundleError, match=message):
        load(bundle)


def test_no_bundle_there(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"is .* an edgebert bundle"):
        load(tmp_path / "nothing")


def test_an_unverified_bundle_says_so(tiny_bundle: Bundle) -> None:
    assert load(tiny_bundle, verify="never").info().verified == "never"


def test_unknown_keys_are_ignored(bundle: Bundle) -> None:
    path = bundle.folder / "edgebert.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**fields, "later": {"a": 1}}), encoding="utf-8")
    assert load(bundle).embed([A]).shape == (1, 48)
