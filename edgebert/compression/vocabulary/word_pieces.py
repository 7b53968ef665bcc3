"""WordPiece: of a word, the longest token it begins with, then on from there.

Without tokens that a word never takes, the longest one at each place stays the same, so the word
keeps its tokens. Source: Schuster & Nakajima 2012; tokenizers v0.23, models/wordpiece/mod.rs.
"""

from collections.abc import Iterable, Mapping
from typing import Any


class WordPieces:
    """The vocabulary of a WordPiece model.

    Attributes:
        ids: token → id.
        needed: single characters at the start of a word and inside, and tokens with a character
            that no single one has at its place.
        unknown: what stands for a word that cannot be cut into tokens.
    """

    def __init__(self, model: Mapping[str, Any]) -> None:
        self._model = model
        self._prefix: str = model.get("continuing_subword_prefix") or ""
        self.ids: Mapping[str, int] = model["vocab"]
        singles = {token for token in self.ids if len(self.spelled(token)) <= 1}
        longer = self.ids.keys() - singles
        lacking = {token for token in longer if not singles.issuperset(self._characters(token))}
        self.needed = frozenset(singles | self._spelling(lacking))
        self.unknown: str | None = model["unk_token"]

    def parts(self, token: str) -> Iterable[str]:
        """None: a token is found as a whole."""
        del token
        return ()

    def spelled(self, token: str) -> str:
        """The characters of a token, without the prefix of those inside words."""
        return token.removeprefix(self._prefix) if self._inside(token) else token

    def without(self, kept: Mapping[str, int]) -> dict[str, Any]:
        """The `model` of `tokenizer.json` with these tokens, by their new ids."""
        return {**self._model, "vocab": dict(kept)}

    def _inside(self, token: str) -> bool:
        return bool(self._prefix) and token.startswith(self._prefix) and token != self._prefix

    def _characters(self, token: str) -> list[str]:
        """A token as tokens of one character each."""
        first, *others = list(self.spelled(token))
        start = self._prefix + first if self._inside(token) else first
        return [start, *(self._prefix + each for each in others)]

    def _spelling(self, lacking: set[str]) -> set[str]:
        """Of tokens with a character that no single one has, those that a text may be made of.

        A name such as [unused7] is none: texts are cut at brackets before words are looked up.
        """
        return {token for token in lacking if not (token.startswith("[") and token.endswith("]"))}
