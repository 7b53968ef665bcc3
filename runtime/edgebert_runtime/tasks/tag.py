"""Entities in texts: labels of tokens, put together to words and spans.

Equal to transformers' token-classification pipeline (5.23, pipelines/token_classification.py) for
every aggregation strategy; there `word` is spelt by the tokenizer, here `text` is a slice of the
caller's string.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

from edgebert_runtime.alignment import AlignedText
from edgebert_runtime.schedule import chunks
from edgebert_runtime.slicing import SLICE_CHARACTERS
from edgebert_runtime.spans import (
    Aggregation,
    TokenTags,
    check_aggregation,
    continues_word,
    stream_spans,
)
from edgebert_runtime.tasks.asynchronous import asynchronous
from edgebert_runtime.tasks.base import Floats, TaskModel
from edgebert_runtime.tasks.calls import Call
from edgebert_runtime.tasks.joining import joined
from edgebert_runtime.tasks.scores import softmax
from edgebert_runtime.tokenization import check_text
from edgebert_runtime.windows import WINDOWS_AT_ONCE, Long


@dataclass(frozen=True, kw_only=True, slots=True)
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
        check_aggregation(aggregation)

        def answer(chunk: list[str], call: Call) -> list[list[Entity]]:
            for index, text in enumerate(chunk):
                check_text(f"item {call.texts + index}", text)
            huge = [call.long == "window" and len(text) > SLICE_CHARACTERS for text in chunk]
            usual = [text for text, alone in zip(chunk, huge, strict=True) if not alone]
            labelled = self._labelled(usual, call)
            return [
                self._entities(
                    text,
                    self._pieces(text, call) if alone else iter([next(labelled)]),
                    aggregation,
                    ignore,
                )
                for text, alone in zip(chunk, huge, strict=True)
            ]

        return self._each("tag", texts, answer, self._call(long, stride))

    atag = asynchronous(tag)

    def _labelled(self, texts: list[str], call: Call) -> Iterator[tuple[AlignedText, Floats]]:
        """Each text, as far as it was run, and the logits of its own tokens, (tokens, labels)."""
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

    def _pieces(self, text: str, call: Call) -> Iterator[tuple[AlignedText, Floats]]:
        """The same of a huge text, some windows at a time; each half of an overlap from the window
        that has more around it.
        """
        shared = self._tokenizer.overlap(call.limit, call.stride)
        before: tuple[AlignedText, Floats] | None = None
        first = 0
        windows = self._tokenizer.align_windows(text, call.limit, call.stride)
        for several in chunks(windows, WINDOWS_AT_ONCE):
            for window, (logits,) in zip(several, self._run_all(several, call), strict=True):
                if before is not None:
                    yield _between(*before, first, shared // 2)
                    first = shared - shared // 2
                before = window.inside(), _of_text(window, logits)
        if before is not None:
            yield _between(*before, first, 0)

    def _entities(
        self,
        text: str,
        pieces: Iterator[tuple[AlignedText, Floats]],
        aggregation: Aggregation,
        ignore: Sequence[str],
    ) -> list[Entity]:
        marked = self._tokenizer.marks_subwords
        tags = (
            TokenTags(
                offsets=aligned.offsets,
                scores=softmax(logits),
                continues=continues_word(text, aligned, self._unknown_id, marked=marked),
            )
            for aligned, logits in pieces
        )
        return [
            Entity(
                text=text[span.start : span.end],
                label=span.label,
                score=float(span.score),
                start=span.start,
                end=span.end,
            )
            for span in stream_spans(tags, self._head.labels, aggregation, ignore)
        ]


def _between(
    aligned: AlignedText, logits: Floats, first: int, left_out: int
) -> tuple[AlignedText, Floats]:
    """Some tokens of a window: without the first, and without the last."""
    kept = range(first, len(aligned.input_ids) - left_out)
    return aligned.take(kept), logits[kept.start : kept.stop]


def _of_text(window: AlignedText, logits: Floats) -> Floats:
    """The rows of a window's own tokens, without what was added and what is padding."""
    return logits[[at for at, source in enumerate(window.sources) if source is not None]]
