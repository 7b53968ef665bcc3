"""What a page of results says: sections of tables, and of charts where something draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from edgebert_runtime.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text.

    Attributes:
        columns: what stands above them; the first is of the rows' names.
        rows: as many cells each as there are columns.
        caption: one sentence, or empty.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""

    def check(self) -> None:
        """Refuse rows that do not fit the columns.

        Raises:
            ConfigError: there is no column, or a row has more or fewer cells than columns.
        """
        if not self.columns:
            raise ConfigError("a table has no columns; name at least one")
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ConfigError(
                    f"a row of a table has {len(row)} cells, {list(row)}, its columns are "
                    f"{len(self.columns)}: {', '.join(self.columns)}; give one cell per column"
                )


class Chart(Protocol):
    """What draws itself. The runtime has none; `edgebert` makes them on the build machine."""

    @property
    def caption(self) -> str:
        """One sentence, or empty."""

    @property
    def label(self) -> str:
        """What it shows, for a reader who does not see it."""

    def html(self) -> str:
        """An element that needs no script and no network.

        Raises:
            ConfigError: it cannot be drawn.
        """


Block = Table | Chart


@dataclass(frozen=True, kw_only=True)
class Section:
    """One question and its answer.

    Attributes:
        title: of the section.
        text: what was measured and how, in sentences.
        command: what measures it again; empty for none.
        blocks: in order.
    """

    title: str
    text: str = ""
    command: str = ""
    blocks: Sequence[Block] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """All of it.

    Attributes:
        title: of the page.
        answer: the number that the page is read for, in one sentence.
        chart: what shows it beside others.
        lead: what was measured, and how.
        sections: in order.
    """

    title: str
    answer: str = ""
    chart: Chart | None = None
    lead: str = ""
    sections: Sequence[Section] = ()
