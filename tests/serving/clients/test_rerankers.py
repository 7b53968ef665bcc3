"""Cohere's client of both versions, and the shapes of Jina and text-embeddings-inference."""

from typing import Any

import cohere
import pytest

from tests.support.served import Served

pytestmark = pytest.mark.serving

NAME = "my-rank"
QUERY = "a small cat"
DOCUMENTS = ["the dog ran far over the mat", "the small cat sat on the mat", "paris is red"]
KEY = {"Authorization": "Bearer secret"}


@pytest.fixture(scope="module")
def ranked(model: Any) -> list[tuple[int, float]]:
    found = model(NAME).rank(QUERY, DOCUMENTS)
    return [(each.index, pytest.approx(each.score, abs=1e-6)) for each in found]


def test_cohere_version_2(served: Served, ranked: list[Any]) -> None:
    client = cohere.ClientV2(api_key="secret", base_url=served.url)
    found = client.rerank(model=NAME, query=QUERY, documents=DOCUMENTS)
    assert [(each.index, each.relevance_score) for each in found.results] == ranked
    best = client.rerank(model=NAME, query=QUERY, documents=DOCUMENTS, top_n=1)
    assert len(best.results) == 1
    assert best.meta.tokens.input_tokens > 0


def test_cohere_version_1_with_documents(served: Served, ranked: list[Any]) -> None:
    client = cohere.Client(api_key="secret", base_url=served.url)
    objects = [{"text": each} for each in DOCUMENTS]
    found = client.rerank(model=NAME, query=QUERY, documents=objects, return_documents=True)
    assert [(each.index, each.relevance_score) for each in found.results] == ranked
    assert [each.document.text for each in found.results] == [DOCUMENTS[at] for at, _ in ranked]


def test_cohere_is_told_what_is_wrong(served: Served) -> None:
    client = cohere.ClientV2(api_key="secret", base_url=served.url)
    with pytest.raises(cohere.BadRequestError) as caught:
        client.rerank(model=NAME, query=QUERY, documents=[])
    assert caught.value.body["message"] == "documents has 0 items, expected at least 1"
    with pytest.raises(cohere.NotFoundError):
        client.rerank(model="rerank-v3.5", query=QUERY, documents=DOCUMENTS)
    with pytest.raises(cohere.BadRequestError, match="cut at 48 tokens"):
        client.rerank(model=NAME, query=QUERY, documents=DOCUMENTS, max_tokens_per_doc=7)


def test_jina(served: Served, ranked: list[Any]) -> None:
    body = {"model": NAME, "query": QUERY, "documents": DOCUMENTS, "return_documents": True}
    for path in ("/v1/rerank", "/rerank"):
        status, found, headers = served.ask(path, body, KEY)
        assert (status, headers["x-edgebert-variant"]) == (200, "portable")
        assert [(each["index"], each["relevance_score"]) for each in found["results"]] == ranked
        assert found["usage"]["total_tokens"] > 0


def test_text_embeddings_inference(served: Served, ranked: list[Any], model: Any) -> None:
    body = {"query": QUERY, "texts": DOCUMENTS, "return_text": True}
    for path in (f"/{NAME}/rerank", "/rerank", f"/{NAME}/", f"/{NAME}"):
        status, found, _ = served.ask(path, body, KEY)
        assert status == 200, found
        assert [(each["index"], each["score"]) for each in found] == ranked
        assert [each["text"] for each in found] == [DOCUMENTS[at] for at, _ in ranked]
    status, found, _ = served.ask("/rerank", {**body, "raw_scores": True}, KEY)
    logits = model(NAME).rank(QUERY, DOCUMENTS, activation="none")
    assert [each["score"] for each in found] == pytest.approx(
        [each.score for each in logits], abs=1e-5
    )
    long = {"query": QUERY, "texts": ["the cat " * 60], "truncate": False}
    status, found, _ = served.ask("/rerank", long, KEY)
    assert (status, found["error_type"]) == (400, "Validation")
    assert "the limit is 48" in found["error"]
