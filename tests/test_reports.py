"""What functions return: `repr` is short, `str` is a table, `to_dict` is JSON."""

import json
from collections.abc import Iterator
from typing import Final

import pytest

from edgebert_runtime.benchmarking.results import BenchResults
from edgebert_runtime.inference.reports import Report
from tests.support.reports import PARITY, REPORTS, SEARCH, TRAINING, VERIFY

LINES: Final = {
    "BatchReport": 7 + 2,
    "BatchStatus": 10 + 2,
    "CheckReport": 9,
    "CompressReport": 1 + 2 + 1,
    "DiffReport": 3 + 1 + (1 + 3) + 2 + 2 + 2,
    "ParityReport": 1 + 2,
    "ProfileReport": 1 + 6 + 7 + 1,
    "Quality": 10,
    "RunReport": 8,
    "Frontier": 1 + 2 + 1,
    "Search": 1 + 2 + 1,
    "TrainingReport": 11,
    "TrimReport": 9,
    "VerifyReport": 1 + 2 + 1,
}
"""Report → lines of its table."""

each_report = pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)


def subclasses(kind: type[Report]) -> Iterator[type[Report]]:
    for one in kind.__subclasses__():
        yield from (one, *subclasses(one))


def test_every_report_is_here() -> None:
    assert set(subclasses(Report)) == {BenchResults, *map(type, REPORTS)}


@each_report
def test_a_repr_fits_in_two_lines(report: Report) -> None:
    assert len(repr(report)) <= 200
    assert "\n" not in repr(report)
    assert repr(report).startswith(f"{type(report).__name__}(")


@each_report
def test_a_table_has_a_line_for_each_row(report: Report) -> None:
    lines = str(report).splitlines()
    assert len(lines) == LINES.get(type(report).__name__, len(lines))
    assert len(lines) > 1
    assert str(report) != repr(report)


@each_report
def test_a_dict_survives_json(report: Report) -> None:
    assert report.to_dict()
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()


def test_the_tables_say_what_was_measured() -> None:
    verified = str(VERIFY).splitlines()
    assert verified[1].split() == ["cpu", "False", "inf", "3x40", "gaps"]
    assert verified[3].split() == ["fp16", "left", "out", "needs", "cuda"]
    searched = str(SEARCH).splitlines()
    assert searched[1].split()[:5] == ["→", "1", "static,", "1", "float"]
    assert searched[1].split()[6:11] == ["3.0", "1.50", "0.50", "0.99900", "0.99000"]
    assert " ".join(searched[1].split()[11:]) == "1.00 ± 1.38 points, 1 of 100 rows 1 yes"
    assert searched[3].split()[:5] == ["fp32", "float", "8.0", "3.00", "1.00"]
    assert str(PARITY).splitlines()[2].split()[2:4] == ["inf", "2e-05"]
    assert "f1             0.75" in str(TRAINING).splitlines()
