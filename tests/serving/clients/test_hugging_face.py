"""`huggingface_hub.InferenceClient`, which posts every task to `/` of a bundle."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from tests.support.served import Served

pytestmark = pytest.mark.serving

TEXT = "ada lives in paris"
CONTEXT = "ada lives in paris and the small cat sat on the mat"
QUESTION = "is the cat in paris ?"


@pytest.fixture(scope="module")
def client(served: Served) -> Any:
    """From the name of a bundle to a client of it."""
    return lambda name: InferenceClient(model=f"{served.url}/{name}", token="secret")


def test_feature_extraction(client: Any, model: Any) -> None:
    embedder = model("embedder")
    found = client("embedder").feature_extraction(TEXT)
    np.testing.assert_allclose(found, embedder.embed([TEXT]), atol=1e-6)
    several = client("embedder").feature_extraction(
        ["a cat", "a dog"], normalize=True, prompt_name="query", truncate=True, dimensions=8
    )
    expected = embedder.embed(["a cat", "a dog"], prompt="query", dimensions=8)
    np.testing.assert_allclose(several, expected, atol=1e-6)


def test_sentence_similarity(client: Any, model: Any) -> None:
    others = ["a small cat", "the dog ran"]
    found = client("embedder").sentence_similarity("a cat", other_sentences=others)
    first, *rest = model("embedder").embed(["a cat", *others])
    assert found == pytest.approx([float(first @ each) for each in rest], abs=1e-6)


def test_text_classification(client: Any, model: Any) -> None:
    found = client("my-classify").text_classification(TEXT, top_k=2)
    (expected,) = model("my-classify").classify([TEXT], top_k=2)
    assert [(each.label, each.score) for each in found] == [
        (each.label, pytest.approx(each.score, abs=1e-6)) for each in expected.scores
    ]
    raw = client("my-classify").text_classification(TEXT, function_to_apply="none")
    assert not 0 <= min(each.score for each in raw) <= 1


def test_token_classification(client: Any, model: Any) -> None:
    found = client("my-tag").token_classification(TEXT, aggregation_strategy="simple")
    (expected,) = model("my-tag").tag([TEXT], aggregation="simple")
    assert expected
    assert [(each.entity_group, each.word, each.start, each.end) for each in found] == [
        (each.label, each.text, each.start, each.end) for each in expected
    ]
    single = client("my-tag").token_classification(
        TEXT, aggregation_strategy="none", ignore_labels=[]
    )
    assert [each.word for each in single] == TEXT.split()


def test_question_answering(client: Any, model: Any) -> None:
    found = client("my-answer").question_answering(QUESTION, CONTEXT)
    (expected,) = model("my-answer").answer(QUESTION, CONTEXT)
    assert asdict(found) == {
        "answer": expected.text,
        "score": pytest.approx(expected.score, abs=1e-6),
        "start": expected.start,
        "end": expected.end,
    }
    several = client("my-answer").question_answering(QUESTION, CONTEXT, top_k=3, max_answer_len=2)
    best = model("my-answer").answer(QUESTION, CONTEXT, top_k=3, max_answer_length=2)
    assert [each.answer for each in several] == [each.text for each in best]


def test_fill_mask(client: Any, model: Any) -> None:
    text = "the [MASK] sat on the mat"
    found = client("my-fill").fill_mask(text, top_k=3)
    (expected,) = model("my-fill").fill(text, top_k=3)
    assert [(each.token, each.token_str, each.sequence) for each in found] == [
        (each.token_id, each.token, each.sequence) for each in expected
    ]
    chosen = client("my-fill").fill_mask(text, targets=["cat", "dog"])
    assert {each.token_str for each in chosen} == {"cat", "dog"}


def test_a_wrong_request_is_told_what_is_wrong(client: Any) -> None:
    with pytest.raises(HfHubHTTPError, match=r"text has no \[MASK\] among its first"):
        client("my-fill").fill_mask("no mask")
