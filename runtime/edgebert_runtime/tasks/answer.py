"""Answers to questions, as spans of a context of any length.

Equal to transformers' question-answering pipeline with its defaults (4.57, its last release with
one: pipelines/question_answering.py), but that spans of probability 0 never fill up a list.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.inference.async_calls import asynchronous
from edgebert_runtime.inference.call import require_positive
from edgebert_runtime.postprocessing.activations import softmax
from edgebert_runtime.tasks.base import Floats, TaskModel
from edgebert_runtime.tokenization.offsets import AlignedText
from edgebert_runtime.tokenization.tokenizer import check_text

WINDOW_TOKENS: Final = 384
"""Longest window where the caller sets none; question-answering models are trained at this."""

CONTEXT: Final = 1
"""Which text of the pair the context is, counted from 0."""

NULL: Final = 0
"""Position of `[CLS]`, which stands for "no answer" (Devlin et al. 2019, section 4.3)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One span of the context.

    Attributes:
        text: what the context has from `start` to `end`; empty for "no answer".
        score: probability of start times probability of end, within a window; summed over spans
            that read alike but for case, so it may exceed 1 where windows share an answer.
        start, end: first and behind-last character in the context.
    """

    text: str
    score: float
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class TokenSpan:
    """First and last token of a span in a window, and its probability."""

    first: int
    last: int
    score: float


class Answerer(TaskModel):
    """Finds answers in contexts; made by `load`."""

    OUTPUTS: ClassVar[tuple[str, ...]] = ("start_logits", "end_logits")

    def _prepare(self) -> None:
        self._require_head("softmax")
        self._limit = self._bundle.manifest.tokenizer.max_length

    def answer(
        self,
        question: str,
        context: str,
        *,
        top_k: int = 1,
        max_answer_length: int = 15,
        allow_no_answer: bool = False,
        window: int | None = None,
        stride: int | None = None,
    ) -> list[Answer]:
        """Find the answer to a question in a context, cut into overlapping windows if it is long.

        Args:
            question: a string; it must leave room for the context in a window.
            context: a string of any length.
            top_k: how many answers at most; fewer come where the context has fewer.
            max_answer_length: longest answer in tokens, before it is widened to whole words.
            allow_no_answer: count "no answer", an empty one, among the answers; its score is the
                lowest that any window gives it.
            window: tokens the model sees at once, question and special tokens included; None is
                384, or the bundle's limit where that is less.
            stride: tokens that neighbouring windows share; None is half a window, at most 128.

        Returns:
            Answers by falling score.

        Raises:
            InputError: question or context is not a string, not text or empty, the question fills
                a window, or `top_k` or `max_answer_length` is below 1.
            ConfigError: a window longer than the bundle's limit, or a stride it has no room for.
        """
        require_positive("max_answer_length", max_answer_length)
        require_positive("top_k", top_k)
        for name, text in (("question", question), ("context", context)):
            check_text(name, text)
            if not text:
                raise InputError(f"{name} is empty, expected a text")
        tokens = self._window_tokens(window)
        windows = self._tokenizer.align_windows((question, context), tokens, stride)
        call = self._call(windows=False)
        nulls: list[float] = []

        def spans() -> Iterator[Answer]:
            candidates = 2 * top_k + 10  # several may widen to the same words
            for text, (starts, ends) in self._run_windows(windows, call):
                if CONTEXT not in text.sources:
                    raise InputError("context has no token for this model, expected a text")
                start_scores, end_scores = score_tokens(starts, ends, text.sources)
                nulls.append(float(start_scores[NULL] * end_scores[NULL]))
                inside = context_positions(text.sources)
                best = best_spans(start_scores, end_scores, inside, max_answer_length, candidates)
                yield from (read_span(context, text, span) for span in best)

        answers = merge_alike(spans())
        call.texts += 1
        self._finish(call, stacklevel=3)
        if allow_no_answer:
            answers.append(Answer(text="", score=min(nulls), start=0, end=0))
        return sorted(answers, key=lambda answer: answer.score, reverse=True)[:top_k]

    aanswer = asynchronous(answer)

    def _window_tokens(self, asked: int | None) -> int:
        if asked is not None and not 1 <= asked <= self._limit:
            raise ConfigError(f"window must be between 1 and {self._limit} tokens, got {asked}")
        return min(self._limit, WINDOW_TOKENS) if asked is None else asked


def context_positions(sources: Sequence[int | None]) -> NDArray[np.int64]:
    """Which tokens are the context's; they are neighbours."""
    return np.flatnonzero([source == CONTEXT for source in sources])


def score_tokens(
    start_logits: Floats, end_logits: Floats, sources: Sequence[int | None]
) -> tuple[Floats, Floats]:
    """Probabilities of starting and of ending at each token, over the context's and `[CLS]`.

    Shapes:
        start_logits, end_logits: (sequence or more,), what is more is padding
        returns: both (sequence,), 0 outside of context and `[CLS]`
    """
    eligible = np.array([source == CONTEXT for source in sources])
    eligible[NULL] = sources[NULL] is None
    lowest = np.float32(-np.inf)
    starts = np.where(eligible, start_logits[: len(sources)], lowest)
    ends = np.where(eligible, end_logits[: len(sources)], lowest)
    return softmax(starts), softmax(ends)


def best_spans(
    start_scores: Floats,
    end_scores: Floats,
    inside: NDArray[np.int64],
    max_answer_length: int,
    count: int,
) -> list[TokenSpan]:
    """The most probable spans, at most `count`; of equal ones the earlier first.

    Args:
        start_scores: (sequence,), of `score_tokens`.
        end_scores: (sequence,), likewise.
        inside: tokens a span may have, neighbours, rising.
        max_answer_length: in tokens.
        count: how many.
    """
    longest = min(max_answer_length, len(inside))
    firsts = np.repeat(inside, longest)
    lasts = firsts + np.tile(np.arange(longest), len(inside))
    fits = lasts <= inside[-1]
    firsts, lasts = firsts[fits], lasts[fits]
    scores = start_scores[firsts] * end_scores[lasts]
    order = np.argsort(-scores, kind="stable")[:count]
    return [
        TokenSpan(first=int(firsts[index]), last=int(lasts[index]), score=float(scores[index]))
        for index in order
    ]


def read_span(context: str, text: AlignedText, span: TokenSpan) -> Answer:
    """A span of tokens as characters of the context, widened to whole words where there are any."""
    first, last = text.words[span.first], text.words[span.last]
    start, end = text.offsets[span.first][0], text.offsets[span.last][1]
    if first is not None and last is not None:
        positions = context_positions(text.sources)
        start = next(text.offsets[at][0] for at in positions if text.words[at] == first)
        end = next(text.offsets[at][1] for at in reversed(positions) if text.words[at] == last)
    return Answer(text=context[start:end], score=span.score, start=start, end=end)


def merge_alike(answers: Iterable[Answer]) -> list[Answer]:
    """Sum the scores of answers that read alike but for case; the first keeps its place."""
    merged: dict[str, Answer] = {}
    for answer in answers:
        first = merged.setdefault(answer.text.lower(), answer)
        if first is not answer:
            merged[answer.text.lower()] = Answer(
                text=first.text,
                score=first.score + answer.score,
                start=first.start,
                end=first.end,
            )
    return list(merged.values())
