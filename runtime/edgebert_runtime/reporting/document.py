"""What a page of measurements says, before it is drawn: sections of tables and charts."""

from collections.abc import Sequence
from dataclasses import dataclass


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


@dataclass(frozen=True, kw_only=True)
class Point:
    """A place in a plot.

    Attributes:
        x, y: where.
        low, high: quartiles of y, if they are known.
        label: beside it; empty for none.
    """

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points that belong together.

    Attributes:
        name: in the legend.
        points: in order.
        joined: whether a line goes through them.
        chosen: drawn stronger than the others.
    """

    name: str
    points: Sequence[Point]
    joined: bool = True
    chosen: bool = False


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Series over two axes.

    Attributes:
        x_label, y_label: what the axes are, with units.
        series: at least one point among them.
        log_x, log_y: whether an axis is logarithmic; its values are then positive.
        caption: one sentence, or empty.
    """

    x_label: str
    y_label: str
    series: Sequence[Series]
    log_x: bool = False
    log_y: bool = False
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A stretch of a bar: what it is of, and how much."""

    name: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Bar:
    """Stretches end to end.

    Attributes:
        name: beside it.
        parts: one, or what the whole consists of.
        low, high: quartiles of the whole, if they are known.
        chosen: drawn stronger than the others.
    """

    name: str
    parts: Sequence[Part]
    low: float | None = None
    high: float | None = None
    chosen: bool = False


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Bars under each other on one scale from zero.

    Attributes:
        unit: of the values.
        bars: in order.
        caption: one sentence, or empty.
    """

    unit: str
    bars: Sequence[Bar]
    caption: str = ""


Block = Table | Plot | Bars


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
        lead: what a reader should know first.
        sections: in order.
    """

    title: str
    lead: str = ""
    sections: Sequence[Section] = ()
