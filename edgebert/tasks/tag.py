"""A label for every token."""

from pathlib import Path
from typing import Any, Final

from edgebert.checkpoints.saving import label_settings
from edgebert.checkpoints.tasks import CheckpointTask
from edgebert.tasks.spec import BuildSpec
from edgebert.training.config import Problem
from edgebert.training.data import records
from edgebert.training.objectives.tag import Tagging
from edgebert.training.spec import TrainingSpec


def _labels(found: list[records.Tagged], path: Path, problem: Problem) -> tuple[str, ...]:
    del problem
    return records.labels_in((record.labels for record in found), path)


def _settings(labels: tuple[str, ...], problem: Problem) -> dict[str, Any]:
    del problem
    return label_settings(labels)


BUILD: Final = BuildSpec(
    name="tag",
    checkpoint=CheckpointTask(name="tag", head="tag", architectures=("ForTokenClassification",)),
    training={
        "tag": TrainingSpec(
            heads=("tag",),
            read=lambda path, _: records.read_tagged(path),
            objective=lambda found, config: Tagging(found, config.encoder, config.labels),
            labels=_labels,
            settings=_settings,
        )
    },
)
