"""The number of an answer that is explained; each task says what it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgebert_runtime.tokenization.items import Item

if TYPE_CHECKING:
    from edgebert_runtime.postprocessing.explanation.words import Shortened, Word


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is explained.

    Attributes:
        name: what the number is, such as `score of POSITIVE`.
        item: the text or the pair.
        values: that number for each of several shortened items, by running them.
        is_fixed: whether a word must stay, as the mask that is filled.
    """

    name: str
    item: Item
    values: Callable[[Sequence["Shortened"]], Sequence[float]]
    is_fixed: Callable[["Word"], bool] = lambda _word: False
