"""Training: BERT's objectives, fine-tuning for every task, exactly resumable."""

from importlib import import_module
from typing import Any

from edgebert.training.config import Problem, TrainingConfig
from edgebert.training.report import Evaluation, TrainingReport

__all__ = ["Evaluation", "Problem", "TrainingConfig", "TrainingReport"]


def __getattr__(name: str) -> Any:
    """`train` is `edgebert.train`; programs import it from here, too."""
    if name != "train":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("edgebert").train
