"""`edgebert report`: results of any machine become a page, or are refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edgebert.cli.app import app
from edgebert.profiling.page import page_of
from edgebert.profiling.results_file import read_profile
from edgebert.reporting.bench import read_bench
from edgebert.reporting.frontier import page
from edgebert.reporting.search_file import read_search
from edgebert_runtime.benchmarking.budget import within
from edgebert_runtime.errors import EdgebertError, InputError
from edgebert_runtime.inference.reports import to_plain
from tests.support.bench_reports import REPORT, with_budget
from tests.support.profile_reports import REPORT as PROFILE
from tests.support.reports import FRONTIER, POINT, SEARCH

SPEED = {"candidate_ms": [1.0], "source_ms": [1.0, 2.0]}


def refusal(problem: str) -> EdgebertError:
    return InputError(problem)


def as_read(fields: dict[str, Any]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(json.dumps(fields))
    return value


def test_results_of_bench_come_back_as_they_were() -> None:
    report = with_budget(REPORT, 20)
    found = read_bench(as_read(report.to_dict()), refusal)
    assert found.to_dict() == report.to_dict()
    assert found.within == within(report.timings, 20)


def test_a_profile_comes_back_as_it_was() -> None:
    found = read_profile(as_read(PROFILE.to_dict()), refusal)
    assert found.to_dict() == PROFILE.to_dict()
    assert page_of(found) == page_of(PROFILE)


def test_a_search_comes_back_as_it_was() -> None:
    found = read_search(as_read(SEARCH.to_dict()), refusal)
    assert found.to_dict() == FRONTIER.to_dict()
    assert page(found, "my-model") == page(SEARCH, "my-model")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chosen": {**to_plain(POINT), "size_bytes": 7}}, "not among those of"),
        ({"frontier": [{**to_plain(POINT), "speed": SPEED}]}, "another number of times"),
        ({"exact": {"mean": 1.0}}, "exact lacks 'worst'"),
    ],
)
def test_a_search_that_contradicts_itself_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_search({**as_read(SEARCH.to_dict()), "chosen": None, **change}, refusal)


@pytest.mark.parametrize("report", [REPORT, PROFILE, SEARCH])
def test_a_page_is_written_and_not_over_another(report: Any, tmp_path: Path) -> None:
    results, page = tmp_path / "results.json", tmp_path / "page.html"
    results.write_text(json.dumps(report.to_dict()))
    arguments = ["report", str(results), "-o", str(page)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    drawn = page.read_bytes()
    assert b"<svg" in drawn
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 2
    assert "exists; name another file with -o, or pass --overwrite" in again.stderr
    assert CliRunner().invoke(app, [*arguments, "--overwrite"]).exit_code == 0
    assert page.read_bytes() == drawn


def without(key: str) -> Callable[[dict[str, Any]], Any]:
    return lambda fields: {name: value for name, value in fields.items() if name != key}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("kind"), "has results of kind null, expected bench or profile or search"),
        (without("timings"), "lacks 'timings'"),
        (lambda fields: fields | {"version": 99}, "is of version 99, this edgebert reads version"),
        (lambda fields: fields | {"timings": []}, "timings is [], expected an array of at least 1"),
        (lambda fields: fields | {"latency": {"batch": 7, "groups": []}}, "ranks batches of 7"),
        (lambda _: [], "has results of kind null"),
    ],
)
def test_other_results_are_refused(
    change: Callable[[dict[str, Any]], Any], message: str, tmp_path: Path
) -> None:
    results = tmp_path / "results.json"
    results.write_text(json.dumps(change(REPORT.to_dict())))
    wrong = CliRunner().invoke(app, ["report", str(results), "-o", str(tmp_path / "page.html")])
    assert wrong.exit_code == 2
    (line,) = wrong.stderr.splitlines()
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize("content", ["", "{", '{"kind": "bench", "version": 1}'])
def test_damaged_results_are_refused(content: str, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    results.write_text(content)
    wrong = CliRunner().invoke(app, ["report", str(results), "-o", str(tmp_path / "page.html")])
    assert wrong.exit_code == 2
    assert len(wrong.stderr.splitlines()) == 1
    assert "Traceback" not in wrong.stderr
