"""Texts to calibrate and to measure on when the user brings none."""

import re
from collections.abc import Sequence
from pydoc_data.topics import topics
from typing import Final

import numpy as np
from tokenizers import Tokenizer

SOURCE: Final = "sentences of CPython's own documentation (pydoc_data.topics)"
VOCABULARY_SOURCE: Final = "random tokens of the vocabulary"
SHORTEST_WORDS: Final = 4
LONGEST_WORDS: Final = 120
BEGINNING_WORDS: Final = 4

RANDOM_LENGTHS: Final = (4, 8, 16, 32, 64, 128)
"""Tokens in one random text, in turn."""


def default_texts(count: int) -> list[str]:
    """English sentences of `LONGEST_WORDS` words at most, spread evenly over CPython's topics.

    They ship with every CPython, so measuring needs no download. Deterministic.

    Args:
        count: how many; fewer come back only if there are fewer.
    """
    sentences = [sentence for topic in sorted(topics) for sentence in _sentences(topics[topic])]
    unique = list(dict.fromkeys(sentences))
    count = min(count, len(unique))
    return [unique[number * len(unique) // count] for number in range(count)]


def beginnings(texts: Sequence[str]) -> list[str]:
    """The first one to `BEGINNING_WORDS` words of each text, in turn.

    Of a short text a larger part are special tokens and stops, which act otherwise than in a long
    one; its vector is a mean of few, so their errors count most there.
    """
    return [
        " ".join(text.split()[: number % BEGINNING_WORDS + 1]) for number, text in enumerate(texts)
    ]


def vocabulary_texts(tokenizer: Tokenizer, tokens: int) -> list[str]:
    """Texts of random tokens, so that rare ones are seen, which ordinary text does not show.

    Args:
        tokenizer: whose vocabulary.
        tokens: how many tokens in all; no token twice.
    """
    order = np.random.default_rng(0).permutation(tokenizer.get_vocab_size())[:tokens]
    texts: list[str] = []
    while order.size:
        length = RANDOM_LENGTHS[len(texts) % len(RANDOM_LENGTHS)]
        texts.append(tokenizer.decode(order[:length].tolist()))
        order = order[length:]
    return texts


def _sentences(text: str) -> list[str]:
    paragraphs = (" ".join(block.split()) for block in re.split(r"\n\s*\n", text))
    found = [s for paragraph in paragraphs for s in re.split(r"(?<=[.!?])\s+(?=[A-Z])", paragraph)]
    return [
        s for s in found if SHORTEST_WORDS <= len(s.split()) <= LONGEST_WORDS and s[0].isupper()
    ]
