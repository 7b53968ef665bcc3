"""Accuracy or recall of a graph beside that of fp32, on the same rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edgebert_runtime.inference.reports import AsDict

ACCURACY: Final = "accuracy"
RECALL: Final = "recall"
TITLES: Final = {ACCURACY: ACCURACY, RECALL: "recall@1"}
"""What right answers are a share of → how it is called where it is shown."""


def lost_columns(share: str) -> tuple[str, str]:
    """What stands above an `Accuracy` and its flipped answers in a table."""
    return f"{TITLES[share]} lost", "answers flipped"


@dataclass(frozen=True, kw_only=True)
class Accuracy(AsDict):
    """Right answers of a graph and of fp32 to the same rows.

    Attributes:
        rows: how many.
        fp32_right: those that fp32 answers right.
        lost: those that only fp32 answers right.
        gained: those that only this graph answers right.
        flipped: those that the two answer differently, right or wrong.
    """

    rows: int
    fp32_right: int
    lost: int
    gained: int
    flipped: int

    @property
    def fp32(self) -> float:
        """Share of the rows that fp32 answers right."""
        return self.fp32_right / self.rows

    @property
    def quantized(self) -> float:
        """Share of the rows that this graph answers right."""
        return (self.fp32_right - self.lost + self.gained) / self.rows

    @property
    def drop(self) -> float:
        """How far this graph's accuracy is below fp32's; negative where it is above."""
        return (self.lost - self.gained) / self.rows

    @property
    def error(self) -> float:
        """Standard error of `drop`; at least about one row.

        The rows are the same for both graphs, so that only rows with different outcomes count.
        Half a row is added to each of the four outcomes, as without it an error of 0 would be
        claimed where no outcome differs (Agresti & Min 2005, Statistics in Medicine 24:729).
        """
        rows = self.rows + 2
        differ, net = self.lost + self.gained + 1, self.lost - self.gained
        return math.sqrt(differ - net**2 / rows) / rows

    def __str__(self) -> str:
        return (
            f"{100 * self.drop:.2f} ± {100 * self.error:.2f} points, "
            f"{self.lost - self.gained} of {self.rows} rows"
        )

    def to_manifest(self) -> dict[str, Any]:
        """The `accuracy` or `recall` object of `quality`, as docs/bundle-format.md has it."""
        return {
            "fp32": self.fp32,
            "quantized": self.quantized,
            "rows": self.rows,
            "drop": self.drop,
            "error": self.error,
            "flipped": self.flipped,
        }


def paired(found: Sequence[int], reference: Sequence[int], labels: Sequence[int]) -> Accuracy:
    """Accuracy of answers beside those of fp32.

    Args:
        found: label of each row by the graph; for recall, the passage it found.
        reference: likewise by fp32.
        labels: the right one.
    """
    rows = list(zip(found, reference, labels, strict=True))
    return Accuracy(
        rows=len(rows),
        fp32_right=sum(exact == label for _, exact, label in rows),
        lost=sum(exact == label != one for one, exact, label in rows),
        gained=sum(one == label != exact for one, exact, label in rows),
        flipped=sum(one != exact for one, exact, _ in rows),
    )
