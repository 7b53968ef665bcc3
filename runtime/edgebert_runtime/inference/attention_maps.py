"""Attention maps as a graph gives them: one output a layer."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import EngineError, InputError
from edgebert_runtime.inference.arrays import Feeds

Maps = NDArray[np.float32]
"""(layers, heads, tokens, tokens): how much a token, the third index, takes from each other one."""

OUTPUT: Final = "attention.{}"
"""Name of a layer's output, from 0: (batch, heads, sequence, sequence)."""

MOST_NUMBERS: Final = 2**28
"""Weights of one text, a gigabyte; of more tokens than that is for, none are shown."""


def map_outputs(outputs: Sequence[str]) -> list[str]:
    """The names of a graph's attention outputs, the first layer first; none of most graphs."""
    named = {OUTPUT.format(number) for number in range(len(outputs))}
    return [OUTPUT.format(number) for number in range(len(named.intersection(outputs)))]


def require_room(tokens: int, layers: int, heads: int) -> None:
    """Refuse a text whose maps would take too much memory.

    Raises:
        InputError: the message says how many tokens fit.
    """
    most = int((MOST_NUMBERS / (layers * heads)) ** 0.5)
    if tokens > most:
        raise InputError(
            f"text has {tokens:,} tokens, and the maps of {layers * heads} heads are shown of at "
            f"most {most:,}; explain a part of it"
        )


def run_maps(session: Session, names: Sequence[str], feeds: Feeds, tokens: int) -> Maps:
    """The maps of one text.

    Args:
        session: on a graph with such outputs.
        names: of `map_outputs`.
        feeds: one row.
        tokens: of the row; padding behind them is cut off.

    Returns:
        (layers, heads, tokens, tokens).

    Raises:
        EngineError: the graph gives something else, or as `Session.run`.
        InputError: layers have different numbers of heads, as those of a pruned model.
    """
    found = session.run(names, {name: feeds[name] for name in session.inputs})
    side = feeds["input_ids"].shape[1]
    for name, weights in zip(names, found, strict=True):
        if weights.ndim != 4 or (weights.shape[0], *weights.shape[2:]) != (1, side, side):
            raise EngineError(
                f"{session.graph} gives {name} of shape {weights.shape}, expected (1, heads, "
                f"{side}, {side})"
            )
    heads = [weights.shape[1] for weights in found]
    if len(set(heads)) > 1:
        raise InputError(
            f"the layers of {session.graph} have {', '.join(map(str, heads))} heads, and maps are "
            "shown of layers with equally many; explain it without attention"
        )
    maps: Maps = np.concatenate([weights[:, :, :tokens, :tokens] for weights in found])
    if not np.isfinite(maps).all():
        raise EngineError(f"{session.graph} gives attention weights that are not finite")
    return maps
