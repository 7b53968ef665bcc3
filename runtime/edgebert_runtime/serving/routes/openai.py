"""`/v1/embeddings`, as OpenAI's clients post to it
(https://platform.openai.com/docs/api-reference/embeddings/create).
"""

from collections.abc import Mapping
from typing import Any, Final, get_args

from edgebert_runtime.errors import InputError
from edgebert_runtime.serving.bundles import BundleService
from edgebert_runtime.serving.routes.errors import openai_error
from edgebert_runtime.serving.routes.route import Route, one_or_more, options
from edgebert_runtime.serving.routes.vectors import FORMATS, encoded
from edgebert_runtime.serving.schemas.check import check_body
from edgebert_runtime.serving.schemas.parts import (
    COUNT,
    ONE_OR_MORE,
    TEXT,
    VECTOR,
    choice,
    listed,
    optional,
    positive,
    record,
    request,
    said,
)
from edgebert_runtime.tokenization.sliding_window import Long

PROMPT: Final = optional(TEXT, "Name of the bundle's prompt that is put before each text.")
DIMENSIONS: Final = positive(
    "Keep the first numbers of a vector, and scale it to length 1 again where it was."
)
LONG: Final = choice(
    *get_args(Long),
    description="What to do with texts beyond the model's maximum length; as the server does "
    "unless said.",
)

REQUEST: Final = request(
    "input",
    input=said(ONE_OR_MORE, "A text, or a list of texts."),
    encoding_format=choice(*FORMATS, description="How a vector is written; numbers unless named."),
    dimensions=DIMENSIONS,
    prompt_name=PROMPT,
    long=LONG,
    user=optional(TEXT, "Has no effect."),
)

RESPONSE: Final = record(
    object={"type": "string", "enum": ("list",)},
    data=listed(
        record(
            object={"type": "string", "enum": ("embedding",)},
            index=COUNT,
            embedding={"anyOf": (VECTOR, TEXT)},
        )
    ),
    model=TEXT,
    usage=record(prompt_tokens=COUNT, total_tokens=COUNT),
)


async def embeddings(service: BundleService, body: Any) -> Mapping[str, Any]:
    """A vector for each text.

    Raises:
        InputError, ConfigError: the request is wrong.
    """
    _refuse_token_ids(body)
    asked = check_body(body, REQUEST)
    chosen = options(
        service,
        dimensions=asked.get("dimensions"),
        prompt=asked.get("prompt_name"),
        long=asked.get("long"),
    )
    found = await service.answer(one_or_more(asked["input"]), chosen)
    form = asked.get("encoding_format")
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": encoded(vector, form)}
            for index, vector in enumerate(found.answers)
        ],
        "model": service.name,
        "usage": {"prompt_tokens": found.tokens, "total_tokens": found.tokens},
    }


def _refuse_token_ids(body: Any) -> None:
    """Refuse ids of OpenAI's own vocabulary, which mean other tokens to every other model.

    Raises:
        InputError: the input is a list of them.
    """
    found = body.get("input") if isinstance(body, dict) else None
    while isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, int) and not isinstance(found, bool):
        raise InputError(
            "input has token ids, expected a text or a list of texts: ids of another vocabulary "
            "mean other tokens here; let the client send texts, in LangChain by "
            "OpenAIEmbeddings(check_embedding_ctx_length=False)"
        )


ROUTES: Final = (
    Route(
        path="/v1/embeddings",
        summary="Vectors of texts, as OpenAI's clients ask for them",
        tasks=frozenset({"embed"}),
        handle=embeddings,
        error_body=openai_error,
        request_schema=REQUEST,
        response_schema=RESPONSE,
    ),
)
