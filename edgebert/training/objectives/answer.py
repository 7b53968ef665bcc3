"""Extractive question answering (Devlin et al. 2019, sections 4.2 and 4.3)."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgebert.training import losses
from edgebert.training.data.encoding import TextEncoder
from edgebert.training.data.records import Question
from edgebert.training.metrics import Scores, answer_scores
from edgebert.training.objectives.base import Batch, EncodedRows, count_truncated, to_arrays
from edgebert_runtime.errors import InputError
from edgebert_runtime.tasks.answer import (
    CONTEXT,
    NULL,
    best_spans,
    context_positions,
    read_span,
    score_tokens,
)
from edgebert_runtime.tokenization.offsets import AlignedText

LONGEST_ANSWER: Final = 30
"""In tokens; what Devlin et al.'s released code allows."""


class Answering(EncodedRows[AlignedText]):
    """Cross-entropy of the first and of the last token of the answer, averaged.

    A question without an answer points at the first token. A context is seen up to the limit;
    in training, questions whose answer lies beyond are left out.

    Raises:
        InputError: a question leaves no room for its context.
    """

    monitor: ClassVar[str] = "f1"

    def __init__(
        self, records: Sequence[Question], encoder: TextEncoder, *, training: bool
    ) -> None:
        _check_questions([record.question for record in records], encoder)
        encoded = encoder.align_first_windows(
            [(record.question, record.context) for record in records]
        )
        spans = [span_of(record, row) for record, row in zip(records, encoded, strict=True)]
        kept = [number for number, span in enumerate(spans) if span is not None or not training]
        super().__init__([encoded[number] for number in kept], encoder)
        self.truncated = count_truncated(encoded)
        self.left_out = len(records) - len(kept)
        self._records = [records[number] for number in kept]
        self._targets = torch.tensor([spans[number] or (0, 0) for number in kept])
        self._may_be_none = not all(record.answer for record in records)

    def batch(self, rows: Sequence[int], rng: np.random.Generator) -> Batch:
        del rng
        starts, ends = self._targets[list(rows)].unbind(dim=1)
        return Batch(
            rows=tuple(rows),
            inputs=(self.inputs(rows),),
            targets=(starts, ends),
            counts=(len(rows),),
        )

    def losses(self, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, ...]:
        padding = batch.inputs[0].attention_mask == 0
        starts, ends = (
            losses.cross_entropy(logits.masked_fill(padding, -torch.inf), targets)
            for logits, targets in zip(outputs, batch.targets, strict=True)
        )
        return ((starts + ends) / 2,)

    def predictions(self, outputs: tuple[Tensor, ...], batch: Batch) -> list[Any]:
        """The text of each answer."""
        starts, ends = map(to_arrays, outputs)
        return [
            self._text(row, start, end)
            for row, start, end in zip(batch.rows, starts, ends, strict=True)
        ]

    def metrics(self, predictions: Sequence[Any]) -> Scores:
        return answer_scores([record.answer for record in self._records], predictions)

    def _text(self, row: int, starts: NDArray[np.float32], ends: NDArray[np.float32]) -> str:
        return best_answer(
            self._records[row].context,
            self._encoded[row],
            starts,
            ends,
            may_be_none=self._may_be_none,
        )


def _check_questions(questions: Sequence[str], encoder: TextEncoder) -> None:
    room = encoder.files.max_length - encoder.added(pair=True) - 1
    for question, length in zip(questions, encoder.lengths(questions), strict=True):
        if length > room:
            raise InputError(
                f"the question {question!r} has {length} tokens, expected at most {room} so that "
                "some of its context fits; raise max_length or shorten it"
            )


def span_of(record: Question, encoded: AlignedText) -> tuple[int, int] | None:
    """First and last token of the answer; (0, 0) without one, None where it was cut off."""
    if not record.answer:
        return 0, 0
    end = record.start + len(record.answer)
    inside = [
        position
        for position, (begin, stop) in enumerate(encoded.offsets)
        if encoded.sources[position] == CONTEXT and begin < end and stop > record.start
    ]
    if not inside or encoded.offsets[inside[-1]][1] < end:
        return None
    return inside[0], inside[-1]


def best_answer(
    context: str,
    encoded: AlignedText,
    starts: NDArray[np.float32],
    ends: NDArray[np.float32],
    *,
    may_be_none: bool,
) -> str:
    """The text that the runtime would answer from one window.

    Args:
        context: the second text of the pair.
        encoded: the pair.
        starts: (sequence or more,), logits.
        ends: (sequence or more,), logits.
        may_be_none: whether "no answer", the empty text, counts among the answers.
    """
    inside = context_positions(encoded.sources)
    if not len(inside):
        return ""
    start_scores, end_scores = score_tokens(starts, ends, encoded.sources)
    (best,) = best_spans(start_scores, end_scores, inside, LONGEST_ANSWER, 1)
    if may_be_none and start_scores[NULL] * end_scores[NULL] > best.score:
        return ""
    return read_span(context, encoded, best).text.strip()
