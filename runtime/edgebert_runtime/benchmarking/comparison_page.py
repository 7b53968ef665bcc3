"""What `compare` found, as a page of tables."""

from collections.abc import Sequence
from typing import Final, Protocol

from edgebert_runtime.reporting.document import Page, Section, Table

CHANGES: Final = "Every measurement"


class Compared(Protocol):
    """One thing that was measured twice."""

    @property
    def name(self) -> str:
        """Of it."""
        ...

    @property
    def ratio(self) -> float | None:
        """The time after over the time before; None if nothing is known of it."""
        ...

    @property
    def is_known(self) -> bool:
        """Whether the ratio is the bundle's, and not the machine's."""
        ...


def page(
    names: tuple[str, str],
    changes: Sequence[Compared],
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> Page:
    """The largest change, and a row for each.

    Args:
        names: of what was measured before and after.
        changes: what was measured of both.
        columns: of the table that the terminal shows.
        rows: of it.
    """
    known = [change for change in changes if change.is_known and change.ratio is not None]
    before, after = names
    return Page(
        title=f"Is {after} slower than {before}?",
        answer=_answer(known),
        lead=f"A ratio is the time of {after} over the time of {before}: below 1 is faster.",
        sections=(Section(title=CHANGES, blocks=(Table(columns=columns, rows=rows),)),),
    )


def _answer(known: Sequence[Compared]) -> str:
    if not known:
        return "Unknown: another program slowed the machine."
    worst = max(known, key=lambda change: change.ratio or 0.0)
    return f"The largest ratio of times is {worst.ratio:.2f}: {worst.name}."
