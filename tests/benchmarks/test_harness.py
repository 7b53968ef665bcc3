"""The parts of the benchmarks that decide what counts, without timing anything."""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import machine, report
from benchmarks.pairing import in_turn, output_of, ratio, rounds_of
from benchmarks.worker import check


def test_every_contender_runs_once_a_round_and_the_order_turns() -> None:
    order: list[str] = []

    def contender(name: str) -> int:
        order.append(name)
        return len(order)

    results = in_turn({name: lambda name=name: contender(name) for name in "ab"}, 3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert results == {"a": [1, 4, 5], "b": [2, 3, 6]}


def test_ratio_by_hand_is_of_pairs_and_not_of_medians() -> None:
    """Pairs 1/2, 2/1, 4/4, 3/2, 6/8 sorted: 0.5, 0.75, 1, 1.5, 2."""
    found = ratio([1, 2, 4, 3, 6], [2, 1, 4, 2, 8])
    assert (found.low, found.median, found.high) == (0.75, 1.0, 1.5)
    assert str(found) == "1.00 (0.75…1.50)"


@pytest.mark.parametrize("text", ["1", "0", "-3", "many", "2.5"])
def test_too_few_rounds_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="at least 2 rounds"):
        rounds_of(text)
    assert rounds_of("2") == 2


def test_a_failing_contender_is_quoted() -> None:
    assert output_of([sys.executable, "-c", "print('fine')"]) == "fine\n"
    with pytest.raises(RuntimeError, match="last words"):
        output_of([sys.executable, "-c", "raise SystemExit('last words')"])


@pytest.mark.parametrize(
    ("output", "wrong"),
    [
        ([3.0, 4.1], None),
        ([4.0, -3.0], "cosine"),
        ([6.0, 8.0], "norm 10.0"),  # the right direction, twice too long
        ([np.nan, 4.0], "not finite"),
    ],
)
def test_a_wrong_answer_has_no_speed(output: list[float], wrong: str | None) -> None:
    answer, reference = np.array(output, np.float32), np.array([3.0, 4.0], np.float32)
    if wrong is None:
        check(answer, reference, 0.99)
    else:
        with pytest.raises(SystemExit, match=wrong):
            check(answer, reference, 0.99)


def test_results_and_docs_make_no_tree_dirty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True)

    for name in ("code.py", "docs/page.md", "benchmarks/results/old.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("first", encoding="utf-8")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    (tmp_path / "docs/page.md").write_text("second", encoding="utf-8")
    (tmp_path / "benchmarks/results/old.jsonl").write_text("second", encoding="utf-8")
    assert machine.describe()["dirty"] is False
    (tmp_path / "code.py").write_text("second", encoding="utf-8")
    assert machine.describe()["dirty"] is True


def test_the_committed_page_is_what_the_records_say() -> None:
    assert report.PAGE.read_text(encoding="utf-8") == report.page()


def test_committed_records_were_taken_from_committed_code() -> None:
    for name, wanted in (
        ("encoder_latency", {"model": "minilm"}),
        ("encoder_latency", {"model": "bert-base"}),
        ("cold_start", {}),
    ):
        record = report.latest(name, **wanted)
        assert record is not None
        assert record["machine"]["dirty"] is False
