"""A student with some of the heads and feed-forward neurons of each layer of its teacher."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Final

import torch

from edgebert.checkpoints import Checkpoint
from edgebert.compression.answers import Asked, Model, model_of
from edgebert.compression.distillation.encoding import text_encoder
from edgebert.compression.distillation.losses import DistilLosses
from edgebert.compression.distillation.matching import Matching
from edgebert.compression.distillation.objectives import Teacher, asked_batches, objective_of
from edgebert.compression.widths.choice import first_at, least_speedup, removals, runs_of
from edgebert.compression.widths.costs import counted_costs
from edgebert.compression.widths.importance import measure_importance
from edgebert.compression.widths.narrowing import Kept, narrowed
from edgebert.compression.widths.reconstruction import reconstruct
from edgebert.training.config import TrainingConfig
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.tokenization.items import Item, strings_of

MOST: Final = 1_000
"""Texts of a large file that heads and neurons are chosen by."""

BATCH: Final = 32


def narrower(
    checkpoint: Checkpoint, width: float, texts: Sequence[Item], config: TrainingConfig
) -> tuple[Checkpoint, list[Kept]]:
    """The checkpoint with a new encoder of this share of heads and feed-forward neurons.

    Those stay that the answers to the texts owe most to for their multiplications, as in pruning.
    So layers have different widths. The last map of each block is fitted to what the whole one
    gave. Hidden states and vectors keep their size.

    Args:
        checkpoint: is not changed.
        width: share of the multiplications of a token in the maps of all layers; above 0, below 1.
        texts: to choose by; of many, `MOST` from all over the list.
        config: its `max_length` and `seed`.

    Returns:
        The checkpoint, and what stays of each layer with weights of its own.

    Raises:
        ConfigError: a layer would be left without a head or a neuron, or `max_length` is out of
            its range.
    """
    model = deepcopy(model_of(checkpoint)).requires_grad_(False).eval()
    batches = _batches(checkpoint, model, texts, config)
    kept = _chosen(checkpoint, model, width, batches, config.seed)
    encoder = narrowed(checkpoint.encoder, kept)
    reconstruct(checkpoint.encoder, encoder, [inputs for inputs, _ in batches])
    return replace(checkpoint, encoder=encoder, config=encoder.config), kept


def _batches(
    checkpoint: Checkpoint, model: Model, texts: Sequence[Item], config: TrainingConfig
) -> list[Asked]:
    some = texts[:: -(-len(texts) // MOST)]
    by_length = sorted(some, key=lambda item: sum(map(len, strings_of(item))))
    encoder = text_encoder(checkpoint, checkpoint, config.max_length)
    kind = objective_of(model, _activation(checkpoint))
    teacher = Teacher(model=model, matching=Matching(), losses=DistilLosses())
    return asked_batches(kind(by_length, encoder, teacher), BATCH, config.seed)


def _chosen(
    checkpoint: Checkpoint, model: Model, width: float, batches: Sequence[Asked], seed: int
) -> list[Kept]:
    """The first widths of the chain of removals that are narrow enough."""
    generator = torch.Generator().manual_seed(seed)
    softmax = _activation(checkpoint) == "softmax"
    importance = measure_importance(model, batches, softmax, generator)
    runs, costs = runs_of(checkpoint.encoder), counted_costs(checkpoint.config)
    steps = list(removals(importance, runs, costs))
    kept = first_at(steps, runs, costs, 1 / width)
    if kept is None:
        least = 1 / least_speedup(steps[-1], steps[0], runs, costs)
        raise ConfigError(
            f"width is {width:g}, expected at least {least:.4f} for {checkpoint.name}: a head and "
            f"{len(steps[-1][0].neurons)} neurons of each layer stay, so that no layer is empty"
        )
    return kept


def _activation(checkpoint: Checkpoint) -> str | None:
    info = checkpoint.head_info
    return None if info is None else info.activation
