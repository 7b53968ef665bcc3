"""What one call of a model has done so far, and checks of what it was given."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from edgebert_runtime.errors import InputError
from edgebert_runtime.inference.reports import RunReport, TruncatedText
from edgebert_runtime.tokenization.encoding import EncodedItem, EncodedText

CHUNK_TEXTS: Final = 1024
"""Texts that are tokenized, sorted and run together: enough to pad little, few enough to hold."""

LISTS: Final = ("to_pylist", "tolist", "to_list")
"""What Arrow's, numpy's, pandas' and Polars' columns call their list of Python objects."""


class Call:
    """What one call has done so far.

    Args:
        limit: the longest row in tokens.
        watch: told how many items are done, after each micro-batch.

    Attributes:
        texts: items that are done.
    """

    def __init__(self, limit: int, watch: Callable[[int], None] = lambda _: None) -> None:
        self.texts = 0
        self._limit, self._watch = limit, watch
        self._items = 0
        self._windows = self._tokens = self._padded = self._batches = 0
        self._truncated: list[TruncatedText] = []

    def encoded(self, items: Sequence[EncodedItem]) -> None:
        """Note the next items, and which of them were cut."""
        self._items = len(items)
        self._truncated += [
            TruncatedText(index=self.texts + at, tokens=item.cut_from, limit=self._limit)
            for at, item in enumerate(items)
            if item.cut_from is not None
        ]

    def part_ran(self, share: float) -> None:
        """Tell who watches that this share of the rows of the last items was run."""
        self._watch(self.texts + int(share * self._items))

    def ran(self, rows: Sequence[EncodedText], padded_tokens: int, micro_batches: int) -> None:
        """Count what the graph was given."""
        self._windows += len(rows)
        self._tokens += sum(len(row.input_ids) for row in rows)
        self._padded += padded_tokens
        self._batches += micro_batches

    def report(self) -> RunReport:
        """What has been done so far."""
        return RunReport(
            texts=self.texts,
            windows=self._windows,
            tokens=self._tokens,
            padded_tokens=self._padded,
            micro_batches=self._batches,
            truncated=tuple(self._truncated),
        )


def listed(method: str, texts: Any) -> list[Any]:
    """The items of a list, a tuple, or a column of numpy, pandas, Polars or Arrow.

    Raises:
        InputError: it is one string, or no list of anything.
    """
    for name in LISTS:
        if hasattr(texts, name):  # a column, whose pairs are lists
            texts = getattr(texts, name)()
            if isinstance(texts, list):
                texts = [tuple(item) if isinstance(item, list) else item for item in texts]
    if isinstance(texts, str | bytes):
        raise InputError(
            f"{method} takes a list of strings, got one string; write {method}([text])"
        )
    if not isinstance(texts, Sequence):
        raise InputError(f"{method} takes a list of strings, got {type(texts).__name__}")
    return list(texts)


def require_positive(name: str, value: int) -> None:
    """Refuse a count below 1.

    Raises:
        InputError: it is.
    """
    if value < 1:
        raise InputError(f"{name} must be at least 1, got {value!r}")


def require_top_k(top_k: int | None) -> None:
    """Refuse to give fewer than one answer; None is all of them.

    Raises:
        InputError: `top_k` is below 1.
    """
    if top_k is not None:
        require_positive("top_k", top_k)
