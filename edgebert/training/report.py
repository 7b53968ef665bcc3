"""The report of a training."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgebert.training.metrics import COUNT, Scores
from edgebert_runtime.inference.reports import Report, field_lines
from edgebert_runtime.reporting.text_table import table_lines

NOT_SHOWN: Final = ("metrics", "by_label", "confusion", "labels")
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

    @property
    def by_label(self) -> Mapping[str, Mapping[str, float]]:
        """Label to its metrics and count in the validation data; of tasks that have labels."""
        return {} if self.best is None else self.best.scores.by_label

    def lines(self, width: int | None = None) -> Iterator[str]:
        """A row for each number, then one for each label; single losses are left out."""
        values = {**self.summary(), **self.metrics}
        numbers = {
            name: f"{value:.4g}" if isinstance(value, float) else value
            for name, value in values.items()
            if name not in NOT_SHOWN
        }
        yield from field_lines(numbers)
        yield from _label_lines(self.by_label, width)

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
            "by_label": {name: dict(numbers) for name, numbers in self.by_label.items()},
            "confusion": [list(row) for row in confusion],
        }


def _label_lines(by_label: Mapping[str, Mapping[str, float]], width: int | None) -> Iterator[str]:
    """An empty line, and a table; nothing where there are no labels."""
    if not by_label:
        return
    names = next(iter(by_label.values()))
    rows = [
        (label, *(f"{each[name]:,.0f}" if name == COUNT else f"{each[name]:.4f}" for name in names))
        for label, each in by_label.items()
    ]
    yield ""
    yield from table_lines(("label", *names), rows, width)
