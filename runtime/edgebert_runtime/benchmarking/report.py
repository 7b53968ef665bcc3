"""A report as a page."""

from collections.abc import Iterator, Sequence
from typing import Final

from edgebert_runtime.benchmarking import formatting
from edgebert_runtime.benchmarking.results import BenchResults, Choice, Quartiles, Setting, Timing
from edgebert_runtime.reporting.document import (
    Bar,
    Bars,
    Block,
    Page,
    Part,
    Plot,
    Point,
    Section,
    Series,
    Table,
)

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
        title=f"{report.bundle} on this machine",
        lead="\n\n".join(lead),
        sections=tuple(_sections(report, command)),
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
    yield _choice(report, report.latency, "Latency", (_lengths(report, report.latency),))
    if report.throughput.batch != report.latency.batch:
        speeds = (_speeds(report), _lengths(report, report.throughput))
        yield _choice(report, report.throughput, "Throughput", speeds)
    yield _starts(report)
    yield Section(
        title="All measurements",
        text="Times are medians over the rounds of each round's median. Quartiles are over the "
        "rounds. The spread is the interquartile range divided by the median. Peak memory is that "
        "of the process, after this shape and all shapes with fewer tokens.",
        command=command,
        blocks=(Table(columns=formatting.TIMINGS, rows=formatting.timing_rows(report)),),
    )


def _choice(report: BenchResults, choice: Choice, title: str, blocks: Sequence[Block]) -> Section:
    lines = (line.strip() for line in formatting.ranking_lines(report, choice))
    text = (f"{formatting.ranking_title(choice).capitalize()}:", *lines, RULE)
    return Section(title=title, text="\n\n".join(text), blocks=tuple(blocks))


def _lengths(report: BenchResults, choice: Choice) -> Plot:
    """Time over sequence, a line for each setting."""
    chosen = [timing for timing in report.timings if timing.batch == choice.batch]
    series = tuple(
        Series(
            name=str(setting),
            points=tuple(_point(timing) for timing in _of(chosen, setting)),
            chosen=setting == choice.best,
        )
        for setting in _settings(chosen)
    )
    return Plot(
        x_label=f"tokens of each of {choice.batch}",
        y_label="ms",
        series=series,
        log_x=True,
        log_y=True,
        caption="Medians and quartiles of the rounds.",
    )


def _speeds(report: BenchResults) -> Plot:
    """Tokens a second over tokens at once."""
    series = tuple(
        Series(
            name=str(setting),
            points=tuple(
                Point(
                    x=timing.tokens,
                    y=timing.tokens_per_second,
                    low=1000 * timing.tokens / timing.quartiles_ms.high,
                    high=1000 * timing.tokens / timing.quartiles_ms.low,
                )
                for timing in _of(report.timings, setting)
            ),
            joined=False,
            chosen=setting == report.throughput.best,
        )
        for setting in _settings(report.timings)
    )
    return Plot(
        x_label="tokens at once (texts × tokens of each)",
        y_label="tokens a second",
        series=series,
        log_x=True,
    )


def _starts(report: BenchResults) -> Section:
    bars = tuple(
        _bar(start.variant, start.quartiles_ms, chosen=start.variant == report.default)
        for start in report.starts
    )
    return Section(
        title="Start",
        text="Time of a whole process that loads the variant and answers one text.",
        blocks=(
            Bars(unit="ms", bars=bars, caption="Medians and quartiles of the rounds."),
            Table(columns=formatting.STARTS, rows=formatting.start_rows(report)),
        ),
    )


def _bar(name: str, quartiles: Quartiles, *, chosen: bool) -> Bar:
    parts = (Part(name="start", value=quartiles.median),)
    return Bar(name=name, parts=parts, low=quartiles.low, high=quartiles.high, chosen=chosen)


def _point(timing: Timing) -> Point:
    low, middle, high = timing.quartiles_ms
    return Point(x=timing.sequence, y=middle, low=low, high=high)


def _settings(timings: Sequence[Timing]) -> list[Setting]:
    return list(dict.fromkeys(timing.setting for timing in timings))


def _of(timings: Sequence[Timing], setting: Setting) -> list[Timing]:
    """Those of a setting, fewest tokens first."""
    own = [timing for timing in timings if timing.setting == setting]
    return sorted(own, key=lambda timing: timing.tokens)
