"""Sections on encoders: latency, growth, and how near they come to the machine's limit."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.cases.limits import NATIVE
from benchmarks.models import Model
from benchmarks.records import Record, find
from benchmarks.report.numbers import (
    MILLI,
    NONE,
    Row,
    again,
    brief,
    for_each_model,
    measured,
    over,
    round_medians_ms,
    row_of,
    section,
    shape_title,
)
from benchmarks.systems import OURS, baseline_of
from edgebert.reporting.bars import Bar, Bars, Part
from edgebert.reporting.plots import Plot, Point, Series
from edgebert_runtime.benchmarking.results import Quartiles
from edgebert_runtime.reporting.document import Block, Section, Table

OWN: Final = "edgebert int8 native"
"""The system that is also set beside products of its own."""

CHARTED: Final = "1x128"
"""The shape that is drawn."""


def latency_sections(records: Sequence[Record]) -> list[Section]:
    """One for each model."""
    return for_each_model(records, "latency", _latency)


def _latency(model: Model, record: Record) -> Section:
    counts = sorted({row["threads"] for row in record["rows"]}, reverse=True)
    blocks: list[Block] = [_bars(record["rows"], counts[0])]
    blocks += [_latency_table(record["rows"], count) for count in counts]
    text = (
        f"Tokens in, token vectors out; {model.weights}. Milliseconds (time over edgebert's), "
        f"medians of {record['rounds']} rounds. Above 1, edgebert is faster. fp32 is compared "
        "with edgebert fp32; bf16 and int8 with edgebert int8. `cosine`: of the token vectors "
        "to torch's, on random tokens, at 1×128."
    )
    return section(record, f"Encoder latency, {model.title}", text, blocks)


def _bars(rows: Sequence[Row], threads: int) -> Bars:
    bars = []
    for row in measured(rows):
        if row["threads"] != threads or CHARTED not in row["samples_us"]:
            continue
        times = Quartiles.of(round_medians_ms(row, CHARTED))
        bars.append(
            Bar(
                name=row["system"],
                parts=[Part(name=row["system"], value=times.median)],
                low=times.low,
                high=times.high,
                chosen=row["maker"] == OURS,
            )
        )
    caption = f"{shape_title(CHARTED)}, {_cores(threads)}"
    return Bars(unit="ms", bars=bars, caption=caption)


def _latency_table(rows: Sequence[Row], threads: int) -> Table:
    here = [row for row in rows if row["threads"] == threads]
    shapes = next((list(row["samples_us"]) for row in measured(here)), [])
    return Table(
        columns=["", "setting", *map(shape_title, shapes), "cosine", "again"],
        rows=[_latency_row(row, here, shapes) for row in here],
        caption=f"{_cores(threads)}: ms (time over edgebert's)".capitalize(),
    )


def _latency_row(row: Row, rows: Sequence[Row], shapes: Sequence[str]) -> list[str]:
    name = row["system"]
    if "failure" in row:
        cells = [NONE] * (len(shapes) + 1)
    else:
        ours = row_of(rows, system=baseline_of(row["precision"]))
        cells = [_cell(row, ours, shape) for shape in shapes]
        cosine = row["cosines"].get(CHARTED)
        cells.append(NONE if cosine is None else f"{cosine:.4f}")
    return [name, row["setting"] or "default", *cells, again(name)]


def _cell(row: Row, ours: Row | None, shape: str) -> str:
    time = brief(Quartiles.of(round_medians_ms(row, shape)).median)
    if ours is None or ours is row:
        return time
    return f"{time} ({over(row, ours, shape).median:.2f})"


def _cores(threads: int) -> str:
    return "one core" if threads == 1 else f"{threads} cores"


GROWTH_TITLES: Final[Mapping[str, tuple[str, str, str]]] = {
    "sequence": ("Longer texts, MiniLM", "tokens in a text", "One text, all cores."),
    "batch": ("Larger batches, MiniLM", "texts of 32 tokens at once", "All cores."),
    "cores": ("More cores, MiniLM", "cores", "A batch of 8 texts of 128 tokens."),
    "long": (
        "An encoder for long texts",
        "tokens in a text",
        "A ModernBERT with six layers and random weights, one text, all cores.",
    ),
}
"""Axis → title, what grows, and what stays."""


def growth_sections(records: Sequence[Record]) -> list[Section]:
    """One for each axis along which encoders were timed."""
    found = ((about, find(records, "growth", about)) for about in GROWTH_TITLES)
    return [_growth(about, record) for about, record in found if record]


def _growth(about: str, record: Record) -> Section:
    title, grows, stays = GROWTH_TITLES[about]
    series: dict[str, list[Point]] = {}
    chosen: dict[str, bool] = {}
    for row in measured(record["rows"]):
        chosen[row["system"]] = row["maker"] == OURS
        series.setdefault(row["system"], []).extend(_points(about, row))
    plot = Plot(
        x_label=grows,
        y_label="ms",
        series=[
            Series(name=name, points=points, chosen=chosen[name]) for name, points in series.items()
        ],
        log_x=True,
        log_y=True,
    )
    text = f"{stays} Median and quartiles of {record['rounds']} rounds."
    return section(record, title, text, [plot, _growth_table(grows, series)])


def _points(about: str, row: Row) -> list[Point]:
    """Of one system: along shapes, or along cores at the largest shape."""
    shapes = list(row["samples_us"])
    if about == "cores":
        return [_point(row["threads"], row, shapes[-1])]
    place = 0 if about == "batch" else 1
    return [_point(int(shape.split("x")[place]), row, shape) for shape in shapes]


def _point(x: float, row: Row, shape: str) -> Point:
    times = Quartiles.of(round_medians_ms(row, shape))
    return Point(x=x, y=times.median, low=times.low, high=times.high)


def _growth_table(grows: str, series: Mapping[str, Sequence[Point]]) -> Table:
    places = sorted({point.x for points in series.values() for point in points})
    rows = []
    for name, points in series.items():
        times = {point.x: brief(point.y) for point in points}
        rows.append([name, *(times.get(place, NONE) for place in places)])
    return Table(columns=["ms", *(f"{place:g}" for place in places)], rows=rows, caption=grows)


def limits_sections(records: Sequence[Record]) -> list[Section]:
    """One for each model."""
    return for_each_model(records, "limits", _limits)


def _limits(model: Model, record: Record) -> Section:
    text = (
        "The matrix products of the model were measured alone: those of linear layers and the "
        "two of attention, each as a graph of one operator in ONNX Runtime, in the same rounds. "
        "The fraction is their time over the time of the whole system. The rest, up to 1, is "
        "other operators, and products that run slower inside the graph. edgebert-native's own "
        "products are those of linear layers, without attention."
    )
    title = f"How near to the machine's limit, {model.title}"
    return section(record, title, text, [_roofline(record), _limits_table(record)])


def _kind(precision: str) -> str:
    return "int8" if precision == "int8" else "float32"


def _floor(record: Record, kind: str, shape: str) -> Mapping[str, Any]:
    floors = record["floors"]
    return next(each for each in floors if (each["kind"], each["shape"]) == (kind, shape))


def _rate(floor: Mapping[str, Any], times_ms: Sequence[float]) -> float:
    """Operations of a batch in so long, 10⁹ a second."""
    return float(floor["giga_operations"] / Quartiles.of(times_ms).median * MILLI)


def _limits_table(record: Record) -> Table:
    shapes = _shapes(record)
    rows = [
        [
            row["system"],
            *(_fraction(record, row, shape, _kind(row["precision"])) for shape in shapes),
        ]
        for row in measured(record["rows"])
    ]
    own = row_of(record["rows"], system=OWN)
    if own is not None and NATIVE in _kinds(record):
        shares = [_fraction(record, own, shape, NATIVE) for shape in shapes]
        rows.append([f"{OWN}, of its own products", *shares])
    for kind in _kinds(record):
        floors = [_floor(record, kind, shape) for shape in shapes]
        rates = [f"{_rate(floor, floor['ms']):.0f}" for floor in floors]
        rows.append([f"products alone, {kind}", *rates])
    caption = "10⁹ operations a second (fraction of the products alone)"
    return Table(columns=["", *map(shape_title, shapes)], rows=rows, caption=caption)


def _fraction(record: Record, row: Row, shape: str, kind: str) -> str:
    floor, times = _floor(record, kind, shape), round_medians_ms(row, shape)
    pairs = [bare / time for bare, time in zip(floor["ms"], times, strict=True)]
    return f"{_rate(floor, times):.0f} ({Quartiles.of(pairs).median:.2f})"


def _kinds(record: Record) -> list[str]:
    return list(dict.fromkeys(each["kind"] for each in record["floors"]))


def _shapes(record: Record) -> list[str]:
    return list(dict.fromkeys(each["shape"] for each in record["floors"]))


def _roofline(record: Record) -> Plot:
    lines = [_floor_line(record, kind) for kind in _kinds(record)]
    return Plot(
        x_label="tokens in a batch",
        y_label="10⁹ operations a second",
        series=[*lines, *(_row_line(record, row) for row in measured(record["rows"]))],
        log_x=True,
        log_y=True,
    )


def _floor_line(record: Record, kind: str) -> Series:
    floors = ((shape, _floor(record, kind, shape)) for shape in _shapes(record))
    points = [Point(x=_tokens(shape), y=_rate(floor, floor["ms"])) for shape, floor in floors]
    return Series(name=f"products alone, {kind}", points=points)


def _row_line(record: Record, row: Row) -> Series:
    kind = _kind(row["precision"])
    points = [
        Point(
            x=_tokens(shape),
            y=_rate(_floor(record, kind, shape), round_medians_ms(row, shape)),
        )
        for shape in _shapes(record)
    ]
    return Series(name=row["system"], points=points, chosen=row["maker"] == OURS)


def _tokens(shape: str) -> int:
    batch, sequence = map(int, shape.split("x"))
    return batch * sequence
