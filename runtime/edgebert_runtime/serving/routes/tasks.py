"""Routes that are made of a task's `TaskSpec`, also of tasks that other packages register.

`/classify`, `/tag` and so on answer with the records that `edgebert-run` prints. `embed` has none:
`/embed` is that of text-embeddings-inference. Nor has a task of another package whose answers hang
on all items of a request (`TaskSpec.answer_all`): the items of all requests are one queue here.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from edgebert_runtime.serving.bundles import BundleService
from edgebert_runtime.serving.routes.errors import tei_error
from edgebert_runtime.serving.routes.items import ITEMS, text_or_pair
from edgebert_runtime.serving.routes.pipelines import PIPELINES, Pipeline, pipeline_route
from edgebert_runtime.serving.routes.route import Route, one_or_more, options
from edgebert_runtime.serving.schemas.check import Schema, check_body
from edgebert_runtime.serving.schemas.of_types import columns_schema, options_schema
from edgebert_runtime.serving.schemas.parts import (
    COUNT,
    TEXT,
    closed,
    listed,
    record,
    request,
    said,
    several,
)
from edgebert_runtime.tasks.rank import ranked
from edgebert_runtime.tasks.registry import EMBED
from edgebert_runtime.tasks.spec import ConstantColumns, TaskSpec

RANK: Final = "rank"
AT_ROOT: Final = frozenset({*PIPELINES, EMBED, RANK})
"""Tasks that a dialect has at `/`."""


def routes_of(spec: TaskSpec) -> Iterator[Route]:
    """The routes of a task in our own shape, and `/` where no dialect has it."""
    if spec.name != EMBED and (spec.name == RANK or spec.answer_all is None):
        yield task_route(spec)
    if spec.name not in AT_ROOT and spec.answer_all is None:
        yield pipeline_route(spec.name, root_pipeline(spec))


def task_route(spec: TaskSpec) -> Route:
    """The route of a task; it is called as the task's command."""
    asked = request_schema(spec)
    return Route(
        path=f"/{spec.command_name}",
        summary=spec.command.summary.partition(";")[0],
        tasks=frozenset({spec.name}),
        handle=partial(answer, spec, asked),
        error_body=tei_error,
        request_schema=asked,
        response_schema=record(model=TEXT, answers=listed(answer_schema(spec)), tokens=COUNT),
    )


async def answer(
    spec: TaskSpec, schema: Schema, service: BundleService, body: Any
) -> Mapping[str, Any]:
    """The records of a request's texts.

    Args:
        spec: of the task.
        schema: of the body, as `request_schema` gives it.
        service: of a bundle of the task.
        body: what a client sent.

    Raises:
        InputError, ConfigError: the request is wrong.
    """
    asked = check_body(body, schema)
    texts, question = one_or_more(asked.pop(_texts(spec))), spec.command.question
    asked.pop("model", None)
    before = () if question is None else (asked.pop(question),)
    items = [(*before, each) if before else text_or_pair(each) for each in texts]
    found = await service.answer(items, options(service, **asked))
    answers = found.answers
    if spec.name == RANK:
        answers = ranked(texts, answers, asked.get("top_k"))
    return {
        "model": service.name,
        "answers": [spec.record(each) for each in answers],
        "tokens": found.tokens,
    }


def request_schema(spec: TaskSpec) -> Schema:
    """Of the body: the texts, the question before them where there is one, and the options."""
    question, texts = spec.command.question, _texts(spec)
    fields = {texts: said(several(ITEMS[spec.command.pairs]), f"One of the {texts}, or a list.")}
    if question is not None:
        fields = {question: TEXT, **fields}
    return request(*fields, **fields, **options_schema(spec.options))


def answer_schema(spec: TaskSpec) -> Schema:
    """Of one record; any object where its columns hang on the model."""
    if isinstance(spec.columns, ConstantColumns):
        return columns_schema(spec.columns.columns)
    return {"type": "object"}


def root_pipeline(spec: TaskSpec) -> Pipeline:
    """`/` of a task that no pipeline is known for: inputs, and its options as parameters."""
    question = spec.command.question
    names = () if question is None else (question, spec.command.text.lower())
    item = closed(*names, **dict.fromkeys(names, TEXT)) if names else ITEMS[spec.command.pairs]

    def to_item(found: Any) -> Any:
        return tuple(found[name] for name in names) if names else text_or_pair(found)

    return Pipeline(
        inputs=several(item),
        parameters=options_schema(spec.options),
        option_of={},
        item=to_item,
        answer=lambda found, _: spec.record(found),
        answered=answer_schema(spec),
    )


def _texts(spec: TaskSpec) -> str:
    """What a request calls its texts."""
    return f"{spec.command.text.lower()}s"
