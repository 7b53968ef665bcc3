"""Texts as the ids that a model reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, kw_only=True)
class EncodedText:
    """One text, or a pair, as ids.

    Attributes:
        input_ids, token_type_ids: (sequence,), special tokens included, cut to the limit.
        tokens: how many tokens the whole text has, special tokens included.
    """

    input_ids: Sequence[int]
    token_type_ids: Sequence[int]
    tokens: int


class EncodedItem(NamedTuple):
    """One item of a call, as the rows that a graph runs.

    Attributes:
        item: what the caller gave: a text, or two.
        rows: one row, or a row for each window; an iterator where the text is so long that its
            windows are made while they are run.
        cut_from: how many tokens the whole item has, where it was cut to the limit; else None.
    """

    item: Any
    rows: Sequence[EncodedText] | Iterator[EncodedText]
    cut_from: int | None = None

    @property
    def streamed(self) -> bool:
        """Whether its rows are made while they are run."""
        return isinstance(self.rows, Iterator)
