"""Masked language models, and BERT's pretraining."""

from typing import Final

from edgebert.checkpoints.tasks import CheckpointTask
from edgebert.tasks.spec import BuildSpec
from edgebert.training.data.documents import paired_passages, passages
from edgebert.training.data.tables import read_documents
from edgebert.training.objectives.base import Objective
from edgebert.training.objectives.pretrain import Pretraining
from edgebert.training.spec import ObjectiveConfig, TrainingSpec


def _masked(found: list[tuple[str, ...]], config: ObjectiveConfig) -> Objective:
    return Pretraining(passages(found, config.encoder), config.encoder)


def _masked_and_paired(found: list[tuple[str, ...]], config: ObjectiveConfig) -> Objective:
    pairs = paired_passages(found, config.encoder, config.seed)
    return Pretraining(pairs, config.encoder)


BUILD: Final = BuildSpec(
    name="fill",
    checkpoint=CheckpointTask(
        name="fill",
        head="fill",
        architectures=("ForMaskedLM", "ForPreTraining"),
        outputs="vocabulary",
    ),
    training={
        "fill": TrainingSpec(
            heads=("fill",), read=lambda path, _: read_documents(path), objective=_masked
        ),
        "pretrain": TrainingSpec(
            heads=("fill", "next_sentence"),
            outputs=2,
            read=lambda path, _: read_documents(path),
            objective=_masked_and_paired,
        ),
    },
)
