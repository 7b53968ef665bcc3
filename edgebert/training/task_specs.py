"""What each task is trained with: the reader of its files, its objective and its labels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgebert.checkpoints.saving import label_settings
from edgebert.checkpoints.tasks import ranker_keys
from edgebert.training.config import Problem
from edgebert.training.data import records, tables
from edgebert.training.data.documents import paired_passages, passages
from edgebert.training.data.encoding import TextEncoder
from edgebert.training.objectives.answer import Answering
from edgebert.training.objectives.base import Objective
from edgebert.training.objectives.classify import (
    PROBLEM_TYPES,
    MultiLabel,
    Ranking,
    Regression,
    SingleLabel,
)
from edgebert.training.objectives.embed import Contrast, Similarity
from edgebert.training.objectives.pretrain import Pretraining
from edgebert.training.objectives.tag import Tagging
from edgebert_runtime.errors import InputError

SCORE: Final = ("score",)
"""What a regression's one output is called."""


@dataclass(frozen=True, kw_only=True)
class ObjectiveConfig:
    """What an objective is built with, beside its records.

    Attributes:
        encoder: texts to tokens.
        labels: of the head, in order.
        problem: how a classifier's labels are read.
        seed: of what is drawn once.
        training: whether these are the data to train on.
    """

    encoder: TextEncoder
    labels: tuple[str, ...]
    problem: Problem
    seed: int
    training: bool


def no_labels(found: list[Any], path: Path, problem: Problem) -> tuple[str, ...]:
    """For tasks whose head has none."""
    del found, path, problem
    return ()


def no_settings(labels: tuple[str, ...], problem: Problem) -> dict[str, Any]:
    """For tasks that leave no words in `config.json`."""
    del labels, problem
    return {}


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """How one task is trained.

    Attributes:
        read: a file's records.
        objective: records to what is trained or judged.
        read_validation: a validation file's records, where its format is another.
        labels: of the data, in order.
        settings: keys of `config.json` that say what the head's outputs mean.
    """

    read: Callable[[Path, Problem], list[Any]]
    objective: Callable[[list[Any], ObjectiveConfig], Objective]
    read_validation: Callable[[Path, Problem], list[Any]] | None = None
    labels: Callable[[list[Any], Path, Problem], tuple[str, ...]] = no_labels
    settings: Callable[[tuple[str, ...], Problem], dict[str, Any]] = no_settings


def _classifier_labels(
    found: list[records.Labelled], path: Path, problem: Problem
) -> tuple[str, ...]:
    if problem is Problem.REGRESSION:
        _check_varied(found, path)
        return SCORE
    return records.labels_in((record.labels for record in found), path)


def _ranker_labels(found: list[records.Labelled], path: Path, problem: Problem) -> tuple[str, ...]:
    del problem
    _check_varied(found, path)
    return ()


def _check_varied(found: list[records.Labelled], path: Path) -> None:
    if len({record.number for record in found}) < 2:
        raise InputError(
            f"{path} has one label, {found[0].number:g}, expected at least two different ones"
        )


def _tagger_labels(found: list[records.Tagged], path: Path, problem: Problem) -> tuple[str, ...]:
    del problem
    return records.labels_in((record.labels for record in found), path)


def _classifier(found: list[records.Labelled], config: ObjectiveConfig) -> Objective:
    if config.problem is Problem.REGRESSION:
        return Regression(found, config.encoder)
    kind = MultiLabel if config.problem is Problem.MULTI_LABEL else SingleLabel
    return kind(found, config.encoder, config.labels)


def _classifier_settings(labels: tuple[str, ...], problem: Problem) -> dict[str, Any]:
    return label_settings(labels, PROBLEM_TYPES[problem])


def _tagger_settings(labels: tuple[str, ...], problem: Problem) -> dict[str, Any]:
    del problem
    return label_settings(labels)


def _ranker_settings(labels: tuple[str, ...], problem: Problem) -> dict[str, Any]:
    del labels, problem
    return {**label_settings(SCORE), **ranker_keys("sigmoid")}


def _answering(found: list[records.Question], config: ObjectiveConfig) -> Objective:
    return Answering(found, config.encoder, training=config.training)


def _embedding(found: list[Any], config: ObjectiveConfig) -> Objective:
    kind = Contrast if config.training else Similarity
    return kind(found, config.encoder)


def _filling(found: list[tuple[str, ...]], config: ObjectiveConfig) -> Objective:
    return Pretraining(passages(found, config.encoder), config.encoder)


def _pretraining(found: list[tuple[str, ...]], config: ObjectiveConfig) -> Objective:
    pairs = paired_passages(found, config.encoder, config.seed)
    return Pretraining(pairs, config.encoder)


TRAINING_SPECS: Final[Mapping[str, TrainingSpec]] = {
    "classify": TrainingSpec(
        read=records.read_labelled,
        objective=_classifier,
        labels=_classifier_labels,
        settings=_classifier_settings,
    ),
    "rank": TrainingSpec(
        read=lambda path, _: records.read_pairs_to_rank(path),
        objective=lambda found, config: Ranking(found, config.encoder),
        labels=_ranker_labels,
        settings=_ranker_settings,
    ),
    "tag": TrainingSpec(
        read=lambda path, _: records.read_tagged(path),
        objective=lambda found, config: Tagging(found, config.encoder, config.labels),
        labels=_tagger_labels,
        settings=_tagger_settings,
    ),
    "answer": TrainingSpec(read=lambda path, _: records.read_questions(path), objective=_answering),
    "embed": TrainingSpec(
        read=lambda path, _: records.read_positives(path),
        read_validation=lambda path, _: records.read_scored(path),
        objective=_embedding,
    ),
    "fill": TrainingSpec(read=lambda path, _: tables.read_documents(path), objective=_filling),
    "pretrain": TrainingSpec(
        read=lambda path, _: tables.read_documents(path), objective=_pretraining
    ),
}
