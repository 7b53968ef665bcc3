"""What a search found, as a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from edgebert_quantize.evaluation.accuracy import TITLES, lost_columns
from edgebert_quantize.recipes import FLOAT, format_counts
from edgebert_quantize.search.budget import Budget, Measured
from edgebert_quantize.search.explore import RATIO_DIGITS, describe
from edgebert_quantize.search.trials import Point
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.errors import BudgetError
from edgebert_runtime.inference.reports import Report, to_plain
from edgebert_runtime.measurement.units import MEBIBYTE
from edgebert_runtime.reporting.text_table import table_lines

COLUMNS: Final = ("layers", "tables", "MiB", "ms", "time over fp32", "similarity", "worst")
COMPARED: Final = ("agreement",)

ORIGINAL: Final = "fp32"
"""The row of what was quantized."""

KIND: Final = "search"
VERSION: Final = 1
"""Of the JSON; rises when a key is renamed, removed, or changes its meaning."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Frontier(Report):
    """What a search measured.

    Attributes:
        budget: the limits.
        frontier: every measured graph, from the cheapest to the most exact.
        chosen: the point that is the variant now; None if none meets the budget.
        exact: quality of fp32.
        source_bytes: size of the fp32 file.
    """

    budget: Budget
    frontier: Sequence[Point]
    chosen: Point | None
    exact: Measured
    source_bytes: int

    @property
    def reference_ms(self) -> float | None:
        """Time of one text in fp32: the median of all rounds of the search; None if not timed."""
        speeds = [point.speed for point in self.frontier if point.speed is not None]
        times = [time for speed in speeds for time in speed.source_ms]
        return median(times) if times else None

    def milliseconds(self, point: Point) -> float | None:
        """Time of one text: the point's time over fp32 × `reference_ms`; None if not timed.

        Points are timed minutes apart, so that their own times cannot be compared. What each took
        in the same rounds as fp32 can.
        """
        ratio, reference = point.over_fp32, self.reference_ms
        return None if ratio is None or reference is None else ratio * reference

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        shown = ("budget", "frontier", "chosen", "exact", "source_bytes", "reference_ms")
        values = {name: to_plain(getattr(self, name)) for name in shown}
        return {"kind": KIND, "version": VERSION, **values}

    def lines(self, width: int | None = None) -> Iterator[str]:
        """A row for each point of the frontier, then fp32."""
        return table_lines(self.columns, self.rows, width)

    @property
    def columns(self) -> Sequence[str]:
        """What stands above the frontier's table."""
        compared = COMPARED if self.exact.agreement is not None else ()
        lost = [column for share in self.exact.on_rows for column in lost_columns(share)]
        return [*COLUMNS, *compared, *lost, "meets the budget"]

    @property
    def rows(self) -> list[Sequence[str]]:
        """Cells below `columns`: every point, then fp32."""
        return [*(self.row(point) for point in self.frontier), self.original_row]

    def row(self, point: Point) -> Sequence[str]:
        """A point's cells; an arrow marks the chosen one."""
        layers = format_counts(point.assignment.counts)
        return self._cells(
            f"→ {layers}" if point == self.chosen else layers,
            "int8" if point.assignment.tables else FLOAT,
            point.size_bytes,
            (self.milliseconds(point), point.over_fp32),
            point.measured,
        )

    @property
    def original_row(self) -> Sequence[str]:
        """The cells of what was quantized."""
        time = self.reference_ms
        times = (time, None if time is None else 1.0)
        return self._cells(ORIGINAL, FLOAT, self.source_bytes, times, self.exact)

    def _cells(
        self,
        layers: str,
        tables: str,
        size: int,
        times: tuple[float | None, float | None],
        measured: Measured,
    ) -> Sequence[str]:
        agreement, on_rows = measured.agreement, measured.on_rows.values()
        return [
            layers,
            tables,
            f"{size / MEBIBYTE:.1f}",
            *("" if time is None else f"{time:.{RATIO_DIGITS}f}" for time in times),
            f"{measured.mean:.5f}",
            f"{measured.worst:.5f}",
            *([f"{agreement.value:.4f}"] if agreement else []),
            *(cell for found in on_rows for cell in (str(found), str(found.flipped))),
            "yes" if self.budget.is_met_by(measured) else "no",
        ]


@dataclass(frozen=True, kw_only=True, repr=False)
class Search(Frontier):
    """Result of a search.

    Attributes:
        bundle: the bundle, with the chosen variant.
    """

    bundle: Bundle

    def to_dict(self) -> dict[str, Any]:
        """The fields by name; the bundle is its folder."""
        return {**super().to_dict(), "bundle": str(self.bundle.folder.resolve())}

    def require(self) -> Point:
        """The chosen point.

        Raises:
            BudgetError: none meets the budget; the text describes the best.
        """
        if self.chosen is None:
            raise BudgetError(_describe_best(self), self)
        return self.chosen


def _describe_best(search: Frontier) -> str:
    best = max((point.measured for point in search.frontier), key=_by_quality)
    (point,) = (point for point in search.frontier if point.measured is best)
    agreement = "" if best.agreement is None else f", answers agree to {best.agreement}"
    dropped = "".join(f", {TITLES[share]} {found} lower" for share, found in best.on_rows.items())
    return (
        f"no assignment meets {search.budget.text!r}; the best has {describe(point.assignment)}: "
        f"similarity to fp32 {best.mean:.5f} on average and {best.worst:.5f} at "
        f"worst{agreement}{dropped}. Nothing was written"
    )


def _by_quality(measured: Measured) -> tuple[float, float]:
    return -sum(found.drop for found in measured.on_rows.values()), measured.mean
