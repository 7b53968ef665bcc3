"""`TrainingSpec`: the reader of a task's files, its objective and its labels."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebert.training.config import Problem
from edgebert.training.data.encoding import TextEncoder
from edgebert.training.objectives.base import Objective


@dataclass(frozen=True, kw_only=True)
class ObjectiveConfig:
    """Arguments of an objective, beside its records.

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
    """For tasks without further keys in `config.json`."""
    del labels, problem
    return {}


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """How one task is trained.

    Attributes:
        heads: those it trains, as the families' tables name them; none trains vectors.
        read: a file's records.
        objective: records to what is trained or judged.
        read_validation: a validation file's records, where its format is another.
        labels: of the data, in order.
        settings: keys of `config.json` that say what the head's outputs mean.
        outputs: width of a head that has no labels and is not the vocabulary; None where labels
            say it.
        problems: how labels can be read, where that is a choice.
    """

    heads: tuple[str, ...]
    read: Callable[[Path, Problem], list[Any]]
    objective: Callable[[list[Any], ObjectiveConfig], Objective]
    read_validation: Callable[[Path, Problem], list[Any]] | None = None
    labels: Callable[[list[Any], Path, Problem], tuple[str, ...]] = no_labels
    settings: Callable[[tuple[str, ...], Problem], dict[str, Any]] = no_settings
    outputs: int | None = None
    problems: tuple[Problem, ...] = (Problem.SINGLE_LABEL,)
