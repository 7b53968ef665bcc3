"""Entities in texts: labels of tokens, put together to words and spans.

Equal to transformers' token-classification pipeline (5.23, pipelines/token_classification.py) for
every aggregation strategy; there `word` is spelt by the tokenizer, here `text` is a slice of the
caller's string.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, overload

from edgebert_runtime.inference.async_calls import asynchronous
from edgebert_runtime.inference.call import Call
from edgebert_runtime.postprocessing.activations import softmax
from edgebert_runtime.postprocessing.spans import (
    Aggregation,
    TokenTags,
    check_aggregation,
    continues_word,
    stream_spans,
)
from edgebert_runtime.postprocessing.window_aggregation import most_context
from edgebert_runtime.tasks.base import Floats, TaskModel
from edgebert_runtime.tokenization.chunking import SLICE_CHARACTERS
from edgebert_runtime.tokenization.offsets import AlignedText
from edgebert_runtime.tokenization.sliding_window import Long
from edgebert_runtime.tokenization.tokenizer import check_text

Labelled = tuple[AlignedText, Floats]
"""Tokens of a text, and their logits, (tokens, labels)."""


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
                    self._labelled_alone(text, call) if alone else next(labelled),
                    aggregation,
                    ignore,
                )
                for text, alone in zip(chunk, huge, strict=True)
            ]

        return self._each("tag", texts, answer, self._call(long, stride))

    atag = asynchronous(tag)

    def _labelled(self, texts: list[str], call: Call) -> Iterator[Iterator[Labelled]]:
        """Of each text, as far as it was run, the tokens and their logits, window by window."""
        windowed = call.long == "window"
        whole = self._tokenizer.align(texts, call.texts, head=not windowed)
        if not windowed:
            call.check_lengths(whole)
            whole = [aligned.cut(call.limit) for aligned in whole]
        parts = [aligned.parts(call.limit, call.stride) for aligned in whole]
        rows = [row for text, each in zip(whole, parts, strict=True) for row in text.windows(each)]
        run = zip(rows, self._run_all(rows, call), strict=True)
        for each in parts:
            shared = each[0].stop - each[1].start if len(each) > 1 else 0
            yield _own_tokens(list(islice(run, len(each))), shared)

    def _labelled_alone(self, text: str, call: Call) -> Iterator[Labelled]:
        """The same of a huge text, of which some windows are held at a time."""
        windows = self._tokenizer.align_windows(text, call.limit, call.stride)
        shared = self._tokenizer.overlap(call.limit, call.stride)
        return _own_tokens(self._run_windows(windows, call), shared)

    def _entities(
        self,
        text: str,
        pieces: Iterator[Labelled],
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


def _own_tokens(
    run: Iterable[tuple[AlignedText, tuple[Floats, ...]]], shared: int
) -> Iterator[Labelled]:
    """Of windows that were run, each token of the text once, with the logits that know it best."""
    windows = ((window.inside(), _of_text(window, logits)) for window, (logits,) in run)
    for (aligned, logits), kept in most_context(windows, lambda each: len(each[1]), shared):
        yield aligned.take(kept), logits[kept.start : kept.stop]


def _of_text(window: AlignedText, logits: Floats) -> Floats:
    """The rows of a window's own tokens, without what was added and what is padding."""
    return logits[[at for at, source in enumerate(window.sources) if source is not None]]
