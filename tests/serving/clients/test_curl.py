"""Requests as they are typed in a shell."""

import json
import subprocess
from typing import Any

import numpy as np
import pytest

from tests.support.served import SECONDS, Served

pytestmark = pytest.mark.serving


def curl(served: Served, path: str, body: object, *more: str) -> tuple[int, Any]:
    """Status and value of an answer."""
    header = ("-H", "Authorization: Bearer secret")
    command = ["curl", "-sS", "-w", "\n%{http_code}", *header, *more]
    done = subprocess.run(
        [*command, f"{served.url}{path}", "-d", json.dumps(body)],
        check=True,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    answer, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(answer)


def test_vectors(served: Served, model: Any) -> None:
    status, found = curl(served, "/v1/embeddings", {"input": "a cat"})
    assert status == 200
    expected = model("embedder").embed(["a cat"])[0]
    np.testing.assert_allclose(found["data"][0]["embedding"], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("path", "body", "task", "texts"),
    [
        ("/classify", {"texts": ["a cat", "a dog"], "top_k": 1}, "classify", ["a cat", "a dog"]),
        ("/tag", {"texts": "ada in paris"}, "tag", ["ada in paris"]),
        ("/fill", {"texts": "the [MASK] sat", "top_k": 2}, "fill", ["the [MASK] sat"]),
        (
            "/next-sentence",
            {"texts": {"text": "a cat .", "text_pair": "it sat"}},
            "next_sentence",
            [("a cat .", "it sat")],
        ),
        (
            "/answer",
            {"question": "is it ?", "contexts": ["the cat is small"]},
            "answer",
            [("is it ?", "the cat is small")],
        ),
    ],
)
def test_tasks_in_the_shape_of_edgebert_run(
    served: Served, model: Any, path: str, body: dict[str, Any], task: str, texts: list[Any]
) -> None:
    from edgebert_runtime.tasks.registry import require_task

    spec = require_task(task)
    name = f"my-{spec.command_name}"
    given = {"top_k": body["top_k"]} if "top_k" in body else {}
    answers = model(name).predict(texts, spec.options(**given))
    status, found = curl(served, path, body)
    assert status == 200, found
    assert found["model"] == name
    expected = json.loads(json.dumps([spec.record(each) for each in answers]))
    assert rounded(found["answers"]) == rounded(expected)


def test_documents_in_the_shape_of_edgebert_run(served: Served, model: Any) -> None:
    documents = ["a red dog", "a small cat"]
    body = {"query": "a cat", "documents": documents, "top_k": 1}
    status, found = curl(served, "/rank", body)
    (best,) = model("my-rank").rank("a cat", documents, top_k=1)
    assert (status, rounded(found["answers"])) == (200, rounded([best.to_dict()]))


def test_routes_of_text_embeddings_inference(served: Served, model: Any) -> None:
    embedder = model("embedder")
    _, found = curl(served, "/embed", {"inputs": ["a cat"], "dimensions": 8})
    np.testing.assert_allclose(found, embedder.embed(["a cat"], dimensions=8), atol=1e-6)
    _, unpooled = curl(served, "/embed_all", {"inputs": ["a cat", "a"]})
    for one, expected in zip(unpooled, embedder.embed_tokens(["a cat", "a"]), strict=True):
        np.testing.assert_allclose(one, expected, atol=1e-5)
    _, labels = curl(served, "/predict", {"inputs": [["a cat"], ["a", "b"]]})
    expected = model("my-classify").classify(["a cat", ("a", "b")])
    assert [each[0]["label"] for each in labels] == [each.label for each in expected]
    status, tokens = curl(served, "/embedder/tokenize", {"inputs": "a cats"})
    assert status == 200
    assert [(each["text"], each["start"], each["stop"]) for each in tokens[0]] == [
        ("[CLS]", None, None),
        ("a", 0, 1),
        ("cat", 2, 5),
        ("s", 5, 6),
        ("[SEP]", None, None),
    ]


def rounded(value: Any) -> Any:
    """With numbers to six digits: the server may run a text beside others."""
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value
