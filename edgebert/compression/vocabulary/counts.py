"""How often a corpus has each token."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from tokenizers import Tokenizer

AT_ONCE: Final = 4096
"""Texts that are tokenized together; their tokens take some 100 MB."""


def token_counts(tokenizer: Tokenizer, texts: Sequence[str]) -> Counter[str]:
    """Token → how often the texts have it, special tokens around them left out."""
    counts: Counter[int] = Counter()
    for ids in tokenized(tokenizer, texts):
        counts.update(ids)
    return Counter({str(tokenizer.id_to_token(each)): count for each, count in counts.items()})


def tokenized(tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[list[int]]:
    """The ids of each text, special tokens around it left out."""
    for at in range(0, len(texts), AT_ONCE):
        batch = tokenizer.encode_batch_fast(texts[at : at + AT_ONCE], add_special_tokens=False)
        yield from (each.ids for each in batch)
