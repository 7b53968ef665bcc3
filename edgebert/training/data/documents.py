"""Documents to passages that fill a model's sequences (Devlin et al. 2019, appendix A.2)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgebert.training.data.encoding import TextEncoder
from edgebert_runtime.errors import InputError

Document = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Consecutive sentences, and for pairs a second text that may follow them.

    Attributes:
        text: the sentences, joined by spaces.
        pair: further sentences, or None.
        follows: whether `pair` comes after `text` in its document.
    """

    text: str
    pair: str | None = None
    follows: bool = True


def passages(documents: Sequence[Document], encoder: TextEncoder) -> list[Passage]:
    """Each document cut into runs of sentences that fill a sequence, none across two documents."""
    room = encoder.files.max_length - encoder.added(pair=False)
    return [
        Passage(text=" ".join(run))
        for document in documents
        for run in _runs(document, encoder.lengths(document), room)
    ]


def paired_passages(
    documents: Sequence[Document], encoder: TextEncoder, seed: int
) -> list[Passage]:
    """Runs of sentences cut in two; half of the second parts come from another document.

    Raises:
        InputError: fewer than two documents, or none with two sentences that fit together.
    """
    if len(documents) < 2:
        raise InputError(
            f"next sentences need at least two documents, found {len(documents)}; put a blank "
            "line between documents, or train task 'fill'"
        )
    rng = np.random.default_rng(seed)
    room = encoder.files.max_length - encoder.added(pair=True)
    found = [
        _pair(run, number, documents, rng)
        for number, document in enumerate(documents)
        for run in _runs(document, encoder.lengths(document), room)
        if len(run) > 1
    ]
    if not found:
        raise InputError(
            f"no document has two sentences in a row that fit {room} tokens; raise max_length or "
            "put one sentence on each line"
        )
    return found


def _runs(document: Document, lengths: Sequence[int], room: int) -> Iterator[Document]:
    """Runs of consecutive sentences that fit together; a longer sentence is a run alone."""
    start, used = 0, 0
    for number, length in enumerate(lengths):
        if number > start and used + length > room:
            yield document[start:number]
            start, used = number, 0
        used += length
    yield document[start:]


def _pair(
    run: Document, number: int, documents: Sequence[Document], rng: np.random.Generator
) -> Passage:
    cut = int(rng.integers(1, len(run)))
    follows = bool(rng.random() < 0.5)
    after = run[cut:] if follows else _elsewhere(len(run) - cut, number, documents, rng)
    return Passage(text=" ".join(run[:cut]), pair=" ".join(after), follows=follows)


def _elsewhere(
    count: int, number: int, documents: Sequence[Document], rng: np.random.Generator
) -> Document:
    """Up to `count` consecutive sentences of any other document."""
    other = int(rng.integers(len(documents) - 1))
    document = documents[other + (other >= number)]
    start = int(rng.integers(len(document)))
    return document[start : start + count]
