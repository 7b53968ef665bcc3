"""OpenAI's own client, LangChain and LlamaIndex, at `/v1/embeddings`."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest

from tests.support.served import Served

pytestmark = pytest.mark.serving

TEXTS = ["the small cat sat on the mat .", "a dog", ""]
NAME = "embedder"


@pytest.fixture(scope="module")
def client(served: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key="secret", max_retries=0)


def test_vectors_by_base64_as_the_client_asks_for_them(client: openai.OpenAI, model: Any) -> None:
    found = client.embeddings.create(model=NAME, input=TEXTS)
    vectors = np.array([each.embedding for each in found.data], np.float32)
    np.testing.assert_allclose(vectors, model(NAME).embed(TEXTS), atol=1e-6)
    assert [each.index for each in found.data] == [0, 1, 2]
    tokens = sum(model(NAME).count_tokens(TEXTS))
    assert (found.model, found.usage.prompt_tokens, found.usage.total_tokens) == (
        NAME,
        tokens,
        tokens,
    )


def test_vectors_by_numbers_of_one_text(client: openai.OpenAI, model: Any) -> None:
    found = client.embeddings.create(model=NAME, input=TEXTS[0], encoding_format="float")
    np.testing.assert_allclose(found.data[0].embedding, model(NAME).embed(TEXTS[:1])[0], atol=1e-6)


def test_fewer_dimensions_have_length_one_again(client: openai.OpenAI, model: Any) -> None:
    found = client.embeddings.create(model=NAME, input=TEXTS, dimensions=8)
    vectors = np.array([each.embedding for each in found.data])
    np.testing.assert_allclose(vectors, model(NAME).embed(TEXTS, dimensions=8), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_prompt_by_a_field_of_ours(client: openai.OpenAI, model: Any) -> None:
    found = client.embeddings.create(
        model=NAME, input=TEXTS[:2], extra_body={"prompt_name": "query"}
    )
    expected = model(NAME).embed(TEXTS[:2], prompt="query")
    np.testing.assert_allclose([each.embedding for each in found.data], expected, atol=1e-6)


def test_the_models_are_listed(client: openai.OpenAI) -> None:
    found = {each.id: each for each in client.models.list()}
    assert {NAME, "my-rank", "my-classify"} <= found.keys()
    assert found[NAME].model_dump()["dimensions"] == 48


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"model": "text-embedding-3-small", "input": "a"}, openai.NotFoundError, NAME),
        ({"model": NAME, "input": [[7, 8], [9]]}, openai.BadRequestError, "token ids"),
        ({"model": NAME, "input": []}, openai.BadRequestError, "at least 1"),
        ({"model": NAME, "input": "a", "dimensions": 49}, openai.BadRequestError, "1 and 48"),
        (
            {"model": NAME, "input": "a", "extra_body": {"late": 1}},
            openai.BadRequestError,
            "unknown field 'late'",
        ),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(
    client: openai.OpenAI, asked: dict[str, Any], error: type[openai.APIStatusError], said: str
) -> None:
    with pytest.raises(error) as caught:
        client.embeddings.create(**asked)
    assert said in caught.value.body["message"]  # type: ignore[index]


def test_a_wrong_key_is_told_so(served: Served) -> None:
    stranger = openai.OpenAI(base_url=f"{served.url}/v1", api_key="guess", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.embeddings.create(model=NAME, input="a")


def test_langchain_with_texts(served: Served, model: Any) -> None:
    from langchain_openai import OpenAIEmbeddings

    embeddings = OpenAIEmbeddings(
        model=NAME,
        base_url=f"{served.url}/v1",
        api_key="secret",
        check_embedding_ctx_length=False,
    )
    expected = model(NAME).embed(TEXTS)
    np.testing.assert_allclose(embeddings.embed_documents(TEXTS), expected, atol=1e-6)
    np.testing.assert_allclose(embeddings.embed_query(TEXTS[0]), expected[0], atol=1e-6)


def test_langchain_by_default_sends_token_ids_and_is_told_which_option_stops_that(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of tokens is LlamaIndex' copy: nothing is fetched."""
    import llama_index.core
    from langchain_openai import OpenAIEmbeddings

    tables = Path(llama_index.core.__file__).parent / "_static" / "tiktoken_cache"
    assert os.listdir(tables)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tables))
    embeddings = OpenAIEmbeddings(model=NAME, base_url=f"{served.url}/v1", api_key="secret")
    with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False"):
        embeddings.embed_documents(TEXTS)


def test_llama_index(served: Served, model: Any) -> None:
    from llama_index.embeddings.openai import OpenAIEmbedding

    embedding = OpenAIEmbedding(model_name=NAME, api_base=f"{served.url}/v1", api_key="secret")
    expected = model(NAME).embed(TEXTS[:2])
    found = embedding.get_text_embedding_batch(TEXTS[:2])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(embedding.get_query_embedding(TEXTS[0]), expected[0], atol=1e-6)
