"""From labelled tokens to labelled pieces of a text."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from edgebert_runtime.errors import ConfigError
from edgebert_runtime.inference.arrays import Floats
from edgebert_runtime.tokenization.offsets import AlignedText

Aggregation = Literal["none", "simple", "first", "average", "max"]


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

    def __add__(self, others: "TokenTags") -> "TokenTags":
        """These, and the tokens behind them."""
        return TokenTags(
            offsets=[*self.offsets, *others.offsets],
            scores=np.concatenate([self.scores, others.scores]),
            continues=[*self.continues, *others.continues],
        )

    def part(self, first: int, stop: int) -> "TokenTags":
        """The tokens from one to before another."""
        return TokenTags(
            offsets=self.offsets[first:stop],
            scores=self.scores[first:stop],
            continues=self.continues[first:stop],
        )


@dataclass(frozen=True, kw_only=True)
class Span:
    """Characters from `start` to `end` with one label, prefix included, and its probability.

    `first` is the number of its first token.
    """

    label: str
    score: np.float32
    start: int
    end: int
    first: int


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
    """Label tokens or words, then join neighbours."""
    by_token = aggregation in ("none", "simple")
    groups = [[index] for index in range(len(tags.offsets))] if by_token else _words(tags)
    spans = [_labelled(tags, group, labels, aggregation) for group in groups]
    return spans if aggregation == "none" else [_joined(run) for run in _runs(spans)]


def stream_spans(
    parts: Iterable[TokenTags],
    labels: Sequence[str],
    aggregation: Aggregation,
    ignore: Sequence[str],
) -> Iterator[Span]:
    """What `find_spans` finds in all parts together, without labels to ignore, part by part.

    Of each part is held back what the next may change: its last word, and the run of one label
    before that, unless it is ignored anyway.

    Args:
        parts: of one text, in order.
        labels: names in the order of the scores.
        aggregation: see `Tagger.tag`.
        ignore: labels to leave out.
    """
    held: TokenTags | None = None
    for part in parts:
        tags = part if held is None else held + part
        word = max((at for at, goes_on in enumerate(tags.continues) if not goes_on), default=0)
        whole, last_word = tags.part(0, word), tags.part(word, len(tags.offsets))
        held = last_word
        spans = find_spans(whole, labels, aggregation) if word else []
        if spans and spans[-1].label not in ignore:
            held = whole.part(spans.pop().first, word) + last_word
        yield from (span for span in spans if span.label not in ignore)
    if held is not None:
        found = find_spans(held, labels, aggregation)
        yield from (span for span in found if span.label not in ignore)


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


SCORES_OF_WORD: Final[Mapping[Aggregation, Callable[[Floats], Floats]]] = {
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
        first=group[0],
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
        first=run[0].first,
    )


def _tag(label: str) -> str:
    return label[2:] if label.startswith(("B-", "I-")) else label


def check_aggregation(aggregation: str) -> Aggregation:
    """Refuse what is no way to put tokens together.

    Raises:
        ConfigError: unknown.
    """
    for known in SCORES_OF_WORD:
        if aggregation == known:
            return known
    raise ConfigError(
        f"aggregation must be one of {', '.join(SCORES_OF_WORD)}; got {aggregation!r}"
    )
