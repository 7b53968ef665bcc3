"""Routes of text-embeddings-inference
(https://huggingface.github.io/text-embeddings-inference), but `/rerank` and `/`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from edgebert_runtime.errors import InputError
from edgebert_runtime.serving.bundles import BundleService
from edgebert_runtime.serving.routes.errors import tei_error
from edgebert_runtime.serving.routes.openai import DIMENSIONS, PROMPT
from edgebert_runtime.serving.routes.rerank import RAW_SCORES
from edgebert_runtime.serving.routes.route import Handle, Route, one_or_more, options
from edgebert_runtime.serving.routes.truncation import DIRECTION, TRUNCATE, long_texts
from edgebert_runtime.serving.routes.vectors import FORMATS, encoded
from edgebert_runtime.serving.schemas.check import Schema, check_body
from edgebert_runtime.serving.schemas.parts import (
    COUNT,
    NUMBER,
    ONE_OR_MORE,
    TEXT,
    TEXTS,
    VECTOR,
    choice,
    closed,
    flag,
    listed,
    optional,
    record,
    request,
    said,
)
from edgebert_runtime.tasks.embed_options import TokenVectorOptions
from edgebert_runtime.tokenization.offsets import TextToken

MOST_UNPOOLED: Final = 32
"""Texts of a request for vectors of tokens: 32 of 512 tokens are some 60 MiB of JSON."""

MOST_CHARACTERS: Final = 1_000_000
"""Of all texts of a request for tokens, each of which has an object in the answer."""

INPUTS: Final = said(ONE_OR_MORE, "A text, or a list of texts.")
LENGTH: Final = {"truncate": TRUNCATE, "truncation_direction": DIRECTION}

EMBED_REQUEST: Final = request(
    "inputs",
    inputs=INPUTS,
    normalize=flag("Scale vectors to length 1; so it is unless it is false."),
    dimensions=DIMENSIONS,
    prompt_name=PROMPT,
    encoding_format=choice(*FORMATS, description="How a vector is written; numbers unless named."),
    **LENGTH,
)
EMBED_RESPONSE: Final = listed({"anyOf": (VECTOR, TEXT)})

EMBED_ALL_REQUEST: Final = request(
    "inputs",
    inputs={"anyOf": (TEXT, {**TEXTS, "maxItems": MOST_UNPOOLED})},
    prompt_name=PROMPT,
    **LENGTH,
)

SIMILARITY_REQUEST: Final = request(
    "inputs",
    inputs=closed("source_sentence", "sentences", source_sentence=TEXT, sentences=TEXTS),
    parameters=optional(closed(prompt_name=PROMPT, **LENGTH), "Of both kinds of sentences."),
)

PAIR: Final = {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 2}
PREDICT_REQUEST: Final = request(
    "inputs",
    inputs={
        "anyOf": (
            said(TEXT, "A text."),
            said(PAIR, "A text, or a pair of texts."),
            said({"type": "array", "items": PAIR, "minItems": 1}, "Texts and pairs of texts."),
        )
    },
    raw_scores=RAW_SCORES,
    **LENGTH,
)
SCORES: Final = listed(record(label=TEXT, score=NUMBER))
PREDICT_RESPONSE: Final = {"anyOf": (SCORES, listed(SCORES))}

TOKENIZE_REQUEST: Final = request(
    "inputs",
    inputs=INPUTS,
    add_special_tokens=flag("Give tokens that the model adds, too; so it is unless it is false."),
)
PLACE: Final = optional(COUNT, "Of a character; null for a token that the model adds.")
TOKENIZE_RESPONSE: Final = listed(
    listed(record(id=COUNT, text=TEXT, special={"type": "boolean"}, start=PLACE, stop=PLACE))
)


async def embed(service: BundleService, body: Any) -> Sequence[Any]:
    """A vector for each text.

    Raises:
        InputError, ConfigError: the request is wrong.
    """
    asked = check_body(body, EMBED_REQUEST)
    chosen = options(
        service,
        normalize=asked.get("normalize", True),
        dimensions=asked.get("dimensions"),
        prompt=asked.get("prompt_name"),
        long=long_texts(asked),
    )
    found = await service.answer(one_or_more(asked["inputs"]), chosen)
    return [encoded(vector, asked.get("encoding_format")) for vector in found.answers]


async def embed_all(service: BundleService, body: Any) -> Sequence[Any]:
    """The vectors of each text's tokens, before pooling.

    Raises:
        InputError, ConfigError: the request is wrong, or the graph has no vectors of tokens.
    """
    asked = check_body(body, EMBED_ALL_REQUEST)
    chosen = options(
        service, TokenVectorOptions, prompt=asked.get("prompt_name"), long=long_texts(asked)
    )
    return (await service.answer(one_or_more(asked["inputs"]), chosen)).answers


async def similarity(service: BundleService, body: Any) -> Sequence[float]:
    """The cosine of a sentence and each of others.

    Raises:
        InputError, ConfigError: the request is wrong.
    """
    asked = check_body(body, SIMILARITY_REQUEST)
    inputs, parameters = asked["inputs"], asked.get("parameters", {})
    chosen = options(
        service,
        normalize=True,
        prompt=parameters.get("prompt_name"),
        long=long_texts(parameters),
    )
    found = await service.answer([inputs["source_sentence"], *inputs["sentences"]], chosen)
    first, *others = found.answers
    return [float(np.dot(first, other)) for other in others]


async def predict(service: BundleService, body: Any) -> Sequence[Any]:
    """The labels of a text or of a pair of texts, or of each of several.

    Raises:
        InputError, ConfigError: the request is wrong.
    """
    asked = check_body(body, PREDICT_REQUEST)
    inputs, raw = asked["inputs"], asked.get("raw_scores", False)
    several = isinstance(inputs, list) and isinstance(inputs[0], list)
    items = [_text_or_pair(each) for each in (inputs if several else [inputs])]
    chosen = options(service, activation="none" if raw else None, long=long_texts(asked))
    found = [label_scores(each) for each in (await service.answer(items, chosen)).answers]
    return found if several else found[0]


async def tokenize(service: BundleService, body: Any) -> Sequence[Any]:
    """The tokens of each text.

    Raises:
        InputError: the request is wrong, or its texts are too long.
    """
    asked = check_body(body, TOKENIZE_REQUEST)
    texts, specials = one_or_more(asked["inputs"]), asked.get("add_special_tokens", True)
    characters = sum(map(len, texts))
    if characters > MOST_CHARACTERS:
        raise InputError(
            f"inputs has {characters} characters, expected at most {MOST_CHARACTERS}; send less "
            "in a request"
        )
    found = await asyncio.to_thread(service.model.tokenize, texts)
    return [
        [_token(each) for each in tokens if specials or each.start is not None] for tokens in found
    ]


def label_scores(found: Any) -> Sequence[Mapping[str, Any]]:
    """The labels of a classification by falling score."""
    return [{"label": each.label, "score": each.score} for each in found.scores]


def _text_or_pair(value: str | list[str]) -> str | tuple[str, ...]:
    return value if isinstance(value, str) else value[0] if len(value) == 1 else tuple(value)


def _token(token: TextToken) -> Mapping[str, Any]:
    return {
        "id": token.id,
        "text": token.text,
        "special": token.start is None,
        "start": token.start,
        "stop": token.end,
    }


def _route(
    path: str, summary: str, handle: Handle, asked: Schema, answered: Schema, *tasks: str
) -> Route:
    return Route(
        path=path,
        summary=summary,
        tasks=frozenset(tasks) or None,
        handle=handle,
        error_body=tei_error,
        request_schema=asked,
        response_schema=answered,
    )


UNPOOLED: Final = "Vectors of the tokens of texts"
COSINES: Final = "Cosines of a sentence and others"
LABELS: Final = "Labels of texts and pairs of texts"

ROUTES: Final = (
    _route("/embed", "Vectors of texts", embed, EMBED_REQUEST, EMBED_RESPONSE, "embed"),
    _route("/embed_all", UNPOOLED, embed_all, EMBED_ALL_REQUEST, listed(listed(VECTOR)), "embed"),
    _route("/similarity", COSINES, similarity, SIMILARITY_REQUEST, VECTOR, "embed"),
    _route("/predict", LABELS, predict, PREDICT_REQUEST, PREDICT_RESPONSE, "classify"),
    _route("/tokenize", "Tokens of texts", tokenize, TOKENIZE_REQUEST, TOKENIZE_RESPONSE),
)
