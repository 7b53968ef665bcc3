"""The report of a distillation: that of a training, and what the student began as."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgebert.training.report import TrainingReport


@dataclass(frozen=True, kw_only=True, repr=False)
class DistilReport(TrainingReport):
    """A distillation that ended; the metrics compare the student with its teacher.

    Attributes:
        teacher_layers: how many the teacher has.
        student_layers: how many the student has.
        held_out: texts that it was judged by, none of them learnt from.
        untrained: the metrics before the first step.
    """

    teacher_layers: int
    student_layers: int
    held_out: int
    untrained: Mapping[str, float]

    def summary(self) -> dict[str, Any]:
        """What to print: all but the single losses and validations, as plain values."""
        layers = {"teacher_layers": self.teacher_layers, "student_layers": self.student_layers}
        before = {f"untrained_{name}": value for name, value in self.untrained.items()}
        return {**super().summary(), **layers, "held_out": self.held_out, **before}
