"""A graph's inputs from token ids."""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

INPUT_NAMES: Final = ("input_ids", "attention_mask", "token_type_ids")


def make_feeds(
    ids: NDArray[np.int64],
    mask: NDArray[np.int64] | None = None,
    names: Iterable[str] = INPUT_NAMES,
) -> dict[str, NDArray[np.int64]]:
    """Inputs for texts of one segment: token types are zero.

    Args:
        ids: (batch, sequence)
        mask: (batch, sequence), 1 for tokens and 0 for padding; None without padding.
        names: of the graph's inputs, some of `INPUT_NAMES`.
    """
    feeds = {
        "input_ids": ids,
        "attention_mask": np.ones_like(ids) if mask is None else mask,
        "token_type_ids": np.zeros_like(ids),
    }
    return {name: feeds[name] for name in names}
