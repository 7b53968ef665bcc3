"""Labels, or a number, for texts."""

from pathlib import Path
from typing import Any, Final

from edgebert.checkpoints.saving import label_settings
from edgebert.checkpoints.tasks import CheckpointTask, HeadSource
from edgebert.tasks.spec import BuildSpec
from edgebert.training.config import Problem
from edgebert.training.data import records
from edgebert.training.objectives.base import Objective
from edgebert.training.objectives.classify import (
    PROBLEM_TYPES,
    MultiLabel,
    Regression,
    SingleLabel,
)
from edgebert.training.spec import ObjectiveConfig, TrainingSpec
from edgebert_runtime.bundle.manifest import HeadInfo
from edgebert_runtime.errors import CheckpointError

ACTIVATIONS: Final = {
    "regression": "none",
    "multi_label_classification": "sigmoid",
    "single_label_classification": "softmax",
}
"""`problem_type` → what makes scores of logits."""

SCORE: Final = ("score",)
"""Label of the one output of a regression."""


def head_info(source: HeadSource) -> HeadInfo:
    """What a classifier's logits mean.

    Source: transformers v5.23.0, src/transformers/pipelines/text_classification.py.

    Raises:
        CheckpointError: the problem type is none that edgebert computes.
    """
    problem = source.hf_config.get("problem_type")
    if problem is None:
        activation = "sigmoid" if len(source.labels) == 1 else "softmax"
        return HeadInfo(labels=source.labels, activation=activation)
    if problem not in ACTIVATIONS:
        raise CheckpointError(
            f"{source.folder} has problem_type={problem!r}, expected one of "
            f"{', '.join(ACTIVATIONS)}"
        )
    return HeadInfo(labels=source.labels, activation=ACTIVATIONS[problem])


def _labels(found: list[records.LabelledText], path: Path, problem: Problem) -> tuple[str, ...]:
    if problem is Problem.REGRESSION:
        records.require_varied(found, path)
        return SCORE
    return records.labels_in((record.labels for record in found), path)


def _objective(found: list[records.LabelledText], config: ObjectiveConfig) -> Objective:
    if config.problem is Problem.REGRESSION:
        return Regression(found, config.encoder)
    kind = MultiLabel if config.problem is Problem.MULTI_LABEL else SingleLabel
    return kind(found, config.encoder, config.labels)


def _settings(labels: tuple[str, ...], problem: Problem) -> dict[str, Any]:
    return label_settings(labels, PROBLEM_TYPES[problem])


BUILD: Final = BuildSpec(
    name="classify",
    checkpoint=CheckpointTask(
        name="classify",
        head="classify",
        architectures=("ForSequenceClassification",),
        head_info=head_info,
    ),
    training={
        "classify": TrainingSpec(
            heads=("classify",),
            problems=tuple(Problem),
            read=records.read_labelled,
            objective=_objective,
            labels=_labels,
            settings=_settings,
        )
    },
)
