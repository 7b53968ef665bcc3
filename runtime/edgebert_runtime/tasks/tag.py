"""Entities in texts: labels of tokens, put together to words and spans.

Equal to transformers' token-classification pipeline (5.23, pipelines/token_classification.py) for
every aggregation strategy; there `word` is spelt by the tokenizer, here `text` is a slice of the
caller's string.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, overload

import numpy as np

from edgebert_runtime.alignment import AlignedText
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.tasks.asynchronous import asynchronous
from edgebert_runtime.tasks.base import Floats, TaskModel
from edgebert_runtime.tasks.calls import Call
from edgebert_runtime.tasks.joining import joined
from edgebert_runtime.tasks.scores import softmax
from edgebert_runtime.tokenization import check_text
from edgebert_runtime.windows import Long

Aggregation = Literal["none", "simple", "first", "average", "max"]


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A labelled piece of a text.

    Attributes:
        text: what the caller's string has from `start` to `end`.
        label: the label; without `B-` or `I-` unless aggregation is `none`.
        score: probability from 0 to 1, the mean over what was put together.
        start, end: first and behind-last character in the caller's string.
    """

    text: str
    label: str
    score: float
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class TokenTags:
    """The tokens of one text, special tokens excluded.

    Attributes:
        offsets: (tokens, 2) first and behind-last character of each.
        scores: (tokens, labels) probabilities.
        continues: (tokens,) whether a token goes on with the word of the one before.
    """

    offsets: Sequence[tuple[int, int]]
    scores: Floats
    continues: Sequence[bool]


@dataclass(frozen=True, kw_only=True)
class Span:
    """Characters from `start` to `end` with one label, prefix included, and its probability."""

    label: str
    score: np.float32
    start: int
    end: int


class Tagger(TaskModel):
    """Finds entities in texts; made by `load`."""

    def _prepare(self) -> None:
        self._head = self._require_head("softmax")
        self._require_labels()
        self._unknown_id = self._tokenizer.special_id("unk_token")

    @overload
    def tag(
        self,
        texts: Iterator[str],
        *,
        aggregation: Aggregation = "simple",
        ignore: Sequence[str] = ("O",),
        long: Long = "truncate",
        stride: int | None = None,
    ) -> Iterator[list[Entity]]: ...

    @overload
    def tag(
        self,
        texts: Sequence[str],
        *,
        aggregation: Aggregation = "simple",
        ignore: Sequence[str] = ("O",),
        long: Long = "truncate",
        stride: int | None = None,
    ) -> list[list[Entity]]: ...

    def tag(
        self,
        texts: Any,
        *,
        aggregation: Aggregation = "simple",
        ignore: Sequence[str] = ("O",),
        long: Long = "truncate",
        stride: int | None = None,
    ) -> Any:
        """Tag texts, in the order given.

        Args:
            texts: a list of strings, a column of them (numpy, pandas, Polars, Arrow), or an
                iterator, which is read as far as answers are taken.
            aggregation: `none` gives every token with its own label; `simple` joins neighbours of
                one label, of which a `B-` starts anew. The others give a word one label first:
                `first` that of its first token, `average` the best of its tokens' mean, `max` that
                of its surest token. Where the vocabulary does not mark what continues a word, as
                byte-level BPE, words are what is between spaces.
            ignore: labels to leave out, spelt as in the answer.
            long: what becomes of texts beyond the bundle's limit: `truncate` cuts them, with one
                `TruncationWarning` a call; `error` refuses them; `window` runs them in windows,
                where a token that several have is labelled by the one it lies deepest in.
            stride: tokens that neighbouring windows share; None is half a window, at most 128.

        Returns:
            For each text its entities, in the order of the text. Tokens of a byte-level vocabulary
            may share a character, so their entities may, too. For an iterator an iterator.

        Raises:
            InputError: `texts` is one string, an item is not a string or not text, or it is too
                long and `long` is `error`.
            ConfigError: unknown aggregation or `long`, or a stride that a window has no room for.
        """
        _check_aggregation(aggregation)

        def answer(chunk: list[str], call: Call) -> list[list[Entity]]:
            return [
                self._entities(text, aligned, logits, aggregation, ignore)
                for text, (aligned, logits) in zip(chunk, self._labelled(chunk, call), strict=True)
            ]

        return self._each("tag", texts, answer, self._call(long, stride))

    atag = asynchronous(tag)

    def _labelled(self, texts: list[str], call: Call) -> Iterator[tuple[AlignedText, Floats]]:
        """Each text, as far as it was run, and the logits of its own tokens, (tokens, labels)."""
        for index, text in enumerate(texts):
            check_text(f"item {call.texts + index}", text)
        windowed = call.long == "window"
        whole = self._tokenizer.align(texts, call.texts, head=not windowed)
        if not windowed:
            call.check_lengths(whole)
            whole = [aligned.cut(call.limit) for aligned in whole]
        parts = [aligned.parts(call.limit, call.stride) for aligned in whole]
        rows = [row for text, each in zip(whole, parts, strict=True) for row in text.windows(each)]
        logits = iter(self._run_all(rows, call))
        windows = iter(rows)
        for aligned, each in zip(whole, parts, strict=True):
            found = [_of_text(next(windows), next(logits)[0]) for _ in each]
            yield aligned.inside(), joined(each, found)

    def _entities(
        self,
        text: str,
        aligned: AlignedText,
        logits: Floats,
        aggregation: Aggregation,
        ignore: Sequence[str],
    ) -> list[Entity]:
        marked = self._tokenizer.marks_subwords
        tags = TokenTags(
            offsets=aligned.offsets,
            scores=softmax(logits),
            continues=continues_word(text, aligned, self._unknown_id, marked=marked),
        )
        return [
            Entity(
                text=text[span.start : span.end],
                label=span.label,
                score=float(span.score),
                start=span.start,
                end=span.end,
            )
            for span in find_spans(tags, self._head.labels, aggregation)
            if span.label not in ignore
        ]


def _of_text(window: AlignedText, logits: Floats) -> Floats:
    """The rows of a window's own tokens, without what was added and what is padding."""
    return logits[[at for at, source in enumerate(window.sources) if source is not None]]


def continues_word(
    text: str, aligned: AlignedText, unknown_id: int | None, *, marked: bool
) -> list[bool]:
    """For every token, whether it goes on with the word of the token before.

    Args:
        text: the string the offsets are of.
        aligned: its tokens.
        unknown_id: id of the token for what the vocabulary lacks; it is always a word.
        marked: the vocabulary marks what continues a word by a prefix, so that the piece is
            longer than its characters. Else every token that follows no space does.
    """

    def follows(piece: str, start: int, end: int) -> bool:
        if marked:
            return len(piece) != end - start
        return start > 0 and " " not in text[start - 1 : start + 1]

    return [
        token_id != unknown_id and follows(piece, start, end)
        for token_id, piece, (start, end) in zip(
            aligned.input_ids, aligned.pieces, aligned.offsets, strict=True
        )
    ]


def find_spans(tags: TokenTags, labels: Sequence[str], aggregation: Aggregation) -> list[Span]:
    """Label tokens or words, then join neighbours.

    Args:
        tags: the tokens of one text.
        labels: names in the order of the scores.
        aggregation: see `Tagger.tag`.
    """
    by_token = aggregation in ("none", "simple")
    groups = [[index] for index in range(len(tags.offsets))] if by_token else _words(tags)
    spans = [_labelled(tags, group, labels, aggregation) for group in groups]
    return spans if aggregation == "none" else [_joined(run) for run in _runs(spans)]


def _words(tags: TokenTags) -> list[list[int]]:
    words: list[list[int]] = []
    for index, continues in enumerate(tags.continues):
        if continues and words:
            words[-1].append(index)
        else:
            words.append([index])
    return words


def _surest(scores: Floats) -> Floats:
    row: Floats = scores[scores.max(axis=1).argmax()]
    return row


def _mean(scores: Floats) -> Floats:
    row: Floats = scores.mean(axis=0)
    return row


SCORES_OF_WORD: Final[Mapping[str, Callable[[Floats], Floats]]] = {
    "none": lambda scores: scores[0],
    "simple": lambda scores: scores[0],
    "first": lambda scores: scores[0],
    "average": _mean,
    "max": _surest,
}
"""Aggregation → from (tokens, labels) of one word to its (labels,)."""


def _labelled(
    tags: TokenTags, group: Sequence[int], labels: Sequence[str], aggregation: Aggregation
) -> Span:
    scores = SCORES_OF_WORD[aggregation](tags.scores[group])
    best = int(scores.argmax())
    return Span(
        label=labels[best],
        score=scores[best],
        start=tags.offsets[group[0]][0],
        end=tags.offsets[group[-1]][1],
    )


def _runs(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """Neighbours with one tag, up to the next that begins an entity."""
    run: list[Span] = []
    for span in spans:
        if run and (span.label.startswith("B-") or _tag(span.label) != _tag(run[-1].label)):
            yield run
            run = []
        run.append(span)
    if run:
        yield run


def _joined(run: Sequence[Span]) -> Span:
    return Span(
        label=run[0].label.split("-", 1)[-1],  # any prefix, as transformers: "X-LOC" is "LOC"
        score=np.mean([span.score for span in run], dtype=np.float32),
        start=run[0].start,
        end=run[-1].end,
    )


def _tag(label: str) -> str:
    return label[2:] if label.startswith(("B-", "I-")) else label


def _check_aggregation(aggregation: str) -> None:
    if aggregation not in SCORES_OF_WORD:
        raise ConfigError(
            f"aggregation must be one of {', '.join(SCORES_OF_WORD)}; got {aggregation!r}"
        )
