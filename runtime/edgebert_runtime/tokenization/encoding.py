"""A text as the ids that a model reads."""

from collections.abc import Sequence
from dataclasses import dataclass


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
