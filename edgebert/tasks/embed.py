"""Sentence embeddings."""

from pathlib import Path
from typing import Any, Final

from edgebert.checkpoints.tasks import CheckpointTask
from edgebert.tasks.spec import BuildSpec
from edgebert.training.config import Problem
from edgebert.training.data import records
from edgebert.training.objectives.base import Objective
from edgebert.training.objectives.embed import Contrast, Similarity
from edgebert.training.spec import ObjectiveConfig, TrainingSpec


def _objective(found: list[Any], config: ObjectiveConfig) -> Objective:
    kind = Contrast if config.training else Similarity
    return kind(found, config.encoder)


def _no_labels(found: list[Any], path: Path, problem: Problem) -> tuple[str, ...]:
    del problem
    records.require_negatives(found, path)
    return ()


BUILD: Final = BuildSpec(
    name="embed",
    checkpoint=CheckpointTask(name="embed", head=None, architectures=("Model",)),
    training={
        "embed": TrainingSpec(
            heads=(),
            read=lambda path, _: records.read_positives(path),
            read_validation=lambda path, _: records.read_scored(path),
            objective=_objective,
            labels=_no_labels,
        )
    },
)
