"""The task on a device."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from edgebert_runtime.inference.arrays import logits
from edgebert_runtime.inference.reports import AsDict
from edgebert_runtime.postprocessing.activations import softmax
from edgebert_runtime.tasks.base import RowOutputs, TaskModel
from edgebert_runtime.tasks.options import TaskOptions, option
from edgebert_runtime.tasks.registry import register_task
from edgebert_runtime.tasks.spec import (
    CommandSpec,
    TaskProbe,
    TaskSpec,
    columns_of,
    constant_columns,
)
from edgebert_runtime.tokenization.encoding import EncodedItem


@dataclass(frozen=True, kw_only=True)
class Mood(AsDict):
    """The best label, and by how much it is ahead of the next."""

    label: str
    lead: float


@dataclass(frozen=True, kw_only=True)
class MoodOptions(TaskOptions):
    least: float = option(0.0, "say 'unsure' below this lead (default: 0)", type=float)


class MoodReader(TaskModel[MoodOptions]):
    """Says which label is ahead; made by `load`."""

    OPTIONS: ClassVar = MoodOptions
    GRAPH: ClassVar = logits("labels")

    def _prepare(self) -> None:
        self._head = self._require_head("softmax")
        self._require_labels()

    def moods(self, texts: Sequence[str], *, least: float = 0.0) -> list[Mood]:
        found: list[Mood] = self.predict(texts, MoodOptions(least=least))
        return found

    def _decode_item(
        self, item: EncodedItem, rows: Iterable[RowOutputs], options: MoodOptions
    ) -> Mood:
        scores = softmax(np.mean([scores for _, (scores,) in rows], axis=0))
        second, first = np.argsort(scores, kind="stable")[-2:]
        lead = float(scores[first] - scores[second])
        label = self.labels[first] if lead >= options.least else "unsure"
        return Mood(label=label, lead=lead)


SPEC: Final = register_task(
    TaskSpec(
        name="mood_of",
        model=MoodReader,
        labels="any",
        pipeline_tag="text-classification",
        example='moods = model.moods(["a text"])',
        columns=constant_columns(columns_of(Mood)),
        record=Mood.to_dict,
        command=CommandSpec(summary="the label that is ahead, one JSON line each"),
        probe=TaskProbe(
            options=MoodOptions(),
            comparable=lambda mood: [{mood.label: mood.lead}],
            measure="scores",
        ),
    )
)
