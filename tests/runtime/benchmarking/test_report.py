"""What a report says: as JSON, as lines, as a page."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from edgebert_runtime import BenchReport
from edgebert_runtime.benchmarking.disturbance import disturbance
from edgebert_runtime.benchmarking.report import page
from edgebert_runtime.benchmarking.results import Round, Setting, Start, Timing
from edgebert_runtime.benchmarking.table import report_lines
from edgebert_runtime.measurement.timing import percentile, time_runs
from edgebert_runtime.reporting.document import Table
from edgebert_runtime.reporting.html import html
from edgebert_runtime.reporting.text_table import table_lines
from tests.support.bench_reports import FEW_ROUNDS, REPORT, setting, timing, with_budget


def of(kind: Any, found: dict[str, Any]) -> Any:
    return kind(**{each.name: found[each.name] for each in fields(kind)})


def test_json_holds_every_value_and_what_follows_from_it() -> None:
    report = with_budget(REPORT, 20)
    found = json.loads(report.to_json())
    timings = [
        replace(of(Timing, each), rounds=tuple(of(Round, round_) for round_ in each["rounds"]))
        for each in found["timings"]
    ]
    assert tuple(timings) == report.timings
    starts = [
        replace(
            of(Start, each),
            rounds_ms=tuple(each["rounds_ms"]),
            yardsticks_ms=tuple(each["yardsticks_ms"]),
        )
        for each in found["starts"]
    ]
    assert tuple(starts) == report.starts
    assert Setting(**found["latency"]["best"]) == report.latency.best
    assert found["machine"] == report.machine
    first = found["timings"][0]
    assert first["quartiles_ms"] == {"low": 2.0, "median": 2.0, "high": 2.5}
    assert (first["samples"], first["texts_per_second"]) == (50, 500)
    assert first["tokens_per_second"] == 16_000
    assert found["within"][0]["largest"] == {
        "threads": 2,
        "batch": 8,
        "sequence": 32,
        "slow_ms": 15.0,
    }
    names = {each.name for each in fields(BenchReport)}
    assert found.keys() == names | {"kind", "version"}


def test_quartiles_are_of_rounds() -> None:
    found = timing("a", 1, 1, 8, [1, 2, 3, 4, 5])
    assert found.quartiles_ms == (2, 3, 4)
    assert found.quartiles_ms.spread == pytest.approx(2 / 3)
    assert found.slow_ms == pytest.approx(6)
    assert timing("a", 1, 1, 8, [1, 2]).quartiles_ms == (1.25, 1.5, 1.75)


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (19, 19), (20, 19), (100, 95)])
def test_a_percentile_is_one_of_the_values(count: int, expected: int) -> None:
    assert percentile(range(count, 0, -1), 0.95) == expected


def test_runs_are_timed_at_least_once() -> None:
    calls: list[None] = []
    assert len(time_runs(lambda: calls.append(None), 0)) == 1
    assert len(calls) == 2  # what takes longer than there is time is warmed up once


LINES = """
my-model, task embed: 5 rounds, about 0.25 s per shape; each setting is measured in its own process
Some CPU, x86_64 (avx2), 2 cores, load 0.25 before, governor performance; ONNX Runtime 1.31.1, \
numpy 2.4.6, tokenizers 0.23.3, provider cpu
fp16 was not measured: it needs provider 'cuda'

variant  threads  texts  tokens each     ms    quartiles  spread  runs  texts/s  tokens/s  peak MiB
int8           1      1           32   2.00    2.00…2.50    25 %    50      500    16,000       100
int8           1      8           32  16.00  16.00…16.00     0 %    50      500    16,000       100
int8           2      1           32   2.00    2.00…2.00     0 %    50      500    16,000       100
int8           2      8           32  10.00  10.00…10.00     0 %    50      800    25,600       100
cpu            2      1           32   4.00    4.00…4.00     0 %    50      250     8,000       100
cpu            2      8           32  2,000  2,000…2,000     0 %    50     4.00       128       100

variant   MiB  start ms  quartiles  spread  cached graph
int8     1.00       300    300…300     0 %           yes
cpu      4.00       400    400…400     0 %            no

fastest on batches of 1 text, over all sequence lengths
  1. int8 with 1 or 2 threads: tied
  2. cpu with 2 threads
  best choice: int8 with 1 thread, tied with int8 with 2 threads

fastest on batches of 8 texts, over all sequence lengths
  1. int8 with 2 or 1 threads; cpu with 2 threads: tied, except
     int8 with 2 threads was faster than int8 with 1 thread

best here
  few texts: int8 with 1 thread
  many texts: int8, micro-batches of 256 padded tokens, at most 5% padding, 2 in parallel, \
each on one thread

Largest measured inputs whose 95th percentile is below 20 ms in at least three \
quarters of the rounds.
  variant  texts  tokens each  threads     ms
  int8         8           32        2  15.00
  cpu          1           32        2   6.00
"""


def test_the_lines() -> None:
    assert list(report_lines(with_budget(REPORT, 20))) == LINES.strip().split("\n")


def test_a_variant_beyond_the_budget_is_shown_with_what_it_takes() -> None:
    assert "  cpu          1           32        2  6.00, over budget" in list(
        report_lines(with_budget(REPORT, 5))
    )


def test_few_rounds_say_so_and_rank_nothing() -> None:
    lines = list(report_lines(FEW_ROUNDS))
    assert lines.count("  no ranking: it needs at least 5 rounds, got 2") == 2
    assert not any("best choice" in line or "best here" in line for line in lines)


def with_yardsticks(report: BenchReport, *yardsticks: float) -> BenchReport:
    """The rounds of the first timing have these."""
    first, *others = report.timings
    beside = zip(first.rounds, yardsticks, strict=True)
    rounds = [replace(each, yardstick_ms=ms) for each, ms in beside]
    return replace(report, timings=(replace(first, rounds=rounds), *others))


def test_rounds_that_another_program_slowed_are_counted() -> None:
    """In the sample every yardstick takes 1 ms; the limit is 1.25 times the fastest."""
    count = 5 * (len(REPORT.timings) + len(REPORT.starts))
    assert (
        disturbance(REPORT) == disturbance(with_yardsticks(REPORT, 1, 1, 1, 1, 1.25)) == (0, count)
    )
    disturbed = with_yardsticks(REPORT, 1, 1, 1.26, 1.2, 3)
    assert disturbance(disturbed) == (2, count)
    said = f"another program slowed the machine in 2 of {count} measurements"
    assert any(said in line for line in report_lines(disturbed))
    assert said in page(disturbed).lead
    assert not any("another program" in line for line in report_lines(REPORT))


def test_a_yardstick_is_compared_with_those_of_as_many_threads() -> None:
    first, *others = REPORT.timings
    slower = [
        replace(each, rounds=[replace(round_, yardstick_ms=2.0) for round_ in each.rounds])
        if each.threads != first.threads
        else each
        for each in others
    ]
    assert disturbance(replace(REPORT, timings=(first, *slower))).disturbed == 0


@pytest.mark.parametrize(("load", "busy"), [(None, False), (1.0, False), (1.1, True)])
def test_other_work_on_the_machine_is_said(load: float | None, busy: bool) -> None:
    report = replace(REPORT, machine={**REPORT.machine, "load": load})
    assert any("the machine was busy" in line for line in report_lines(report)) is busy
    assert ("the machine was busy" in page(report).lead) is busy


def test_columns_stand_under_their_heads() -> None:
    assert list(table_lines(("a", "bb"), [("long", "1"), ("x", "22222")])) == [
        "a        bb",
        "long      1",
        "x     22222",
    ]
    assert list(table_lines(("a", "bb"), [])) == ["a  bb"]


def test_the_page_says_what_the_lines_say() -> None:
    report = with_budget(REPORT, 20)
    made = page(report, "edgebert-run bench my-model")
    assert html(made).count("<table") == 3
    assert made.title == "How fast my-model is on this machine"
    assert made.answer == "int8 with 1 thread answers one text of 32 tokens in 2.00 ms."
    assert "Some CPU, x86_64" in made.lead
    titles = [section.title for section in made.sections]
    assert titles == [
        *("Best settings on this machine", "Inputs within 20 ms", "Latency", "Throughput"),
        *("Start", "All measurements"),
    ]
    assert "few texts: int8 with 1 thread" in made.sections[0].text
    assert made.sections[-1].command == "edgebert-run bench my-model"
    blocks = [block for section in made.sections for block in section.blocks]
    tables = [block for block in blocks if isinstance(block, Table)]
    assert all(len(row) == len(table.columns) for table in tables for row in table.rows)
    assert [len(table.rows) for table in tables] == [2, 2, 6]


def test_one_batch_is_latency_and_throughput_alike() -> None:
    same = replace(REPORT, throughput=REPORT.latency)
    assert [section.title for section in page(same).sections].count("Throughput") == 0
    assert html(page(same)).count("<h2") == 4
    assert sum(line.startswith("fastest on") for line in report_lines(same)) == 1


def test_a_setting_in_words() -> None:
    assert str(setting("int8", 1)) == "int8 with 1 thread"
