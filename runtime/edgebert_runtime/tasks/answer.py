"""Answers to questions, as spans of a context of any length.

Equal to transformers' question-answering pipeline with its defaults (4.57, its last release with
one: pipelines/question_answering.py), but that spans of probability 0 never fill up a list.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.inference.arrays import Floats, GraphOutput
from edgebert_runtime.inference.async_calls import asynchronous
from edgebert_runtime.inference.call import require_positive
from edgebert_runtime.inference.reports import AsDict
from edgebert_runtime.postprocessing.activations import softmax
from edgebert_runtime.postprocessing.explanation.target import Target
from edgebert_runtime.tasks.agreement import AgreementSpec, spans
from edgebert_runtime.tasks.base import RowOutputs, TaskModel
from edgebert_runtime.tasks.explainable import require_one_of, require_pair
from edgebert_runtime.tasks.options import TaskOptions, option
from edgebert_runtime.tasks.spec import (
    CommandSpec,
    TaskProbe,
    TaskSpec,
    constant_columns,
    pair_item,
)
from edgebert_runtime.tokenization.encoding import EncodedItem
from edgebert_runtime.tokenization.items import Item, check_pair, check_text
from edgebert_runtime.tokenization.offsets import AlignedText

if TYPE_CHECKING:
    from edgebert_runtime.postprocessing.explanation.words import Shortened

WINDOW_TOKENS: Final = 384
"""Longest window where the caller sets none; question-answering models are trained at this."""

CONTEXT: Final = 1
"""Which text of the pair the context is, counted from 0."""

EXPLAINED: Final = 20
"""Answers that one that is explained is looked for among; what is not there has a score of 0."""

NULL: Final = 0
"""Position of `[CLS]`, which stands for "no answer" (Devlin et al. 2019, section 4.3)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer(AsDict):
    """One span of the context.

    Attributes:
        text: what the context has from `start` to `end`; empty for "no answer".
        score: probability of start times probability of end, within a window; summed over spans
            that read alike but for case, so it may exceed 1 where windows share an answer.
        start: number of its first character in the context, from 0.
        end: number of the character after its last.
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


@dataclass(frozen=True, kw_only=True)
class AnswerOptions(TaskOptions):
    """Arguments of `Answerer.answer`, which explains them; a long context runs in windows."""

    top_k: int = option(1, "give at most K answers for a context", type=int, metavar="K")
    max_answer_length: int = option(15)
    allow_no_answer: bool = option(
        False, "let an empty answer say that the context has none", action="store_true"
    )
    window: int | None = option(None)
    long: Literal["window"] = option("window")


class Answerer(TaskModel[AnswerOptions]):
    """Finds answers in contexts; made by `load`.

    An item of `predict` is a pair of question and context, its answer is a list of `Answer`.
    """

    OPTIONS: ClassVar = AnswerOptions
    CHUNK_ITEMS: ClassVar[int] = 32  # a context has the place of each of its tokens
    GRAPH: ClassVar = tuple(
        GraphOutput(f"{edge}_logits", ("batch", "sequence")) for edge in ("start", "end")
    )

    def _prepare(self) -> None:
        self._require_head("softmax")

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
            allow_no_answer: include "no answer" (an empty answer) in the ranking; its score is the
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
        options = AnswerOptions(
            top_k=top_k,
            max_answer_length=max_answer_length,
            allow_no_answer=allow_no_answer,
            window=window,
            stride=stride,
        )
        self.check_options(options)
        pair = _check_pair("question", "context", (question, context))
        (answers,) = self._predict("answer", [pair], options)
        found: list[Answer] = answers
        return found

    aanswer = asynchronous(answer)

    def check_options(self, options: AnswerOptions) -> None:
        """Refuse counts below 1, and a window that the model has no positions for.

        Raises:
            InputError: a count is below 1.
            ConfigError: the window is longer than the bundle's limit.
        """
        require_positive("max_answer_length", options.max_answer_length)
        require_positive("top_k", options.top_k)
        self._window_tokens(options)

    def encode(
        self, items: Sequence[Any], options: AnswerOptions | None = None, *, first: int = 0
    ) -> list[EncodedItem]:
        """Pairs of question and context to windows over the context.

        Raises:
            InputError: a text is not a string, not text or empty, or a question fills a window.
            ConfigError: a stride that a window has no room for.
        """
        chosen = options or AnswerOptions()
        return [self._windows(first + at, item, chosen) for at, item in enumerate(items)]

    def _windows(self, index: int, item: Any, options: AnswerOptions) -> EncodedItem:
        name = f"item {index}"
        pair = _check_pair(f"{name}[0]", f"{name}[1]", check_pair(name, item))
        windows = self._tokenizer.align_windows(pair, self._window_tokens(options), options.stride)
        return EncodedItem(pair, windows if self._tokenizer.is_huge(pair[1]) else list(windows))

    def _decode_item(
        self, item: EncodedItem, rows: Iterable[RowOutputs], options: AnswerOptions
    ) -> list[Answer]:
        nulls: list[float] = []
        answers = merge_alike(_window_answers(item.item[1], rows, options, nulls))
        if options.allow_no_answer:
            answers.append(Answer(text="", score=min(nulls), start=0, end=0))
        best = sorted(answers, key=lambda answer: answer.score, reverse=True)
        return best[: options.top_k]

    def _inputs(self, item: Item) -> Sequence[Item]:
        del item
        return ()  # a long context runs in windows

    def _seen(self, item: Item) -> tuple[str, str]:
        return _check_pair("question", "context", require_pair(item, "question", "context"))

    def _target(self, item: Item, wanted: str | None) -> Target:
        """The score of an answer, the best one's unless another is wanted; 0 where it is gone."""
        pair = self._seen(item)
        options = AnswerOptions(top_k=EXPLAINED)
        (found,) = self.predict([pair], options, progress=False)
        texts = [answer.text for answer in found]
        text = texts[0] if wanted is None else require_one_of(wanted, texts, "answer")

        def score(answers: Sequence[Answer]) -> float:
            same = (each.score for each in answers if each.text.lower() == text.lower())
            return next(same, 0.0)

        def values(shorter: Sequence["Shortened"]) -> list[float]:
            askable = [each.item for each in shorter if all(map(str.strip, each.item))]
            answers = iter(self.predict(askable, options, progress=False))
            return [
                score(next(answers)) if all(map(str.strip, each.item)) else 0.0 for each in shorter
            ]

        return Target(name=f"score of {text!r}", item=pair, values=values)

    def _window_tokens(self, options: AnswerOptions) -> int:
        asked, limit = options.window, self.max_length
        if asked is not None and not 1 <= asked <= limit:
            raise ConfigError(f"window must be between 1 and {limit} tokens, got {asked}")
        return min(limit, WINDOW_TOKENS) if asked is None else asked


def _check_pair(first: str, second: str, pair: Item) -> tuple[str, str]:
    """Question and context, neither empty, or an `InputError` that calls them so."""
    for name, text in zip((first, second), pair, strict=True):
        if not check_text(name, text):
            raise InputError(f"{name} is empty, expected a text")
    return pair[0], pair[1]


def _window_answers(
    context: str, rows: Iterable[RowOutputs], options: AnswerOptions, nulls: list[float]
) -> Iterator[Answer]:
    """The best spans of each window; what each gives "no answer" is added to `nulls`."""
    candidates = 2 * options.top_k + 10  # several may widen to the same words
    for row, (starts, ends) in rows:
        assert isinstance(row, AlignedText)
        if CONTEXT not in row.sources:
            raise InputError("context has no token for this model, expected a text")
        start_scores, end_scores = score_tokens(starts, ends, row.sources)
        nulls.append(float(start_scores[NULL] * end_scores[NULL]))
        inside = context_positions(row.sources)
        longest = options.max_answer_length
        for span in best_spans(start_scores, end_scores, inside, longest, candidates):
            yield read_span(context, row, span)


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


def _scores_of(answers: list[Answer]) -> list[dict[str, float]]:
    # Spans that read alike are one answer, and which of them stands for it may hang by a rounding.
    return [{answer.text.lower(): answer.score for answer in answers}]


SPEC: Final = TaskSpec(
    name="answer",
    model=Answerer,
    labels=None,
    pipeline_tag="question-answering",
    example='spans = model.answer("a question", "a context that holds the answer")',
    columns=constant_columns({"answers": list[Answer]}),
    record=lambda answers: {"answers": [answer.to_dict() for answer in answers]},
    command=CommandSpec(
        summary="Find the answer to a question in contexts; prints a JSON line for each context",
        text="CONTEXT",
        question="question",
        example='"Who wrote it?" "Ada Lovelace wrote it in 1843."',
    ),
    probe=TaskProbe(
        options=AnswerOptions(top_k=20),  # scores depend on it, so it is always the same
        comparable=_scores_of,
        measure="scores",
        stored=5,
    ),
    item=pair_item,
    agreement=AgreementSpec(
        metric="spans",
        unit="answers",
        measure=spans,
        chosen=False,
        options=AnswerOptions(top_k=20),
    ),
)
