"""The report of a training."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgebert.training.metrics import Scores
from edgebert_runtime.inference.reports import Report, field_lines

NOT_SHOWN: Final = ("metrics", "confusion", "labels")
"""Entries of a summary without a row of their own in the table."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One validation.

    Attributes:
        step: after which step.
        scores: the metrics, `loss` among them where the data have one.
    """

    step: int
    scores: Scores


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainingReport(Report):
    """A training that ended.

    Attributes:
        out: the folder written.
        task: what was trained.
        labels: of the head, in order; empty where its outputs are no labels.
        examples: rows trained on, in one epoch.
        truncated: texts of the training data that were longer than the limit and cut.
        left_out: rows of the training data that could not be used.
        steps: optimizer steps made.
        losses: of each step.
        history: the validations, in order.
        best: the one whose weights are in `out`; None without validation, when the last weights
            are.
        stopped_early: whether `patience` ended the training.
        seconds: of this process, from the first step to the last; a training that was resumed
            took longer.
    """

    out: Path
    task: str
    labels: tuple[str, ...]
    examples: int
    truncated: int
    left_out: int
    steps: int
    losses: tuple[float, ...]
    history: tuple[Evaluation, ...]
    best: Evaluation | None
    stopped_early: bool
    seconds: float

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics of the weights in `out`; empty without validation."""
        return {} if self.best is None else self.best.scores.values

    def lines(self, width: int | None = None) -> Iterator[str]:
        """The numbers of the training; single losses and validations are left out."""
        del width
        values = {**self.summary(), **self.metrics}
        numbers = {
            name: f"{value:.4g}" if isinstance(value, float) else value
            for name, value in values.items()
            if name not in NOT_SHOWN
        }
        return field_lines(numbers)

    def summary(self) -> dict[str, Any]:
        """What to print: all but the single losses and validations, as plain values."""
        confusion = () if self.best is None else self.best.scores.confusion
        return {
            "out": str(self.out),
            "task": self.task,
            "labels": list(self.labels),
            "examples": self.examples,
            "truncated": self.truncated,
            "left_out": self.left_out,
            "steps": self.steps,
            "stopped_early": self.stopped_early,
            "seconds": round(self.seconds, 1),
            "last_loss": self.losses[-1],
            "best_step": None if self.best is None else self.best.step,
            "metrics": dict(self.metrics),
            "confusion": [list(row) for row in confusion],
        }
