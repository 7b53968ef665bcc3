"""Unigram: of all ways to cut a text into tokens, the one whose scores sum to the most.

Without tokens that the best way does not take, it stays the best. Source: Kudo 2018; tokenizers
v0.23, models/unigram/model.rs.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

SPACE: Final = "\u2581"
"""Stands for a space in tokens (sentencepiece)."""


class Unigrams:
    """The vocabulary of a Unigram model.

    Attributes:
        ids: token → id.
        needed: single characters, and bytes.
        unknown: what stands for a character that no token has.
    """

    def __init__(self, model: Mapping[str, Any]) -> None:
        self._model = model
        self._entries: list[list[Any]] = model["vocab"]
        self.ids: Mapping[str, int] = {token: at for at, (token, _) in enumerate(self._entries)}
        unknown = model.get("unk_id")
        self.unknown: str | None = None if unknown is None else self._entries[unknown][0]
        self.needed = frozenset(token for token in self.ids if len(token) == 1 or _is_byte(token))

    def parts(self, token: str) -> Iterable[str]:
        """None: a token is found as a whole."""
        del token
        return ()

    def spelled(self, token: str) -> str:
        """The characters of a token, without the mark of a space."""
        return token.replace(SPACE, "")

    def without(self, kept: Mapping[str, int]) -> dict[str, Any]:
        """The `model` of `tokenizer.json` with these tokens, by their new ids."""
        entries = sorted(
            (kept[token], [token, score]) for token, score in self._entries if token in kept
        )
        unknown = None if self.unknown is None else kept[self.unknown]
        return {**self._model, "unk_id": unknown, "vocab": [entry for _, entry in entries]}


def _is_byte(token: str) -> bool:
    """Whether a token stands for a byte that no other token has, such as `<0x0A>`."""
    return len(token) == 6 and token.startswith("<0x") and token.endswith(">")
