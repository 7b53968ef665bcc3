"""Results of `bench`: read from JSON, and their charts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from edgebert.reporting.bars import Bar, Bars, Part
from edgebert.reporting.plots import Plot, Point, Series
from edgebert_runtime.benchmarking.budget import within
from edgebert_runtime.benchmarking.report import LATENCY, START, THROUGHPUT, fastest
from edgebert_runtime.benchmarking.results import BenchResults, Choice, Setting, Start, Timing
from edgebert_runtime.reporting.document import Chart
from edgebert_runtime.storage.json_reader import Refusal
from edgebert_runtime.storage.json_values import read_structure

QUARTILES: Final = "Medians and quartiles of the rounds."


def read_bench(value: Mapping[str, Any], refusal: Refusal) -> BenchResults:
    """Results from the JSON that `bench --json` wrote.

    Args:
        value: the object.
        refusal: makes the error for a problem.

    Raises:
        EdgebertError: what `refusal` makes: a key is missing or does not fit.
    """
    report = read_structure(BenchResults, {**value, "within": []}, refusal)
    batches = {timing.batch for timing in report.timings}
    for choice in (report.latency, report.throughput):
        if choice.batch not in batches:
            raise refusal(f"ranks batches of {choice.batch}, expected one of {sorted(batches)}")
    budget = report.budget_ms
    return report if budget is None else replace(report, within=within(report.timings, budget))


def bench_answer(report: BenchResults) -> Chart:
    """The fastest setting of each variant beside the others."""
    found = fastest(report)
    texts = "one text" if found[0].batch == 1 else f"{found[0].batch} texts"
    return Bars(
        unit=f"ms for {texts} of {found[0].sequence} tokens; less is faster",
        bars=[_timing_bar(timing, chosen=timing is found[0]) for timing in found],
    )


def bench_charts(report: BenchResults) -> dict[str, Sequence[Chart]]:
    """Title of a section → its charts."""
    throughput = report.throughput
    return {
        LATENCY: [_lengths(report, report.latency)],
        THROUGHPUT: [_speeds(report), _lengths(report, throughput)],
        START: [
            Bars(
                unit="ms",
                bars=[
                    _start_bar(each, chosen=each.variant == report.default)
                    for each in report.starts
                ],
                caption=QUARTILES,
            )
        ],
    }


def _timing_bar(timing: Timing, *, chosen: bool) -> Bar:
    low, middle, high = timing.quartiles_ms
    parts = (Part(name="time", value=middle),)
    return Bar(name=str(timing.setting), parts=parts, low=low, high=high, chosen=chosen)


def _starts(report: BenchResults) -> Bars:
    bars = [_start_bar(each, chosen=each.variant == report.default) for each in report.starts]
    return Bars(unit="ms", bars=bars, caption=QUARTILES)


def _start_bar(start: Start, *, chosen: bool) -> Bar:
    low, middle, high = start.quartiles_ms
    parts = (Part(name="start", value=middle),)
    return Bar(name=start.variant, parts=parts, low=low, high=high, chosen=chosen)


def _lengths(report: BenchResults, choice: Choice) -> Plot:
    """Time over the length of a text, a line a setting."""
    timings = [timing for timing in report.timings if timing.batch == choice.batch]
    return Plot(
        x_label="tokens of a text"
        if choice.batch == 1
        else f"tokens of each of {choice.batch} texts",
        y_label="ms",
        series=[
            Series(
                name=str(setting),
                points=[_point(timing) for timing in _of(timings, setting)],
                chosen=setting == choice.best,
            )
            for setting in _settings(timings)
        ],
        log_x=True,
        log_y=True,
        caption=QUARTILES,
    )


def _point(timing: Timing) -> Point:
    low, middle, high = timing.quartiles_ms
    return Point(x=timing.sequence, y=middle, low=low, high=high)


def _speeds(report: BenchResults) -> Plot:
    """Tokens a second over tokens at once."""
    return Plot(
        x_label="tokens at once (texts × tokens of each)",
        y_label="tokens a second",
        series=[
            Series(
                name=str(setting),
                points=[_speed(timing) for timing in _of(report.timings, setting)],
                joined=False,
                chosen=setting == report.throughput.best,
            )
            for setting in _settings(report.timings)
        ],
        log_x=True,
    )


def _speed(timing: Timing) -> Point:
    low, _, high = (1000 * timing.tokens / time for time in reversed(timing.quartiles_ms))
    return Point(x=timing.tokens, y=timing.tokens_per_second, low=low, high=high)


def _settings(timings: Sequence[Timing]) -> list[Setting]:
    return list(dict.fromkeys(timing.setting for timing in timings))


def _of(timings: Sequence[Timing], setting: Setting) -> list[Timing]:
    """Those of a setting, fewest tokens first."""
    own = [timing for timing in timings if timing.setting == setting]
    return sorted(own, key=lambda timing: timing.tokens)
