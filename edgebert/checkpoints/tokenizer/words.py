"""Whether a tokenizer's tokens tell where words begin."""

import re
from collections.abc import Mapping
from typing import Any, Final

UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]"
)
"""Letters of Thai, Lao, Tibetan, Burmese, Khmer, Japanese and Chinese: no spaces between words."""

SHARE: Final = 0.01
"""Of a vocabulary's tokens, from which it is made for such scripts, too; others have a few."""


def tells_words(model: Mapping[str, Any]) -> bool:
    """Whether words can be told apart as the runtime does it.

    WordPiece marks what continues a word. Elsewhere a word is what stands between spaces, which
    fails in scripts that have none: a whole sentence would be one word.

    Args:
        model: that part of `tokenizer.json`.
    """
    if model.get("continuing_subword_prefix"):
        return True
    entries = model["vocab"]  # token → id, or pairs of a token and its score
    tokens = list(entries) if isinstance(entries, Mapping) else [entry[0] for entry in entries]
    unspaced = sum(UNSPACED.search(token) is not None for token in tokens)
    return unspaced < SHARE * len(tokens)
