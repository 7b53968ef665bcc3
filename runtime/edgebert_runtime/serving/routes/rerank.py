"""Reranking in the shapes of Cohere, Jina and text-embeddings-inference.

`/v1/rerank` and `/v2/rerank` take and give what the clients of Cohere
(https://docs.cohere.com/reference/rerank) and of Jina (https://jina.ai/reranker) send and read:
an answer has the fields of both. `/rerank` takes that, and `{"query": …, "texts": …}` of
text-embeddings-inference. Scores are from 0 to 1 in all of them, unless raw ones are asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from edgebert_runtime.errors import InputError
from edgebert_runtime.serving.bundles import BundleService
from edgebert_runtime.serving.routes.errors import rerank_error, tei_error
from edgebert_runtime.serving.routes.openai import LONG
from edgebert_runtime.serving.routes.route import Route, options
from edgebert_runtime.serving.routes.truncation import DIRECTION, TRUNCATE, long_texts
from edgebert_runtime.serving.schemas.check import check_body
from edgebert_runtime.serving.schemas.parts import (
    COUNT,
    NUMBER,
    TEXT,
    TEXTS,
    closed,
    flag,
    listed,
    optional,
    positive,
    record,
    request,
    said,
)
from edgebert_runtime.serving.service import Answered
from edgebert_runtime.tasks.rank import RankedDocument, ranked

RANK: Final = frozenset({"rank"})
RAW_SCORES: Final = flag("Give logits, which are any numbers.")
DOCUMENT: Final = closed("text", text=TEXT)

REQUEST: Final = request(
    "query",
    "documents",
    query=TEXT,
    documents=said(
        {"type": "array", "items": {"anyOf": (TEXT, DOCUMENT)}, "minItems": 1},
        "Texts, or objects with a text.",
    ),
    long=LONG,
    top_n=positive("Give so many documents at most."),
    return_documents=flag("Give the texts of documents, too."),
    max_tokens_per_doc=positive("At least the model's maximum length, where documents are cut."),
    user=optional(TEXT, "Has no effect."),
    priority=optional(COUNT, "Has no effect."),
)

RESPONSE: Final = record(
    id=TEXT,
    object={"type": "string", "enum": ("list",)},
    model=TEXT,
    results=listed(
        {
            "type": "object",
            "properties": {"index": COUNT, "relevance_score": NUMBER, "document": DOCUMENT},
            "required": ("index", "relevance_score"),
        }
    ),
    meta=record(tokens=record(input_tokens=COUNT)),
    usage=record(prompt_tokens=COUNT, total_tokens=COUNT),
)

TEI_REQUEST: Final = request(
    "query",
    "texts",
    query=TEXT,
    texts=TEXTS,
    raw_scores=RAW_SCORES,
    return_text=flag("Give the texts, too."),
    truncate=TRUNCATE,
    truncation_direction=DIRECTION,
)

TEI_RESPONSE: Final = listed(
    {
        "type": "object",
        "properties": {"index": COUNT, "score": NUMBER, "text": TEXT},
        "required": ("index", "score"),
    }
)


async def rerank(service: BundleService, body: Any) -> Mapping[str, Any]:
    """Documents by their relevance to a query, as clients of Cohere and Jina read them.

    Raises:
        InputError, ConfigError: the request is wrong.
    """
    asked = check_body(body, REQUEST)
    _check_cut(service, asked.get("max_tokens_per_doc"))
    texts = [each if isinstance(each, str) else each["text"] for each in asked["documents"]]
    found = await _scores(service, asked["query"], texts, long=asked.get("long"))
    best = ranked(texts, found.answers, asked.get("top_n"))
    return {
        "id": str(uuid4()),
        "object": "list",
        "model": service.name,
        "results": [_result(each, with_text=asked.get("return_documents", False)) for each in best],
        "meta": {"tokens": {"input_tokens": found.tokens}},
        "usage": {"prompt_tokens": found.tokens, "total_tokens": found.tokens},
    }


async def rerank_texts(service: BundleService, body: Any) -> Sequence[Mapping[str, Any]]:
    """Texts by their relevance to a query, as text-embeddings-inference gives them.

    Raises:
        InputError, ConfigError: the request is wrong.
    """
    asked = check_body(body, TEI_REQUEST)
    found = await _scores(
        service,
        asked["query"],
        asked["texts"],
        raw=asked.get("raw_scores", False),
        long=long_texts(asked),
    )
    names = ("index", "score", "text") if asked.get("return_text") else ("index", "score")
    best = ranked(asked["texts"], found.answers)
    return [{name: getattr(each, name) for name in names} for each in best]


async def rerank_either(service: BundleService, body: Any) -> Any:
    """As `rerank` where there are `documents`, else as `rerank_texts`.

    Raises:
        InputError, ConfigError: the request is wrong.
    """
    documents = isinstance(body, dict) and "documents" in body
    return await (rerank if documents else rerank_texts)(service, body)


async def _scores(
    service: BundleService,
    query: str,
    texts: Sequence[str],
    *,
    raw: bool = False,
    long: str | None = None,
) -> Answered:
    """A score for each text, from 0 to 1 unless raw, whatever the bundle gives elsewhere."""
    chosen = options(service, activation="none" if raw else "sigmoid", long=long)
    return await service.answer([(query, text) for text in texts], chosen)


def _result(found: RankedDocument, *, with_text: bool) -> Mapping[str, Any]:
    result: dict[str, Any] = {"index": found.index, "relevance_score": found.score}
    return result | {"document": {"text": found.text}} if with_text else result


def _check_cut(service: BundleService, tokens: int | None) -> None:
    """Refuse to cut documents shorter than the model does.

    Raises:
        InputError: it is asked for.
    """
    limit = service.model.max_length
    if tokens is not None and tokens < limit:
        raise InputError(
            f"max_tokens_per_doc is {tokens}, and query and document are cut at {limit} tokens "
            "together; leave it out, or send shorter documents"
        )


ROUTES: Final = (
    *(
        Route(
            path=path,
            summary=f"Documents by relevance, as clients of {clients} ask for them",
            tasks=RANK,
            handle=rerank,
            error_body=rerank_error,
            request_schema=REQUEST,
            response_schema=RESPONSE,
        )
        for path, clients in (("/v1/rerank", "Cohere and Jina"), ("/v2/rerank", "Cohere"))
    ),
    Route(
        path="/rerank",
        summary="Texts by relevance, as clients of text-embeddings-inference and Jina ask for them",
        tasks=RANK,
        handle=rerank_either,
        error_body=tei_error,
        request_schema={"anyOf": (TEI_REQUEST, REQUEST)},
        response_schema={"anyOf": (TEI_RESPONSE, RESPONSE)},
    ),
)
