"""What a task is: one `TaskSpec`, which everything else of the runtime reads.

`load`, the command line, rows of answers, the self-test and the benchmark iterate over the specs of
`edgebert_runtime.tasks.registry`. `edgebert` has a `BuildSpec` of the same name for each of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, NamedTuple

from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.inference.arrays import GraphOutput
from edgebert_runtime.progress import ProgressOption
from edgebert_runtime.tasks.agreement import AgreementSpec
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tasks.options import TaskOptions
from edgebert_runtime.tokenization.items import Item

QUESTION: Final = "Where is the cat?"
"""The first text of an item that is a pair, in samples and benchmarks."""


class VectorType(NamedTuple):
    """What a column of vectors holds: numpy's name of the numbers, and how many a vector has."""

    dtype: str
    size: int


Columns = Mapping[str, Any]
"""Column → its type: `str`, `int`, `float`, a list or tuple of one, a dataclass or `VectorType`."""

Record = Mapping[str, Any]
"""One answer: column → text, number, vector, or dicts and lists of them."""


def columns_of(answer: Any) -> Columns:
    """The fields of an answer's dataclass, as columns."""
    return {each.name: each.type for each in fields(answer)}


@dataclass(frozen=True)
class ConstantColumns:
    """The columns of a task whose answers have the same ones whatever is asked for."""

    columns: Columns

    def __call__(self, model: TaskModel[Any], options: Any) -> Columns:
        """The columns."""
        del model, options
        return self.columns


def constant_columns(columns: Columns) -> ConstantColumns:
    """For a task whose answers have the same columns whatever is asked for."""
    return ConstantColumns(columns)


@dataclass(frozen=True, kw_only=True)
class PartRows:
    """Tables with a row for each part of an answer.

    Attributes:
        name: what a part is.
        columns: of a row; the number of the item, from 0, comes before them as `item`.
        rows: the record of an answer → the rows of its parts.
    """

    name: str
    columns: Columns
    rows: Callable[[Record], Iterable[Record]]


@dataclass(frozen=True, kw_only=True)
class CommandSpec:
    """The command of a task in `edgebert` and `edgebert-run`.

    Attributes:
        summary: what it does, in one line.
        text: what usage calls a text.
        question: an argument of its own that comes first, and is the first text of every item.
        pairs: whether an item has two texts of its own.
        example: arguments behind the bundle, in the example of the help; None is a text, and a
            question before it where there is one.
        renamed: former names of options → the names of today; accepted for one release.
        parts: how answers can have a row for each of their parts; None where they have none.
    """

    summary: str
    text: str = "TEXT"
    question: str | None = None
    pairs: Literal["never", "optional", "always"] = "never"
    example: str | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    parts: PartRows | None = None


@dataclass(frozen=True, kw_only=True)
class AloneSpec:
    """Answers to items one by one, of a task whose method answers them together.

    Attributes:
        columns: of an answer of `predict`.
        record: an answer of `predict` → the row of these columns.
    """

    columns: Columns
    record: Callable[[Any], Record]


Measure = Literal["distance", "scores", "probabilities"]
"""How answers are compared: the distance of two vectors, or the largest change of a score;
probabilities of one place sum to at most 1."""


@dataclass(frozen=True, kw_only=True)
class TaskProbe:
    """How stored samples of a task are run and compared.

    Attributes:
        options: of the call.
        comparable: an answer → its numbers: of `distance` a list of them; else for each place that
            is scored (a text, a token, a mask) a mapping from what it may be to its score.
        measure: how two answers are compared.
        stored: how many of each place's scores are stored; None is all.
    """

    options: TaskOptions
    comparable: Callable[[Any], list[Any]]
    measure: Measure
    stored: int | None = None


def text_item(manifest: Manifest, text: str) -> Item:
    """The item of a task that takes one text."""
    del manifest
    return text


def pair_item(manifest: Manifest, text: str) -> Item:
    """The item of a task that takes two texts."""
    del manifest
    return (QUESTION, text)


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """One task.

    Attributes:
        name: as the manifest has it, with `_` between words.
        model: the class that `load` makes; its `GRAPH` is what the graph must offer.
        labels: how many labels the manifest's head names: any number, or exactly one; None where
            the task has no names for its logits.
        pipeline_tag: the Hub's name for the task (https://huggingface.co/docs/hub/models-tasks).
        example: a call for the model card, with `{dimensions}` and `{mask}` filled in.
        columns: the columns of an answer, by the model and the options.
        record: an answer → the row of these columns.
        command: how the command line has it.
        probe: how the self-test runs it.
        item: an item to try the task with, made of a text.
        answer_all: answers to all items at once, where an answer depends on the other items; it
            takes model, items, options, and who sees how far it is. None where every item has an
            answer of its own.
        alone: rows of the answers of `predict`, where `answer_all` gives others; None where they
            are those of `columns` and `record`.
        agreement: how answers of a quantized graph are compared with those of fp32; None where
            outputs alone are compared.
    """

    name: str
    model: type[TaskModel[Any]]
    labels: Literal["any", "one"] | None
    pipeline_tag: str
    example: str
    columns: Callable[[TaskModel[Any], Any], Columns]
    record: Callable[[Any], Record]
    command: CommandSpec
    probe: TaskProbe
    item: Callable[[Manifest, str], Item] = text_item
    answer_all: (
        Callable[[TaskModel[Any], Iterator[Any], Any, ProgressOption], Iterable[Any]] | None
    ) = None
    alone: AloneSpec | None = None
    agreement: AgreementSpec | None = None

    @property
    def options(self) -> type[TaskOptions]:
        """Arguments of the task's method."""
        return self.model.OPTIONS

    @property
    def command_name(self) -> str:
        """Its name on the command line, with hyphens."""
        return self.name.replace("_", "-")

    @property
    def command_example(self) -> str:
        """Arguments behind the bundle, in the example of the help."""
        question = f'"a {self.command.question}" ' if self.command.question else ""
        return self.command.example or f'{question}"a text"'

    @property
    def graph(self) -> tuple[GraphOutput, ...]:
        """What the graph must offer."""
        return self.model.GRAPH

    @property
    def has_head(self) -> bool:
        """Whether the manifest has a head; vectors come from embedding steps instead."""
        return all("dimensions" not in output.shape for output in self.graph)

    @property
    def outputs(self) -> tuple[str, ...]:
        """What a usual call takes of the graph's outputs, by name."""
        return self.model.RUN or tuple(output.name for output in self.graph)
