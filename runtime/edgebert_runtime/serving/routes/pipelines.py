"""`/`, where `huggingface_hub.InferenceClient` posts every task, answered as transformers does.

`{"inputs": …, "parameters": {…}}`; a list of inputs has a list of answers. Bundles of `embed` and
`rank` take at `/` what text-embeddings-inference takes there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, get_args

from edgebert_runtime.postprocessing.activations import Activation
from edgebert_runtime.postprocessing.spans import Aggregation
from edgebert_runtime.serving.bundles import BundleService
from edgebert_runtime.serving.routes.errors import tei_error
from edgebert_runtime.serving.routes.items import TEXT_AND_PAIR, text_or_pair
from edgebert_runtime.serving.routes.rerank import TEI_REQUEST, TEI_RESPONSE, rerank_texts
from edgebert_runtime.serving.routes.route import Handle, Route, one_or_more, options
from edgebert_runtime.serving.routes.text_embeddings_inference import (
    EMBED_REQUEST,
    EMBED_RESPONSE,
    SCORES,
    SIMILARITY_REQUEST,
    embed,
    label_scores,
    similarity,
)
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
    positive,
    record,
    request,
    several,
)

Given = Mapping[str, Any]
"""Parameters or options, by name."""


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """How a task is asked and answers at `/`.

    Attributes:
        inputs: schema of one input, or of several.
        parameters: name of the pipeline → schema.
        option_of: name of the pipeline → our option, where it is another.
        item: one input → the item of the task.
        answer: what the task answers, and the parameters → what the pipeline answers.
        answered: schema of an answer to one input.
        nested: whether the answer to one input is in a list, as that to several.
    """

    inputs: Schema
    parameters: Mapping[str, Schema]
    option_of: Mapping[str, str]
    answer: Callable[[Any, Given], Any]
    answered: Schema
    item: Callable[[Any], Any] = lambda found: found
    nested: bool = False

    @cached_property
    def request(self) -> Schema:
        """Of the body."""
        parameters = optional(closed(**self.parameters), "Arguments of the pipeline.")
        return request("inputs", inputs=self.inputs, parameters=parameters)

    @cached_property
    def response(self) -> Schema:
        """Of the answer."""
        several = listed(self.answered)
        return several if self.nested else {"anyOf": (self.answered, several)}

    async def handle(self, service: BundleService, body: Any) -> Any:
        """Answer as the pipeline.

        Raises:
            InputError, ConfigError: the request is wrong.
        """
        asked = check_body(body, self.request)
        parameters = {
            name: each for name, each in asked.get("parameters", {}).items() if each is not None
        }
        inputs = asked["inputs"]
        given = {self.option_of.get(name, name): each for name, each in parameters.items()}
        if "stride" in parameters:
            given["long"] = "window"
        items = list(map(self.item, one_or_more(inputs)))
        answers = (await service.answer(items, options(service, **given))).answers
        found = [self.answer(each, parameters) for each in answers]
        return found if self.nested or isinstance(inputs, list) else found[0]


def _entities(found: Sequence[Any], parameters: Given) -> list[dict[str, Any]]:
    name = "entity" if parameters.get("aggregation_strategy") == "none" else "entity_group"
    return [
        {
            name: each.label,
            "score": each.score,
            "word": each.text,
            "start": each.start,
            "end": each.end,
        }
        for each in found
    ]


def _spans(found: Sequence[Any], parameters: Given) -> Any:
    spans = [
        {"answer": each.text, "score": each.score, "start": each.start, "end": each.end}
        for each in found
    ]
    return spans[0] if parameters.get("top_k", 1) == 1 and spans else spans


def _tokens(found: Sequence[Any], parameters: Given) -> Any:
    del parameters
    masks = [
        [
            {
                "score": each.score,
                "token": each.token_id,
                "token_str": each.token,
                "sequence": each.sequence,
            }
            for each in mask
        ]
        for mask in found
    ]
    return masks[0] if len(masks) == 1 else masks


TOP_K: Final = positive("Give so many answers at most.")
QUESTION: Final = closed("question", "context", question=TEXT, context=TEXT)
SPAN: Final = record(answer=TEXT, score=NUMBER, start=COUNT, end=COUNT)
ENTITY: Final = {
    **record(score=NUMBER, word=TEXT, start=COUNT, end=COUNT),
    "properties": {
        "entity_group": TEXT,
        "entity": TEXT,
        "score": NUMBER,
        "word": TEXT,
        "start": COUNT,
        "end": COUNT,
    },
}
FILLINGS: Final = listed(record(score=NUMBER, token=COUNT, token_str=TEXT, sequence=TEXT))


PIPELINES: Final[Mapping[str, Pipeline]] = MappingProxyType(
    {
        "classify": Pipeline(
            inputs=several({"anyOf": (TEXT, TEXT_AND_PAIR)}),
            parameters={
                "top_k": TOP_K,
                "function_to_apply": choice(
                    *get_args(Activation), description="From logits to scores."
                ),
            },
            option_of={"function_to_apply": "activation"},
            item=text_or_pair,
            answer=lambda found, _: label_scores(found),
            answered=SCORES,
            nested=True,
        ),
        "tag": Pipeline(
            inputs=ONE_OR_MORE,
            parameters={
                "aggregation_strategy": choice(
                    *get_args(Aggregation), description="How tokens become entities."
                ),
                "ignore_labels": optional(listed(TEXT), "Labels to leave out."),
                "stride": positive("Run long texts in windows that share so many tokens."),
            },
            option_of={"aggregation_strategy": "aggregation", "ignore_labels": "ignore"},
            answer=_entities,
            answered=listed(ENTITY),
        ),
        "answer": Pipeline(
            inputs=several(QUESTION),
            parameters={
                "top_k": TOP_K,
                "max_answer_len": positive("Longest answer in tokens."),
                "handle_impossible_answer": flag("Let an empty answer say that there is none."),
                "max_seq_len": positive("Tokens of a window."),
                "doc_stride": positive("Tokens that neighbouring windows share."),
            },
            option_of={
                "max_answer_len": "max_answer_length",
                "handle_impossible_answer": "allow_no_answer",
                "max_seq_len": "window",
                "doc_stride": "stride",
            },
            item=lambda found: (found["question"], found["context"]),
            answer=_spans,
            answered={"anyOf": (SPAN, listed(SPAN))},
        ),
        "fill": Pipeline(
            inputs=ONE_OR_MORE,
            parameters={"top_k": TOP_K, "targets": optional(TEXTS, "Only these tokens.")},
            option_of={},
            answer=_tokens,
            answered={"anyOf": (FILLINGS, listed(FILLINGS))},
        ),
    }
)
"""Task → how it is asked at `/`."""


async def embed_or_compare(service: BundleService, body: Any) -> Sequence[Any]:
    """Vectors of texts; cosines where the inputs are a sentence and others.

    Raises:
        InputError, ConfigError: the request is wrong.
    """
    sentences = isinstance(body, dict) and isinstance(body.get("inputs"), dict)
    return await (similarity if sentences else embed)(service, body)


def _route(task: str, summary: str, handle: Handle, asked: Schema, answered: Schema) -> Route:
    return Route(
        path="/",
        summary=summary,
        tasks=frozenset({task}),
        handle=handle,
        error_body=tei_error,
        request_schema=asked,
        response_schema=answered,
    )


def pipeline_route(task: str, pipeline: Pipeline) -> Route:
    """`/` of a task."""
    summary = f"As a pipeline of the task {task!r}"
    return _route(task, summary, pipeline.handle, pipeline.request, pipeline.response)


ROUTES: Final = (
    _route(
        "embed",
        "Vectors of texts, or cosines of sentences",
        embed_or_compare,
        {"anyOf": (EMBED_REQUEST, SIMILARITY_REQUEST)},
        {"anyOf": (EMBED_RESPONSE, VECTOR)},
    ),
    _route("rank", "Texts by relevance", rerank_texts, TEI_REQUEST, TEI_RESPONSE),
    *(pipeline_route(task, pipeline) for task, pipeline in PIPELINES.items()),
)
