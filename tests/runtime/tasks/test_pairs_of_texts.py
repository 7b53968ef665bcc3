"""Ranking documents for a query, and whether one text follows another."""

from pathlib import Path

import pytest
import torch

from edgebert_runtime import NextSentence, Ranker, load
from edgebert_runtime.errors import BundleError, InputError, TruncationWarning
from tests.support.fake_sessions import opened
from tests.support.task_bundles import BERT, GetSample, Sample, edited, head
from tests.support.tiny_manifest import of_task

QUERY = "where lives ada ?"
DOCUMENTS = ["the cat", "ada lives in Paris", "red", "", "the dog ran far .", "ada lives in Paris"]
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def bert(sample: GetSample) -> Sample:
    return sample(BERT["rank"])


@pytest.fixture(scope="module")
def ranker(bert: Sample) -> Ranker:
    return load(bert.folder, task="rank")


def cross_encoder(bert: Sample, activation: torch.nn.Module) -> list[float]:
    """What CrossEncoder.predict computes (sentence-transformers 5.1, CrossEncoder.py)."""
    pairs = [[QUERY, document] for document in DOCUMENTS]
    features = bert.tokenizer(pairs, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        scores: list[float] = activation(bert.model(**features).logits)[:, 0].tolist()
    return scores


def test_documents_come_by_score_as_from_a_cross_encoder(bert: Sample, ranker: Ranker) -> None:
    expected = cross_encoder(bert, torch.nn.Sigmoid())
    ranked = ranker.rank(QUERY, DOCUMENTS)
    assert sorted(each.index for each in ranked) == list(range(len(DOCUMENTS)))
    for each in ranked:
        assert each.text == DOCUMENTS[each.index]
        assert each.score == pytest.approx(expected[each.index], abs=TOLERANCE)
    scores = [each.score for each in ranked]
    assert scores == sorted(scores, reverse=True)
    assert max(scores) - min(scores) > 0.1


def test_equal_documents_keep_their_order(ranker: Ranker) -> None:
    order = [each.index for each in ranker.rank(QUERY, DOCUMENTS)]
    assert order.index(1) + 1 == order.index(5)


def test_raw_scores_where_the_manifest_says_so(bert: Sample, tmp_path: Path) -> None:
    raw = head("relevance", activation="none")
    folder = edited(bert.folder, tmp_path / "copy", lambda manifest: of_task(manifest, head=raw))
    expected = cross_encoder(bert, torch.nn.Identity())
    for each in load(folder, task="rank").rank(QUERY, DOCUMENTS):
        assert each.score == pytest.approx(expected[each.index], abs=TOLERANCE, rel=TOLERANCE)
    assert min(expected) < 0 or max(expected) > 1


def test_top_k_is_the_head_of_the_list(ranker: Ranker) -> None:
    assert ranker.rank(QUERY, DOCUMENTS, top_k=2) == ranker.rank(QUERY, DOCUMENTS)[:2]
    assert ranker.rank(QUERY, []) == []


def test_a_long_document_is_cut_and_named(ranker: Ranker) -> None:
    with pytest.warns(TruncationWarning, match=r"the longest, number 1, has 67"):
        ranker.rank(QUERY, ["the cat", "dog " * 60])


@pytest.mark.parametrize(
    ("query", "documents", "top_k", "message"),
    [
        (3, ["a"], None, "query is int, expected str"),
        ("a", "b", None, r"rank takes a list of strings, got one string"),
        ("a", ["b", ("c", "d")], None, "document 1 is tuple, expected str"),
        ("a", ["b\udfff"], None, "document 0 holds a lone surrogate at character 1"),
        ("a", ["b"], 0, "top_k must be at least 1"),
    ],
)
def test_what_cannot_be_ranked_is_named(
    ranker: Ranker, query: str, documents: list[str], top_k: int | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        ranker.rank(query, documents, top_k=top_k)


def test_a_ranker_of_many_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"names 2 labels for logits of \[1\]"):
        Ranker(*opened("rank", tmp_path, lambda _: [], head=head("a", "b", activation="none")))
    with pytest.raises(BundleError, match="activation 'softmax', expected a head"):
        Ranker(*opened("rank", tmp_path, lambda _: [], head=head("a")))


@pytest.mark.parametrize(
    ("first", "second"),
    [("the cat sat", "it ran far"), ("it ran far", "the cat sat"), ("", "cat"), ("red", "café 🙂")],
)
def test_a_sentence_follows_with_berts_probability(
    sample: GetSample, first: str, second: str
) -> None:
    """Index 0 is "B follows A": transformers, BertForNextSentencePrediction."""
    bert = sample(BERT["next_sentence"])
    features = bert.tokenizer(first, second, return_tensors="pt")
    with torch.no_grad():
        expected = float(bert.model(**features).logits.softmax(-1)[0, 0])
    model: NextSentence = load(bert.folder, task="next_sentence")
    assert model.score(first, second) == pytest.approx(expected, abs=TOLERANCE)


def test_what_is_no_sentence_is_named(sample: GetSample) -> None:
    model = load(sample(BERT["next_sentence"]).folder, task="next_sentence")
    with pytest.raises(InputError, match="second is NoneType, expected str"):
        model.score("a", None)  # type: ignore[arg-type]
