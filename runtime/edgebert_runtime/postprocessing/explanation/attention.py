"""What attention maps say in a few numbers: a row for each head, and rollout over all layers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.inference.attention_maps import Maps
from edgebert_runtime.inference.reports import AsDict


@dataclass(frozen=True, kw_only=True)
class HeadSummary(AsDict):
    """One head, over all tokens of a text; numbers are means over the tokens that attend.

    Entropy, and the shares of neighbours and separators: Clark, Khandelwal, Levy, Manning 2019,
    "What Does BERT Look At?" (arXiv:1906.04341), section 3. Distance: Vig and Belinkov 2019,
    "Analyzing the Structure of Attention in a Transformer Language Model" (arXiv:1906.04284).

    Attributes:
        layer: from 0.
        head: of the layer, from 0.
        entropy: of where a token attends to, in nats; 0 where it is one token.
        distance: how many tokens away that is.
        previous: share that goes to the token before; of the tokens that have one.
        next: share that goes to the token behind; likewise.
        separator: share that goes to separators such as `[SEP]`.
    """

    layer: int
    head: int
    entropy: float
    distance: float
    previous: float
    next: float
    separator: float


def summarize_heads(attention: Maps, separators: Sequence[int]) -> list[HeadSummary]:
    """A summary of each head, layer by layer.

    Args:
        attention: (layers, heads, tokens, tokens).
        separators: numbers of the tokens that are one.
    """
    return [
        summary
        for layer, maps in enumerate(attention)
        for summary in _summaries(layer, maps.astype(np.float64), separators)
    ]


def rollout(attention: Maps) -> NDArray[np.float32]:
    """How much of each token of the text is in each token of the last layer, if maps are mixtures.

    Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers" (arXiv:2005.00928),
    section 3: in a layer, half of a token stays and half comes from the mean of its heads' maps;
    layers are multiplied. Feed-forward blocks and the sizes of vectors are left out.

    Args:
        attention: (layers, heads, tokens, tokens).

    Returns:
        (tokens, tokens); each row sums to 1.
    """
    mixed = same = np.eye(attention.shape[-1])
    for maps in attention:
        mixed = (maps.mean(axis=0, dtype=np.float64) + same) / 2 @ mixed
    return mixed.astype(np.float32)


def _summaries(
    layer: int, maps: NDArray[np.float64], separators: Sequence[int]
) -> Iterator[HeadSummary]:
    """Of one layer's heads, (heads, tokens, tokens)."""
    places = np.arange(maps.shape[-1])
    apart = np.abs(places[:, None] - places[None, :])
    logarithms = np.log(np.maximum(maps, np.finfo(np.float64).tiny))
    entropy = -(maps * logarithms).sum(axis=-1).mean(axis=-1)
    distance = (maps * apart).sum(axis=-1).mean(axis=-1)
    separator = maps[:, :, list(separators)].sum(axis=-1).mean(axis=-1)
    previous, following = (_mean_diagonal(maps, offset) for offset in (-1, 1))
    for head in range(len(maps)):
        yield HeadSummary(
            layer=layer,
            head=head,
            entropy=float(entropy[head]),
            distance=float(distance[head]),
            previous=float(previous[head]),
            next=float(following[head]),
            separator=float(separator[head]),
        )


def _mean_diagonal(maps: NDArray[np.float64], offset: int) -> NDArray[np.float64]:
    """(heads,); 0 where one token has no neighbour."""
    found = np.diagonal(maps, offset, axis1=-2, axis2=-1)
    means: NDArray[np.float64] = found.sum(axis=-1) / max(found.shape[-1], 1)
    return means
