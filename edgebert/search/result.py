"""What a search for a smaller model found, as a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgebert.search.aims import Aims
from edgebert.search.trial import UNCHANGED, Trial
from edgebert_quantize.evaluation.accuracy import lost_columns
from edgebert_quantize.search.budget import Budget
from edgebert_quantize.search.budget import keeps as within
from edgebert_runtime.errors import BudgetError
from edgebert_runtime.inference.reports import Report
from edgebert_runtime.reporting.text_table import table_lines

UNFINISHED: Final = ", and the time was over: run the same command again to go on"


@dataclass(frozen=True, kw_only=True, repr=False)
class CompressReport(Report):
    """Everything that a search measured, and what it chose.

    Attributes:
        out: the bundle that was written; None if nothing keeps the budget and reaches the aims.
        budget: what may be lost.
        aims: what has to be reached.
        share: what rows count: `accuracy` or `recall`.
        trials: every model in every precision, in the order of the search.
        chosen: the one that was written.
        left_out: what could not be made, and why.
        ended: whether the search went through everything; otherwise its time was over.
    """

    out: Path | None
    budget: Budget
    aims: Aims
    share: str
    trials: Sequence[Trial]
    chosen: Trial | None
    left_out: Sequence[str]
    ended: bool

    def lines(self, width: int | None = None) -> Iterator[str]:
        """A row for each trial, then what was left out."""
        yield from table_lines(self.columns, self.rows, width)
        yield from (f"left out: {each}" for each in self.left_out)

    @property
    def columns(self) -> Sequence[str]:
        """What stands above the table."""
        shapes = [f"{shape} ms" for shape in self.trials[0].times]
        lost = lost_columns(self.share)[0]
        return ["model", "precision", "MB", *shapes, "speed", lost, "budget", "aims"]

    @property
    def rows(self) -> list[Sequence[str]]:
        """Cells below `columns`; an arrow marks what was chosen."""
        return [self._row(trial) for trial in self.trials]

    def _row(self, trial: Trial) -> Sequence[str]:
        name = " + ".join(trial.steps) or UNCHANGED
        return [
            f"→ {name}" if trial == self.chosen else name,
            trial.precision,
            f"{trial.megabytes:.1f}",
            *(f"{time.milliseconds:.2f}" for time in trial.times.values()),
            f"{trial.speed:.2f}x",
            str(trial.rows),
            "kept" if self.keeps(trial) else "not kept",
            "missed" if self.aims.missed(trial) else "reached",
        ]

    def keeps(self, trial: Trial) -> bool:
        """Whether a trial loses no more than the budget allows."""
        return keeps(self.budget, self.share, trial)

    def require(self) -> Trial:
        """The chosen trial.

        Raises:
            BudgetError: there is none; the text names the best.
        """
        if self.chosen is not None:
            return self.chosen
        kept = [trial for trial in self.trials if self.keeps(trial)]
        fastest = max(kept, key=lambda trial: trial.speed)
        raise BudgetError(
            f"nothing that was tried is {self.aims} within {self.budget.text!r}; the fastest that "
            f"keeps the budget is {fastest.name}: {fastest.speed:.2f}x, {fastest.megabytes:.1f} "
            f"MB. Nothing was written{'' if self.ended else UNFINISHED}",
            self,
        )


def keeps(budget: Budget, share: str, trial: Trial) -> bool:
    """Whether a trial loses no more than a budget allows."""
    return within(budget.drops[share], trial.rows)
