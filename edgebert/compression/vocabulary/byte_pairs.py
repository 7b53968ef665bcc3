"""Byte pair encoding: of neighbouring tokens, the pair that comes first in a list is joined.

A pair that no word of a corpus joins changes nothing there when it goes, because joining goes by
the order of those that are left. Source: Sennrich et al. 2016; tokenizers v0.23, models/bpe.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from edgebert_runtime.errors import TokenizerError

UNTRIED: Final = ("continuing_subword_prefix", "end_of_word_suffix")
"""Fields that mark tokens by their place in a word; models of our families have none."""

ALPHABET_ENDS: Final = ((0x21, 0x7E), (0xA1, 0xAC), (0xAE, 0xFF))
"""Bytes that stand for themselves in tokens of bytes; others follow from 256 on (GPT-2)."""


class BytePairs:
    """The vocabulary and the pairs of a BPE model.

    Attributes:
        ids: token → id.
        needed: tokens that no pair makes: the bytes or characters, and special tokens.
        unknown: what stands for a character that no token has; None for tokens of bytes.

    Raises:
        TokenizerError: the model marks tokens by their place in a word.
    """

    def __init__(self, model: Mapping[str, Any]) -> None:
        marked = [name for name in UNTRIED if model.get(name)]
        if marked:
            raise TokenizerError(
                f"the tokenizer has {marked[0]}={model[marked[0]]!r}, expected none; byte pairs "
                "whose tokens are marked by their place in a word are not trimmed"
            )
        self._model = model
        self.ids: Mapping[str, int] = model["vocab"]
        self._pairs = [self._pair(each) for each in model["merges"]]
        self._order = {pair: at for at, pair in enumerate(self._pairs)}
        self._bytes = _byte_alphabet()
        self.unknown: str | None = model.get("unk_token")
        made = {first + second for first, second in self._pairs}
        self.needed = frozenset(
            token for token in self.ids if token not in made or self._joined(token)[-1:] != [token]
        )

    def parts(self, token: str) -> Iterable[str]:
        """The tokens that are joined on the way to this one, the last of them itself."""
        return self._joined(token)

    def spelled(self, token: str) -> str:
        """The whole characters of a token, whose bytes may be parts of others at its ends."""
        if not set(token) <= self._bytes.keys():
            return token
        return bytes(self._bytes[each] for each in token).decode(errors="ignore")

    def without(self, kept: Mapping[str, int]) -> dict[str, Any]:
        """The `model` of `tokenizer.json` with these tokens, by their new ids."""
        stored = zip(self._model["merges"], self._pairs, strict=True)
        pairs = [each for each, (a, b) in stored if kept.keys() >= {a, b, a + b}]
        return {**self._model, "vocab": dict(kept), "merges": pairs}

    def _pair(self, stored: str | list[str]) -> tuple[str, str]:
        first, second = stored.split(" ") if isinstance(stored, str) else stored
        return first, second

    def _joined(self, token: str) -> list[str]:
        """What is joined, in order, when the token is a text."""
        parts, made = list(token), []
        while len(parts) > 1:
            found = min(
                (self._order.get(pair, len(self._order)), at)
                for at, pair in enumerate(pairwise(parts))
            )
            order, at = found
            if order == len(self._order):
                break
            parts[at : at + 2] = ["".join(parts[at : at + 2])]
            made.append(parts[at])
        return made


def _byte_alphabet() -> dict[str, int]:
    """The character that stands for each byte in tokens (GPT-2, Radford et al. 2019)."""
    own = [byte for first, last in ALPHABET_ENDS for byte in range(first, last + 1)]
    others = [byte for byte in range(256) if byte not in own]
    return {chr(byte): byte for byte in own} | {
        chr(256 + at): byte for at, byte in enumerate(others)
    }
