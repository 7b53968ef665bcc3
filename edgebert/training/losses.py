"""The losses, each summed over what it counts; the loop divides by the count of a whole step."""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

IGNORED: Final = -100
"""A target that is not counted."""

SCALE: Final = 20.0
"""What cosines are multiplied by before the softmax (Reimers & Gurevych's library; the inverse of
a temperature of 0.05)."""


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Of the right class, summed over targets that are not `IGNORED`.

    Shapes:
        logits: (…, classes), float
        targets: (…), int64
        returns: (), float
    """
    flat = logits.reshape(-1, logits.shape[-1])
    return functional.cross_entropy(
        flat, targets.reshape(-1), ignore_index=IGNORED, reduction="sum"
    )


def binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Of independent yes-or-no answers, summed. Shapes: both alike, float; returns ()."""
    return functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum")


def squared_error(found: Tensor, expected: Tensor) -> Tensor:
    """Summed. Shapes: both alike, float; returns ()."""
    return functional.mse_loss(found, expected, reduction="sum")


def contrastive(vectors: Tensor, positives: Tensor) -> Tensor:
    """Cross-entropy of each text's own positive among all of the batch, and the reverse, halved.

    Henderson et al. 2017, section 4.4, on scaled cosines as Reimers & Gurevych 2019's library
    has it.

    Shapes:
        vectors, positives: (batch, dimensions), float
        returns: (), float, summed over the batch
    """
    scores = (
        SCALE * functional.normalize(vectors, dim=-1) @ functional.normalize(positives, dim=-1).T
    )
    own = torch.arange(len(scores), device=scores.device)
    return (cross_entropy(scores, own) + cross_entropy(scores.T, own)) / 2
