"""What routes answer, called as the server calls them, beside the models' own methods."""

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from edgebert_runtime import Bundle, Classifier, Embedder, load
from edgebert_runtime.errors import ConfigError, InputError, TruncationWarning
from edgebert_runtime.serving import ServiceOptions
from edgebert_runtime.serving.bundles import BundleService
from edgebert_runtime.serving.exchange import write_json
from edgebert_runtime.serving.openapi import openapi
from edgebert_runtime.serving.routes import error_body_of, routes_for
from edgebert_runtime.serving.routes.errors import SCHEMAS
from edgebert_runtime.serving.routes.route import Route
from edgebert_runtime.serving.routes.tasks import routes_of
from edgebert_runtime.serving.schemas.parts import plain
from edgebert_runtime.tasks.classify import SPEC as CLASSIFY
from edgebert_runtime.tasks.registry import BUILT_IN
from tests.support.openapi_file import FILE, text
from tests.support.tiny_encoder import TEXTS
from tests.support.two_tasks import two_tasks

LONG = "the red cat " * 40


@pytest.fixture(scope="module")
def bundle(tiny_exported: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return two_tasks(tiny_exported, tmp_path_factory.mktemp("routes") / "two")


@pytest.fixture(scope="module")
def embedder(bundle: Bundle) -> Iterator[Embedder]:
    with load(bundle, "portable") as found:
        yield found


@pytest.fixture(scope="module")
def classifier(bundle: Bundle) -> Iterator[Classifier]:
    with load(bundle, task="classify") as found:
        yield found


def ask(model: Any, route: Route, body: Any, **given: Any) -> Any:
    """What a route answers, as a client reads it; request and answer are as the schemas say."""

    async def run() -> Any:
        service = BundleService("name", model, ServiceOptions(**given))
        await service.start()
        try:
            return await route.handle(service, body)
        finally:
            await service.close(10)

    jsonschema.validate(body, plain(route.request_schema))
    found = json.loads(write_json(asyncio.run(run())))
    jsonschema.validate(found, plain(route.response_schema))
    return found


def post(model: Any, path: str, body: Any, **given: Any) -> Any:
    return ask(model, routes_for(model.info().task)["POST", path], body, **given)


def test_embeddings_as_numbers_and_as_base64(embedder: Embedder) -> None:
    expected = embedder.embed(TEXTS, dimensions=8)
    body = {"input": TEXTS, "dimensions": 8}
    found = post(embedder, "/v1/embeddings", body)
    np.testing.assert_allclose([each["embedding"] for each in found["data"]], expected, atol=1e-6)
    tokens = sum(min(each, embedder.max_length) for each in embedder.count_tokens(TEXTS))
    assert found["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
    coded = post(embedder, "/v1/embeddings", {**body, "encoding_format": "base64"})
    for each, vector in zip(coded["data"], expected, strict=True):
        decoded = np.frombuffer(base64.b64decode(each["embedding"]), "<f4")
        np.testing.assert_allclose(decoded, vector, atol=1e-6)


@pytest.mark.parametrize("ids", [[7, 8], [[7, 8], [9]]])
def test_token_ids_are_refused_with_the_option_that_stops_them(
    embedder: Embedder, ids: list[Any]
) -> None:
    service = BundleService("name", embedder, ServiceOptions())
    route = routes_for("embed")["POST", "/v1/embeddings"]
    with pytest.raises(InputError, match=r"token ids.*check_embedding_ctx_length=False"):
        asyncio.run(route.handle(service, {"input": ids}))


def test_vectors_of_text_embeddings_inference_have_length_one(embedder: Embedder) -> None:
    found = post(embedder, "/embed", {"inputs": TEXTS[:2]})
    np.testing.assert_allclose(found, embedder.embed(TEXTS[:2], normalize=True), atol=1e-6)
    raw = post(embedder, "/", {"inputs": TEXTS[0], "normalize": False})
    np.testing.assert_allclose(raw, embedder.embed(TEXTS[:1]), atol=1e-6)


def test_vectors_of_tokens(embedder: Embedder) -> None:
    found = post(embedder, "/embed_all", {"inputs": TEXTS})
    assert [len(each) for each in found] == [
        min(each, embedder.max_length) for each in embedder.count_tokens(TEXTS)
    ]
    pooled = np.array([np.mean(each, axis=0) for each in found])
    np.testing.assert_allclose(pooled, embedder.embed(TEXTS), atol=1e-5)


def test_similarity_is_the_cosine(embedder: Embedder) -> None:
    body = {"inputs": {"source_sentence": TEXTS[0], "sentences": TEXTS[:2]}}
    first, other = embedder.embed(TEXTS[:2], normalize=True)
    for path in ("/similarity", "/"):
        assert post(embedder, path, body) == pytest.approx([1, float(first @ other)], abs=1e-5)


def test_tokens_with_their_places(embedder: Embedder) -> None:
    (found,) = post(embedder, "/tokenize", {"inputs": "The unable cat"})
    assert [(each["text"], each["start"], each["stop"], each["special"]) for each in found] == [
        ("[CLS]", None, None, True),
        ("The", 0, 3, False),
        ("un", 4, 6, False),
        ("able", 6, 10, False),
        ("cat", 11, 14, False),
        ("[SEP]", None, None, True),
    ]
    (plain_ones,) = post(embedder, "/tokenize", {"inputs": "a cat", "add_special_tokens": False})
    assert [each["text"] for each in plain_ones] == ["a", "cat"]


def test_labels_in_every_shape(classifier: Classifier) -> None:
    one, two = classifier.classify(["a cat", ("a", "dog")])

    def labels(found: Any) -> list[dict[str, Any]]:
        return [
            {"label": each.label, "score": pytest.approx(each.score, abs=1e-6)}
            for each in found.scores
        ]

    assert post(classifier, "/predict", {"inputs": "a cat"}) == labels(one)
    assert post(classifier, "/predict", {"inputs": ["a", "dog"]}) == labels(two)
    batch = {"inputs": [["a cat"], ["a", "dog"]]}
    assert post(classifier, "/predict", batch) == [labels(one), labels(two)]
    assert post(classifier, "/", {"inputs": "a cat"}) == [labels(one)]
    pair = {"inputs": [{"text": "a", "text_pair": "dog"}], "parameters": {"top_k": 1}}
    assert post(classifier, "/", pair) == [labels(two)[:1]]
    found = post(classifier, "/classify", {"texts": ["a cat"], "top_k": 2})
    (expected,) = classifier.classify(["a cat"], top_k=2)
    assert [each["label"] for each in found["answers"][0]["scores"]] == [
        each.label for each in expected.scores
    ]
    (raw,) = classifier.classify(["a cat"], activation="none")
    assert post(classifier, "/predict", {"inputs": "a cat", "raw_scores": True}) == labels(raw)


def test_an_unknown_activation_is_refused(classifier: Classifier) -> None:
    with pytest.raises(ConfigError, match="one of softmax, sigmoid, none; got 'tanh'"):
        classifier.classify(["a"], activation="tanh")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "body", "refused"),
    [
        ({}, {}, False),
        ({}, {"truncate": False}, True),
        ({"long": "error"}, {}, True),
        ({"long": "error"}, {"truncate": True}, False),
    ],
)
def test_long_texts_are_cut_or_refused_as_the_request_says_or_else_the_server(
    embedder: Embedder, given: dict[str, Any], body: dict[str, Any], refused: bool
) -> None:
    asked = {"inputs": LONG, **body}
    if refused:
        with pytest.raises(InputError, match="item 0 has"):
            post(embedder, "/embed", asked, **given)
    else:
        with pytest.warns(TruncationWarning):
            expected = embedder.embed([LONG], normalize=True, long="truncate")
        np.testing.assert_allclose(post(embedder, "/embed", asked, **given), expected, atol=1e-6)


def test_a_task_of_another_package_has_routes(classifier: Classifier) -> None:
    spec = replace(CLASSIFY, name="mood_of", columns=lambda _model, _options: {"label": str})
    routes = {each.path: each for each in routes_of(spec)}
    assert routes.keys() == {"/mood-of", "/"}
    expected = classifier.classify(["a cat"], top_k=1)[0].best.label
    found = ask(classifier, routes["/mood-of"], {"texts": "a cat", "top_k": 1})
    assert found["answers"][0]["best"]["label"] == expected
    at_root = {"inputs": ["a cat"], "parameters": {"top_k": 1}}
    assert ask(classifier, routes["/"], at_root)[0]["best"]["label"] == expected


def test_every_task_has_a_route_at_the_root_and_one_of_its_own() -> None:
    for task in BUILT_IN:
        paths = {path for _, path in routes_for(task)}
        own = f"/{task.replace('_', '-')}"
        assert {"/", "/tokenize", own} <= paths


@pytest.mark.parametrize("status", [400, 404, 429, 500])
@pytest.mark.parametrize("path", ["/v1/embeddings", "/v2/rerank", "/embed", "/"])
def test_errors_have_the_shape_that_clients_of_the_path_read(path: str, status: int) -> None:
    known = (routes_for(task).get(("POST", path)) for task in BUILT_IN)
    for shape in {error_body_of(path), *(route.error_body for route in known if route)}:
        body = json.loads(json.dumps(shape(status, "said")))
        jsonschema.validate(body, plain(SCHEMAS[shape.__name__]))
        assert "said" in json.dumps(body)


def test_the_openapi_file_is_that_of_the_routes() -> None:
    assert FILE.read_text(encoding="utf-8") == text()
    only = openapi(["embed"])["paths"]
    assert "/v1/embeddings" in only
    assert "/v1/rerank" not in only


def test_names_of_operations_are_unique() -> None:
    paths: dict[str, Any] = openapi()["paths"]
    names = [each["operationId"] for methods in paths.values() for each in methods.values()]
    assert len(names) == len(set(names)) > 20


def test_the_file_lies_where_the_page_says() -> None:
    page = (Path(FILE).parent / "server.md").read_text(encoding="utf-8")
    assert FILE.name in page
    missing = [path for path in openapi()["paths"] if f"`{path}`" not in page]
    assert missing == []
