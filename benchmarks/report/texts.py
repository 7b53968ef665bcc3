"""Sections on texts: throughput, answers under load, starting, and very many texts."""

from collections.abc import Sequence
from itertools import chain
from statistics import median, quantiles

from benchmarks.cases.load import FEWEST_FOR_P99
from benchmarks.cases.start import STRETCHES
from benchmarks.engines import OUR_FP32, OUR_NATIVE, OURS
from benchmarks.models import Model
from benchmarks.pairing import ratio
from benchmarks.records import Record, find
from benchmarks.report.numbers import (
    MICRO,
    NONE,
    Row,
    again,
    brief,
    first_passes,
    for_each_model,
    later_passes,
    measured,
    mebibytes,
    plain,
    row_of,
    section,
    totals_ms,
)
from edgebert.reporting.bars import Bar, Bars, Part
from edgebert.reporting.plots import Plot, Point, Series
from edgebert_runtime.benchmarking.results import Quartiles
from edgebert_runtime.reporting.document import Block, Section, Table


def throughput_sections(records: Sequence[Record]) -> list[Section]:
    """Texts a second."""
    record = find(records, "throughput")
    if record is None:
        return []
    rows, counts = record["rows"], record["streams"]
    streams = ", ".join(f"{count} {stream}" for stream, count in counts.items())
    blocks: list[Block] = [
        _throughput_table(rows, stream, count, counts[stream])
        for stream, count in dict.fromkeys((row["stream"], row["cores"]) for row in rows)
    ]
    text = (
        f"Real texts ({streams}). `mixed`: three short texts for every two long ones, in the "
        "order in which they come. The vectors are checked against torch's. One process runs "
        "all streams, `mixed` first. `texts/s`: the first time that an engine sees the texts. "
        "`once seen`: when it has seen them; some engines prepare for every length. "
        "`int8 over it`: how many times as fast edgebert int8 is in the first pass, median of "
        f"{record['rounds']} rounds (quartiles)."
    )
    return [section(record, "Texts in, vectors out, MiniLM", text, blocks)]


def throughput_answer(records: Sequence[Record]) -> tuple[str, Bars | None]:
    """Our int8 beside torch in a sentence, and a chart of everybody; nothing if not measured."""
    record = find(records, "throughput")
    if record is None:
        return "", None
    rows = record["rows"]
    cores = max(row["cores"] for row in rows)
    bars = _throughput_bars(rows, cores, record["streams"]["mixed"])
    torch, ours, native = (
        row_of(rows, engine=engine, stream="mixed", cores=cores)
        for engine in ("sentence_transformers", OURS, OUR_NATIVE)
    )
    if torch is None or ours is None:
        return "", bars
    answer = (
        f"MiniLM in int8 embeds {_times_as_fast(ours, torch)} times as many texts a second as "
        "sentence-transformers with torch"
    )
    if native is None:
        return f"{answer}.", bars
    return f"{answer}, and {_times_as_fast(native, torch)} times with edgebert-native.", bars


def _times_as_fast(row: Row, baseline: Row) -> str:
    """How many times as fast a system is in its first pass."""
    return f"{ratio(first_passes(baseline), first_passes(row)).median:.1f}"


def _throughput_bars(rows: Sequence[Row], cores: int, count: int) -> Bars:
    bars = []
    for row in measured(rows):
        if (row["stream"], row["cores"]) == ("mixed", cores):
            rates = Quartiles.of([count / seconds for seconds in first_passes(row)])
            part = Part(name=plain(row), value=rates.median)
            ours = row["engine"].startswith("edgebert")
            bars.append(
                Bar(name=plain(row), parts=[part], low=rates.low, high=rates.high, chosen=ours)
            )
    return Bars(unit="texts/s", bars=bars, caption=f"mixed texts, {cores} cores, first pass")


def _throughput_table(rows: Sequence[Row], stream: str, cores: int, count: int) -> Table:
    here = [row for row in rows if (row["stream"], row["cores"]) == (stream, cores)]
    ours = [row_of(here, engine=name) for name in (OURS, OUR_FP32)]
    return Table(
        columns=["", "texts/s", "once seen", "int8 over it", "fp32 over it", "again"],
        rows=[_throughput_row(row, ours, count) for row in here],
        caption=f"{stream}, {'one core' if cores == 1 else f'{cores} cores'}",
    )


def _throughput_row(row: Row, ours: Sequence[Row | None], count: int) -> list[str]:
    if "failure" in row:
        return [row["system"], *[NONE] * 4, again(row["engine"])]
    later = later_passes(row)
    faster = [
        NONE if each is None else str(ratio(first_passes(row), first_passes(each))) for each in ours
    ]
    return [
        row["system"],
        f"{count / median(first_passes(row)):.0f}",
        f"{count / median(later):.0f}" if later else NONE,
        *faster,
        again(row["engine"]),
    ]


def load_sections(records: Sequence[Record]) -> list[Section]:
    """How long an answer takes while several ask."""
    record = find(records, "load")
    if record is None:
        return []
    text = (
        f"{record['clients']} threads of one process each ask one query at a time, and the "
        "next one as soon as the answer is there. Milliseconds until the answer. A 99th "
        f"percentile needs at least {FEWEST_FOR_P99} answers."
    )
    table = Table(
        columns=["", "answers", "p50", "p90", "p99", "answers/s", "again"],
        rows=[_load_row(row) for row in record["rows"]],
    )
    return [section(record, "Answers while several ask, MiniLM", text, [table])]


def _load_row(row: Row) -> list[str]:
    if "failure" in row:
        return [row["system"], *[NONE] * 5, again(row["engine"])]
    samples = [each / MICRO for each in chain(*row["samples_us"])]
    cuts = quantiles(samples, n=100, method="inclusive")
    return [
        row["system"],
        f"{len(samples)}",
        brief(cuts[49]),
        brief(cuts[89]),
        brief(cuts[98]) if len(samples) >= FEWEST_FOR_P99 else NONE,
        f"{len(samples) / sum(row['seconds']):.0f}",
        again(row["engine"]),
    ]


def start_sections(records: Sequence[Record]) -> list[Section]:
    """Process start to first vector, one section a model."""
    return for_each_model(records, "start", _start)


def _start(model: Model, record: Record) -> Section:
    rows = record["rows"]
    bare = row_of(rows, engine=f"bare_{record['variant']}")
    text = (
        "edgebert hashes the files and checks every path. numpy, onnxruntime and tokenizers, "
        "which edgebert uses, check nothing when they are used alone. `over bare`: time over "
        "that of these libraries. `growth`: peak memory beyond that of the imports; edgebert's "
        f"file with its weights has {mebibytes(record['file_bytes'])} MiB. `installed`: all "
        "packages that are needed, without bytecode. Files were in the system's cache."
    )
    sizes = [f"{kind}, MiB" for kind in ("peak", "growth", "installed")]
    table = Table(
        columns=["", "ms", "over bare", *sizes, "again"],
        rows=[_start_row(row, bare) for row in rows],
    )
    bars = Bars(unit="ms", bars=[_start_bar(row) for row in measured(rows)])
    return section(record, f"Process start to first vector, {model.title}", text, [bars, table])


def _start_bar(row: Row) -> Bar:
    total = Quartiles.of(totals_ms(row))
    stretches = {name: median(each[name] for each in row["ms"]) for name in STRETCHES}
    parts = [Part(name=name, value=value) for name, value in stretches.items()]
    ours = row["engine"].startswith("edgebert")
    return Bar(name=plain(row), parts=parts, low=total.low, high=total.high, chosen=ours)


def _imported(row: Row, bare: Row | None) -> Sequence[int]:
    """Memory after the imports; ours imports lazily, and is held against the bare three."""
    lazy = bare is not None and row["engine"].startswith("edgebert")
    found: Sequence[int] = (bare if bare is not None and lazy else row)["imported_bytes"]
    return found


def _start_row(row: Row, bare: Row | None) -> list[str]:
    if "failure" in row:
        return [row["system"], *[NONE] * 5, again(row["engine"])]
    over = NONE if bare is None else str(ratio(totals_ms(row), totals_ms(bare)))
    peak, imported = median(row["peak_bytes"]), median(_imported(row, bare))
    sizes = [mebibytes(size) for size in (peak, peak - imported, row["installed_bytes"])]
    return [row["system"], f"{median(totals_ms(row)):.0f}", over, *sizes, again(row["engine"])]


def many_sections(records: Sequence[Record]) -> list[Section]:
    """Memory and time for very many texts."""
    found = [find(records, "growth", about) for about in ("texts", "million")]
    present = [record for record in found if record is not None]
    if not present:
        return []
    rows = [row for record in present for row in record["rows"]]
    text = (
        "Short texts. edgebert takes an iterator and returns one. Other tools take a list; "
        "runs that would take minutes are left out. `growth`: peak memory beyond that of the "
        "opened model after its first run."
    )
    blocks: list[Block] = [_many_plot(rows), _many_table(rows)]
    return [section(present[0], "Very many texts, MiniLM int8", text, blocks, rows)]


def _growth_mebibytes(row: Row) -> float:
    pairs = zip(row["peak_kib"], row["resting_kib"], strict=True)
    return float(median(peak - resting for peak, resting in pairs)) / 1024


def _many_plot(rows: Sequence[Row]) -> Plot:
    points: dict[str, list[Point]] = {}
    for row in measured(rows):
        place = Point(x=row["texts"], y=_growth_mebibytes(row))
        points.setdefault(row["system"], []).append(place)
    return Plot(
        x_label="texts",
        y_label="growth, MiB",
        series=[
            Series(name=name, points=found, chosen=name.startswith("edgebert"))
            for name, found in points.items()
        ],
        log_x=True,
    )


def _many_table(rows: Sequence[Row]) -> Table:
    return Table(
        columns=["", "texts", "texts/s", "growth, MiB"],
        rows=[[row["system"], f"{row['texts']:,}", *_many_numbers(row)] for row in rows],
    )


def _many_numbers(row: Row) -> list[str]:
    if "failure" in row:
        return [NONE] * 2
    rate = row["texts"] / median(row["seconds"])
    return [f"{rate:.0f}", f"{_growth_mebibytes(row):.0f}"]
