"""Every task from the folder transformers saves to the runtime's answers, beside its pipelines."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

import edgebert
from edgebert_runtime import Bundle, load
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.postprocessing.spans import Aggregation
from edgebert_runtime.verification.self_test import check_all
from tests.support.families import SAMPLES, build_with_head, save
from tests.support.tokenizers import TEXTS

FAMILIES = ["bert", "roberta", "xlm-roberta"]
"""One for each kind of tokenizer: word pieces, byte pairs, unigrams."""

Exported = tuple[Path, Bundle]


@pytest.fixture(scope="module", params=FAMILIES)
def export(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Exported]:
    def run(task: str, **changes: Any) -> Exported:
        folder = tmp_path_factory.mktemp("task")
        source = save(build_with_head(SAMPLES[request.param], task, **changes), folder / "source")
        bundle = edgebert.export(source, folder / "bundle")
        for report in check_all(bundle):
            report.require()
        return source, bundle

    return run


@pytest.fixture(scope="module")
def tagger(export: Callable[..., Exported]) -> Exported:
    """Of one family, for two tests."""
    return export("tag", id2label={0: "O", 1: "B-LOC", 2: "I-LOC", 3: "B-PER", 4: "I-PER"})


def test_labels_are_those_of_the_pipeline(export: Callable[..., Exported]) -> None:
    source, bundle = export("classify", id2label={0: "bad", 1: "so-so", 2: "good"})
    expected = pipeline("text-classification", model=str(source), top_k=None)(TEXTS)
    for found, theirs in zip(load(bundle, task="classify").classify(TEXTS), expected, strict=True):
        assert [label.label for label in found.scores] == [label["label"] for label in theirs]
        scores = [label.score for label in found.scores]
        np.testing.assert_allclose(scores, [label["score"] for label in theirs], atol=1e-5)


@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")
def test_entities_are_those_of_the_pipeline(tagger: Exported) -> None:
    source, bundle = tagger
    model = load(bundle, task="tag")
    texts = [text for text in TEXTS if text]
    for aggregation in get_args(Aggregation):
        theirs = pipeline(
            "token-classification", model=str(source), aggregation_strategy=aggregation
        )(texts)
        for text, found, expected in zip(
            texts, model.tag(texts, aggregation=aggregation), theirs, strict=True
        ):
            spans = [(entity.start, entity.end) for entity in found]
            assert spans == [(entity["start"], entity["end"]) for entity in expected]
            assert [entity.text for entity in found] == [text[start:end] for start, end in spans]
            key = "entity" if aggregation == "none" else "entity_group"
            assert [entity.label for entity in found] == [entity[key] for entity in expected]
            scores = [entity.score for entity in found]
            np.testing.assert_allclose(scores, [one["score"] for one in expected], atol=1e-5)


def test_fillings_are_those_of_the_pipeline(export: Callable[..., Exported]) -> None:
    source, bundle = export("fill")
    filler = load(bundle, task="fill")
    mask = bundle.manifest.tokenizer.special_tokens["mask_token"]
    text = f"the small {mask} sat on the mat"
    (found,) = filler.fill(text, top_k=4)
    expected = pipeline("fill-mask", model=str(source), top_k=4)(text)
    assert [one.token_id for one in found] == [one["token"] for one in expected]
    np.testing.assert_allclose(
        [one.score for one in found], [one["score"] for one in expected], atol=1e-5
    )


def test_documents_are_ranked_as_torch_scores_them(export: Callable[..., Exported]) -> None:
    source, bundle = export("classify", num_labels=1)
    assert bundle.manifest.default_task == "rank"
    query, documents = "where did the cat sit?", [text for text in TEXTS if text]
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForSequenceClassification.from_pretrained(source).eval()
    encoded = tokenizer([query] * len(documents), documents, padding=True, return_tensors="pt")
    with torch.no_grad():
        scores = torch.sigmoid(model(**encoded).logits[:, 0]).numpy()
    found = load(bundle, task="rank").rank(query, documents)
    assert [one.index for one in found] == list(np.argsort(-scores, kind="stable"))
    np.testing.assert_allclose([one.score for one in found], np.sort(scores)[::-1], atol=1e-5)


def test_an_answer_is_a_span_of_the_context(export: Callable[..., Exported]) -> None:
    _, bundle = export("answer")
    context = "A dog ran far over the red mat. " * 20
    answers = load(bundle, task="answer").answer("what ran?", context, top_k=3, window=40)
    assert len(answers) == 3
    assert all(answer.text == context[answer.start : answer.end] for answer in answers)
    assert answers == sorted(answers, key=lambda answer: -answer.score)


def test_int8_keeps_most_of_the_scores(tagger: Exported, tmp_path: Path) -> None:
    source, bundle = tagger
    copy = shutil.copytree(bundle.folder, tmp_path / "bundle")
    quantized = edgebert.quantize(copy, "int8-dynamic", force=True)
    quality = quantized.manifest.variants["int8-dynamic"].way.quality
    assert quality is not None
    assert quality["metric"].startswith("1 - total variation distance of the scores")
    assert 0.96 < quality["mean"] < 1
    assert edgebert.verify(quantized, against=source).passed


def test_bert_says_whether_a_sentence_follows_and_nothing_else(tmp_path: Path) -> None:
    theirs: Any = build_with_head(SAMPLES["bert"], "next_sentence")
    source = save(theirs, tmp_path / "source")
    bundle = edgebert.export(source, tmp_path / "bundle")
    encoded = AutoTokenizer.from_pretrained(source)("the cat", "sat", return_tensors="pt")
    with torch.no_grad():
        expected = torch.softmax(theirs(**encoded).logits, dim=-1)[0, 0]
    probability = load(bundle, task="next_sentence").score("the cat", "sat")
    assert probability == pytest.approx(float(expected), abs=1e-5)
    with pytest.raises(ConfigError, match=r"'next_sentence'.*'embed'|'embed'.*'next_sentence'"):
        load(bundle, task="embed")
