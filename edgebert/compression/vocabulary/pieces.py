"""The vocabularies of `tokenizer.json`: what each can do without, and how it is written smaller.

Source: tokenizers v0.23, tokenizers/src/models/{wordpiece,bpe,unigram}.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from edgebert.compression.vocabulary.byte_pairs import BytePairs
from edgebert.compression.vocabulary.unigrams import Unigrams
from edgebert.compression.vocabulary.word_pieces import WordPieces
from edgebert_runtime.errors import TokenizerError


class Pieces(Protocol):
    """A vocabulary of one kind.

    Attributes:
        ids: token → id.
        needed: tokens that any text may need, so that it has no more unknown ones than before.
        unknown: what stands for text that no token has; None where there is none.
    """

    ids: Mapping[str, int]
    needed: frozenset[str]
    unknown: str | None

    def parts(self, token: str) -> Iterable[str]:
        """Other tokens that are made on the way to this one."""

    def spelled(self, token: str) -> str:
        """The text that a token stands for, as far as it is whole characters."""

    def without(self, kept: Mapping[str, int]) -> dict[str, Any]:
        """The `model` of `tokenizer.json` with these tokens, by their new ids."""


KINDS: Final[Mapping[str, Callable[[Mapping[str, Any]], Pieces]]] = {
    "WordPiece": WordPieces,
    "BPE": BytePairs,
    "Unigram": Unigrams,
}
"""Type of the model in `tokenizer.json` → what reads it."""


def read_pieces(folder: Path, model: Mapping[str, Any]) -> Pieces:
    """The vocabulary of a tokenizer.

    Args:
        folder: for messages.
        model: that part of `tokenizer.json`.

    Raises:
        TokenizerError: it is of a kind that cannot be trimmed.
    """
    kind = KINDS.get(str(model.get("type")))
    if kind is None:
        raise TokenizerError(
            f"the tokenizer of {folder} is of type {model.get('type')!r}, expected one of "
            f"{', '.join(KINDS)}; other vocabularies are not trimmed"
        )
    return kind(model)
