"""Where in a text its tokens lie."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgebert_runtime.tokenization import EncodedText


@dataclass(frozen=True, kw_only=True)
class AlignedText(EncodedText):
    """An encoded text that knows where each token comes from; all sequences are (sequence,).

    Attributes:
        pieces: the tokens as the vocabulary spells them, such as `##able`.
        offsets: first and behind-last character of each token, in the string it is from.
        words: number of each token's word in its string; None where the tokenizer has none.
        sources: 0 for the first text, 1 for the second, None for tokens that were added.
    """

    pieces: Sequence[str]
    offsets: Sequence[tuple[int, int]]
    words: Sequence[int | None]
    sources: Sequence[int | None]
