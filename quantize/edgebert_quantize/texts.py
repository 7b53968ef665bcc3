"""Texts to measure on when the user brings none."""

import re
from pydoc_data.topics import topics
from typing import Final

SOURCE: Final = "sentences of CPython's own documentation (pydoc_data.topics)"
SHORTEST_WORDS: Final = 4
LONGEST_WORDS: Final = 120


def default_texts(count: int) -> list[str]:
    """English sentences of `LONGEST_WORDS` words at most, spread evenly over CPython's topics.

    They ship with every CPython, so measuring needs no download. Deterministic.

    Args:
        count: how many; fewer come back only if there are fewer.
    """
    sentences = [sentence for topic in sorted(topics) for sentence in _sentences(topics[topic])]
    unique = list(dict.fromkeys(sentences))
    step = max(1, len(unique) // count)
    return unique[::step][:count]


def _sentences(text: str) -> list[str]:
    paragraphs = (" ".join(block.split()) for block in re.split(r"\n\s*\n", text))
    found = [s for paragraph in paragraphs for s in re.split(r"(?<=[.!?])\s+(?=[A-Z])", paragraph)]
    return [
        s for s in found if SHORTEST_WORDS <= len(s.split()) <= LONGEST_WORDS and s[0].isupper()
    ]
