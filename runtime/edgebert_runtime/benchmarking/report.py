"""A report as a page of tables."""

from collections.abc import Iterator, Sequence
from typing import Final

from edgebert_runtime.benchmarking import formatting
from edgebert_runtime.benchmarking.results import BenchResults, Choice, Timing
from edgebert_runtime.reporting.document import Page, Section, Table

LATENCY: Final = "Latency"
THROUGHPUT: Final = "Throughput"
START: Final = "Start"

RULE: Final = (
    "Ranking is by a two-sided sign test: one setting is faster than another only if it was faster "
    "in every round, of at least five (false-positive rate 1/16 at five rounds); others are tied."
)


def page(report: BenchResults, command: str = "") -> Page:
    """All of a report, for `reporting.html`.

    Args:
        report: what was measured.
        command: the command that repeats the measurement; empty for none.
    """
    lead = [formatting.heading(report), formatting.machine_line(report), *formatting.notes(report)]
    return Page(
        title=f"How fast {report.bundle} is on this machine",
        answer=_answer(fastest(report)),
        lead="\n\n".join(lead),
        sections=tuple(_sections(report, command)),
    )


def fastest(report: BenchResults) -> list[Timing]:
    """Each variant's fastest setting on the smallest batch of usual length, the fastest first."""
    small = [timing for timing in report.timings if timing.batch == report.latency.batch]
    lengths = sorted({timing.sequence for timing in small})
    usual = lengths[len(lengths) // 2]
    times = [timing for timing in small if timing.sequence == usual]
    times.sort(key=lambda timing: timing.quartiles_ms.median)
    best: dict[str, Timing] = {}
    for timing in times:
        best.setdefault(timing.variant, timing)
    return list(best.values())


def _answer(found: Sequence[Timing]) -> str:
    best = found[0]
    texts = "one text" if best.batch == 1 else f"{best.batch} texts"
    return (
        f"{best.setting} answers {texts} of {best.sequence} tokens in "
        f"{formatting.number(best.quartiles_ms.median)} ms."
    )


def _sections(report: BenchResults, command: str) -> Iterator[Section]:
    if report.tuned is not None:
        text = "\n\n".join(formatting.tuned_lines(report.tuned))
        yield Section(title="Best settings on this machine", text=text)
    if report.budget_ms is not None:
        yield Section(
            title=f"Inputs within {report.budget_ms:g} ms",
            text=formatting.budget_title(report.budget_ms),
            blocks=(Table(columns=formatting.FITTING, rows=formatting.fitting_rows(report)),),
        )
    yield _choice(report, report.latency, LATENCY)
    if report.throughput.batch != report.latency.batch:
        yield _choice(report, report.throughput, THROUGHPUT)
    yield _starts(report)
    yield Section(
        title="All measurements",
        text="Times are medians over the rounds of each round's median. Quartiles are over the "
        "rounds. The spread is the interquartile range divided by the median. Peak memory is that "
        "of the process, after this shape and all shapes with fewer tokens.",
        command=command,
        blocks=(Table(columns=formatting.TIMINGS, rows=formatting.timing_rows(report)),),
    )


def _choice(report: BenchResults, choice: Choice, title: str) -> Section:
    lines = (line.strip() for line in formatting.ranking_lines(report, choice))
    text = (f"{formatting.ranking_title(choice).capitalize()}:", *lines, RULE)
    return Section(title=title, text="\n\n".join(text))


def _starts(report: BenchResults) -> Section:
    return Section(
        title=START,
        text="Time of a whole process that loads the variant and answers one text.",
        blocks=(Table(columns=formatting.STARTS, rows=formatting.start_rows(report)),),
    )
