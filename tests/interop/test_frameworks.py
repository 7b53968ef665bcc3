"""fastembed and the adapters of `edgebert_runtime.integrations` beside the real frameworks.

Run by .ci/interop, in an environment without torch.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import chromadb
import haystack
import numpy as np
import pytest
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType
from fastembed.rerank.cross_encoder import TextCrossEncoder
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from langchain_core.vectorstores import InMemoryVectorStore
from llama_index.core import Document, VectorStoreIndex

from edgebert_runtime import Embedder, load
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.integrations.chromadb import EdgebertEmbeddingFunction
from edgebert_runtime.integrations.haystack import EdgebertDocumentEmbedder, EdgebertTextEmbedder
from edgebert_runtime.integrations.langchain import EdgebertEmbeddings
from edgebert_runtime.integrations.llama_index import EdgebertEmbedding
from tests.support.interop_rows import agree

BUNDLE: Final = os.environ["EDGEBERT_BUNDLE"]
RERANKER: Final = Path(os.environ["EDGEBERT_TASKS"]) / "bert-rank" / "bundle"
PROMPTS: Final = Path(os.environ["EDGEBERT_LAYOUTS"]) / "multilingual-e5-small" / "bundle"
STORED: Final = np.load(os.environ["EDGEBERT_VECTORS"])
TEXTS: Final = [str(text) for text in STORED["texts"]]
FILES: Final = {"portable": "fp32", "int8": "int8"}
QUERY: Final = "a feline animal"
NEAREST: Final = "a cat"
DOCUMENTS: Final = ["A small Dog", "the cat sat", "blue"]

pytestmark = pytest.mark.interop


def through_chromadb(variant: str) -> tuple[Any, str]:
    function = EdgebertEmbeddingFunction(BUNDLE, variant=variant, threads=1)
    client = chromadb.EphemeralClient()
    collection = client.create_collection(f"texts-{variant}", embedding_function=function)
    collection.add(ids=[str(at) for at in range(len(TEXTS))], documents=TEXTS)
    stored = collection.get(include=["embeddings"])["embeddings"]
    again = client.get_collection(f"texts-{variant}")  # built from the stored arguments
    return stored, again.query(query_texts=[QUERY], n_results=1)["documents"][0][0]


def through_langchain(variant: str) -> tuple[Any, str]:
    embeddings = EdgebertEmbeddings(BUNDLE, variant=variant)
    store = InMemoryVectorStore.from_texts(TEXTS, embeddings)
    (found,) = store.similarity_search(QUERY, k=1)
    return asyncio.run(embeddings.aembed_documents(TEXTS)), found.page_content


def through_llama_index(variant: str) -> tuple[Any, str]:
    model = EdgebertEmbedding(bundle=BUNDLE, options={"variant": variant})
    documents = [Document(text=text) for text in TEXTS]
    index = VectorStoreIndex.from_documents(documents, embed_model=model)
    (found,) = index.as_retriever(similarity_top_k=1).retrieve(QUERY)
    return model.get_text_embedding_batch(TEXTS), found.text


def through_haystack(variant: str) -> tuple[Any, str]:
    documents = [haystack.Document(content=text) for text in TEXTS]
    embedder = EdgebertDocumentEmbedder(BUNDLE, variant=variant)
    embedded = embedder.run(documents)["documents"]
    store = InMemoryDocumentStore()
    store.write_documents(embedded)
    pipeline = haystack.Pipeline()
    pipeline.add_component("embedder", EdgebertTextEmbedder(BUNDLE, variant=variant))
    pipeline.add_component("retriever", InMemoryEmbeddingRetriever(store, top_k=1))
    pipeline.connect("embedder.embedding", "retriever.query_embedding")
    found = pipeline.run({"embedder": {"text": QUERY}})["retriever"]["documents"]
    return [each.embedding for each in embedded], found[0].content


ADAPTERS: Final[dict[str, Callable[[str], tuple[Any, str]]]] = {
    "chromadb": through_chromadb,
    "haystack-ai": through_haystack,
    "langchain-core": through_langchain,
    "llama-index-core": through_llama_index,
}
MODULES: Final = {
    "chromadb": "chromadb",
    "haystack-ai": "haystack",
    "langchain-core": "langchain",
    "llama-index-core": "llama_index",
}
"""Distribution → the adapter's module."""


@pytest.mark.parametrize("variant", FILES)
@pytest.mark.parametrize("framework", ADAPTERS)
def test_an_adapter_gives_our_vectors_and_finds_the_nearest_text(
    framework: str, variant: str
) -> None:
    vectors, nearest = ADAPTERS[framework](variant)
    through = f"edgebert_runtime.integrations.{MODULES[framework]}"
    agree(framework, "embed", FILES[variant], vectors, STORED[variant], through=through)
    assert nearest == NEAREST


def test_no_adapter_brings_torch() -> None:
    assert find_spec("torch") is None


@pytest.mark.parametrize(
    "make",
    [
        EdgebertEmbeddingFunction,
        lambda bundle: EdgebertTextEmbedder(bundle).warm_up(),
        EdgebertEmbeddings,
        lambda bundle: EdgebertEmbedding(bundle=bundle),
    ],
    ids=MODULES,
)
def test_a_bundle_for_another_task_is_refused(make: Callable[[str], object]) -> None:
    with pytest.raises(ConfigError, match="'rank'"):
        make(str(RERANKER))


def prompted_chromadb() -> tuple[Sequence[Any], Sequence[Any]]:
    function = EdgebertEmbeddingFunction(str(PROMPTS), "passage", "query")
    return function(TEXTS), function.embed_query(TEXTS)


def prompted_langchain() -> tuple[Sequence[Any], Sequence[Any]]:
    model = EdgebertEmbeddings(str(PROMPTS), prompt="passage", query_prompt="query")
    return model.embed_documents(TEXTS), [model.embed_query(text) for text in TEXTS]


def prompted_llama_index() -> tuple[Sequence[Any], Sequence[Any]]:
    model = EdgebertEmbedding(bundle=str(PROMPTS), prompt="passage", query_prompt="query")
    queries = [asyncio.run(model.aget_query_embedding(text)) for text in TEXTS]
    return model.get_text_embedding_batch(TEXTS), queries


def prompted_haystack() -> tuple[Sequence[Any], Sequence[Any]]:
    documents = [haystack.Document(content=text) for text in TEXTS]
    embedded = EdgebertDocumentEmbedder(str(PROMPTS), "passage").run(documents)["documents"]
    query = haystack.Pipeline()
    query.add_component("embedder", EdgebertTextEmbedder(str(PROMPTS), "query"))
    allowed = [EdgebertTextEmbedder.__module__]
    again = haystack.Pipeline.loads(query.dumps(), allowed_modules=allowed)
    queries = [again.run({"embedder": {"text": text}})["embedder"]["embedding"] for text in TEXTS]
    return [each.embedding for each in embedded], queries


@pytest.mark.parametrize(
    "prompted",
    [prompted_chromadb, prompted_haystack, prompted_langchain, prompted_llama_index],
    ids=MODULES,
)
def test_prompts_are_put_before_documents_and_queries(
    prompted: Callable[[], tuple[Sequence[Any], Sequence[Any]]],
) -> None:
    model: Embedder = load(PROMPTS)
    for found, prompt in zip(prompted(), ("passage", "query"), strict=True):
        expected = model.embed(TEXTS, prompt=prompt)
        assert abs(np.array(found) - expected).max() <= 1e-6
        assert abs(expected - model.embed(TEXTS, prompt="")).max() > 1e-3


@pytest.mark.parametrize(
    ("variant", "file"), [("portable", "onnx/model.onnx"), ("int8", "onnx/model_quantized.onnx")]
)
def test_fastembed_gives_our_vectors(variant: str, file: str) -> None:
    TextEmbedding.add_custom_model(
        model=f"edgebert/{variant}",
        pooling=PoolingType.MEAN,
        normalization=True,
        sources=ModelSource(hf="edgebert/none"),
        dim=STORED[variant].shape[1],
        model_file=file,
    )
    model = TextEmbedding(f"edgebert/{variant}", specific_model_path=BUNDLE)
    agree("fastembed", "embed", FILES[variant], list(model.embed(TEXTS)), STORED[variant])


def test_fastembed_ranks_as_we_do() -> None:
    """It gives logits; ours are behind the sigmoid that the bundle names."""
    TextCrossEncoder.add_custom_model("edgebert/rank", ModelSource(hf="edgebert/none"))
    model = TextCrossEncoder("edgebert/rank", specific_model_path=str(RERANKER))
    logits = np.array(list(model.rerank("the cat", DOCUMENTS)))
    expected = load(RERANKER, "portable", task="rank").predict(
        [("the cat", text) for text in DOCUMENTS]
    )
    agree("fastembed", "rank", "fp32", 1 / (1 + np.exp(-logits)), expected)
