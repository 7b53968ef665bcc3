"""A vector for each token, before they are pooled."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.tokenization.encoding import EncodedText

HIDDEN: Final = "last_hidden_state"
"""The output of a graph that has them."""


def token_vectors(
    ran: Iterable[Iterable[tuple[EncodedText, Sequence[NDArray[np.float32]]]]],
) -> list[NDArray[np.float32]]:
    """Of each item that was run the vectors of its tokens, (tokens, hidden), without padding."""
    return [
        # a copy, so that an answer does not hold the whole micro-batch
        np.array(hidden[: len(row.input_ids)])
        for ((row, (hidden,)),) in map(tuple, ran)
    ]
