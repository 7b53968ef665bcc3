"""The section on what each way to make a model smaller loses and gains."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from benchmarks.records import Record, find
from benchmarks.report.numbers import (
    NONE,
    Row,
    again,
    measured,
    over,
    row_of,
    section,
    shape_title,
)
from benchmarks.systems import OURS
from edgebert.reporting.plots import Plot, Point, Series
from edgebert_runtime.measurement.units import MEBIBYTE
from edgebert_runtime.reporting.document import Block, Section, Table

EXACT: Final = "edgebert fp32"
CHARTED: Final = "1x128"
FURTHER: Final = {"brief": "3–8 tokens", "recall_together": "together"}
"""Field of a row → its column, where a record has it."""

SMALLEST_LOSS: Final = 1e-6
"""What a loss of nothing is drawn as on a logarithmic axis."""


def accuracy_sections(records: Sequence[Record]) -> list[Section]:
    """Quality beside size and speed."""
    record = find(records, "accuracy")
    if record is None:
        return []
    rows = record["rows"]
    exact = row_of(rows, system=EXACT)
    blocks: list[Block] = [] if exact is None else [*_plots(rows, exact), _table(rows, exact)]
    text = (
        f"{record['texts']} texts that were not used for calibration: rated sentences and "
        "package descriptions, half of each. `mean`, `1st percentile`, `worst`: cosine to "
        "torch's vectors, each text run alone. `pair`: largest change of a similarity of two "
        "texts. `batch`: largest change of a number of a vector when texts run in batches of "
        "64. `padded`: the same when one text in four is padded to 256 tokens. `recall@1`: "
        f"per cent of {record['pairs']} short descriptions whose nearest long description is "
        f"of the same package; torch {100 * record['reference_recall']:.2f}. `1×32` and so "
        f"on: time over that of edgebert fp32, median of {record['rounds']} rounds."
    )
    if any("brief" in row for row in rows):
        text += (
            " `3–8 tokens`: worst cosine of 500 texts as short as that. `together`: recall@1 with "
            "the queries of the native way and the index of edgebert int8, and the other way round."
        )
    return [section(record, "Accuracy beside speed and size, MiniLM", text, blocks)]


def _plots(rows: Sequence[Row], exact: Row) -> list[Plot]:
    """Loss against time and against size."""
    smaller = [row for row in measured(rows) if row["precision"] != "fp32"]
    axes: dict[str, Callable[[Row], float]] = {
        f"time over that of edgebert fp32, {shape_title(CHARTED)}": partial(_time, exact),
        "file, MiB": _mebibytes,
    }
    makers = list(dict.fromkeys(row["maker"] for row in smaller))
    return [
        Plot(
            x_label=label,
            y_label="1 - mean cosine to torch",
            series=[
                Series(
                    name=maker,
                    points=[
                        Point(x=place(row), y=_loss(row), label=_short(row))
                        for row in smaller
                        if row["maker"] == maker
                    ],
                    joined=False,
                    chosen=maker == OURS,
                )
                for maker in makers
            ],
            log_x=True,
            log_y=True,
        )
        for label, place in axes.items()
    ]


def _time(exact: Row, row: Row) -> float:
    return over(row, exact, CHARTED).median


def _mebibytes(row: Row) -> float:
    return float(row["size_bytes"] / MEBIBYTE)


def _loss(row: Row) -> float:
    return max(1 - float(row["mean"]), SMALLEST_LOSS)


def _short(row: Row) -> str:
    """The system without its maker, which the legend has."""
    return str(row["system"]).removeprefix(f"{row['maker']} ")


def _table(rows: Sequence[Row], exact: Row) -> Table:
    shapes = list(exact["samples_us"])
    further = [title for key, title in FURTHER.items() if any(key in row for row in rows)]
    return Table(
        columns=[
            "",
            "mean",
            "1st percentile",
            "worst",
            "pair",
            "batch",
            "padded",
            "recall@1",
            "MiB",
            *further,
            *map(shape_title, shapes),
            "again",
        ],
        rows=[_row(row, exact, shapes, further) for row in rows],
    )


def _row(row: Row, exact: Row, shapes: Sequence[str], further: Sequence[str]) -> list[str]:
    quality = (
        [
            f"{row['mean']:.5f}",
            f"{row['first_percentile']:.4f}",
            f"{row['worst']:.4f}",
            f"{row['pair']:.3f}",
            f"{row['batch']:.1e}",
            f"{row['padded']:.1e}",
            f"{100 * row['recall']:.2f}",
            f"{row['size_bytes'] / MEBIBYTE:.1f}",
        ]
        if "mean" in row
        else [NONE] * 8
    )
    timed = "samples_us" in row
    times = [f"{over(row, exact, shape).median:.2f}" if timed else NONE for shape in shapes]
    more = [_further(row, key) for key, title in FURTHER.items() if title in further]
    return [row["system"], *quality, *more, *times, again(row["system"])]


def _further(row: Row, key: str) -> str:
    """What older records lack, and what only one system has."""
    if key not in row:
        return NONE
    found = row[key]
    return f"{found:.4f}" if key == "brief" else ", ".join(f"{100 * each:.2f}" for each in found)
