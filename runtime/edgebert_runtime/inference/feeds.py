"""A graph's inputs from token ids."""

from collections.abc import Iterable

import numpy as np

from edgebert_runtime.inference.arrays import INPUTS, Feeds, Ids


def make_feeds(ids: Ids, mask: Ids | None = None, names: Iterable[str] = INPUTS) -> Feeds:
    """Inputs for texts of one segment: token types are zero.

    Args:
        ids: (batch, sequence)
        mask: (batch, sequence), 1 for tokens and 0 for padding; None without padding.
        names: of the graph's inputs, some of `INPUTS`.
    """
    feeds = {
        "input_ids": ids,
        "attention_mask": np.ones_like(ids) if mask is None else mask,
        "token_type_ids": np.zeros_like(ids),
    }
    return {name: feeds[name] for name in names}
