"""Default texts for calibration and measuring."""

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
    """English sentences of at most `LONGEST_WORDS` words from the topics of CPython's `help()`.

    They ship with every CPython, so no download is needed. Deterministic; all of them, if there are
    fewer than `count`.
    """
    sentences = [sentence for topic in sorted(topics) for sentence in _sentences(topics[topic])]
    unique = list(dict.fromkeys(sentences))
    count = min(count, len(unique))
    return [unique[number * len(unique) // count] for number in range(count)]


def beginnings(texts: Sequence[str]) -> list[str]:
    """The first one to `BEGINNING_WORDS` words of each text, in turn.

    Special tokens and punctuation are a larger part of a short text, and a mean over few tokens
    averages out less of their error.
    """
    return [
        " ".join(text.split()[: number % BEGINNING_WORDS + 1]) for number, text in enumerate(texts)
    ]


def vocabulary_texts(tokenizer: Tokenizer, tokens: int) -> list[str]:
    """Texts of random tokens, so that calibration covers rare ones.

    Args:
        tokenizer: its vocabulary is drawn from.
        tokens: how many in all; none is drawn twice.
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
