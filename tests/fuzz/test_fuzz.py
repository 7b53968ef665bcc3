"""The fuzzer finds faults that are planted, and makes the same case of the same seed."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.support.fuzz.__main__ import report
from tests.support.fuzz.mutations import damaged_bytes, damaged_json
from tests.support.fuzz.pool import Outcome, Target, run_case
from tests.support.planted_faults import make, right

Found = dict[str, tuple[int, str, str | None]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def found(folder: Path) -> Found:
    command = [sys.executable, "-m", "tests.support.planted_faults", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    return {target: (number, kind, told) for target, number, kind, told in outcomes}


@pytest.mark.parametrize(
    ("target", "kind", "told"),
    [
        ("crash", "crash or hang", "signal SIGSEGV"),
        ("hang", "crash or hang", "no outcome after 0.3 s"),
        ("foreign", "KeyError", "KeyError: 'planted'"),
        ("memory", "MemoryError", "MemoryError"),
        ("lines", "BundleError", "an error of several lines"),
    ],
)
def test_a_planted_fault_is_found_and_kept(
    found: Found, folder: Path, tmp_path: Path, target: str, kind: str, told: str
) -> None:
    number, found_kind, finding = found[target]
    assert found_kind == kind
    assert told in str(finding)
    again = run_case(Target(target, make, right), 5, number, tmp_path / "case")
    assert again == Outcome(target, number, "answer")
    kept = (folder / f"{target}-{number}" / "case").read_bytes()
    assert kept == (tmp_path / "case" / "case").read_bytes()


def test_what_is_right_is_no_finding(found: Found) -> None:
    assert found["ours"][1:] == ("BundleError", None)
    assert found["right"][1:] == ("answer", None)


def test_a_finding_ends_with_1_and_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    fine = Outcome("graph", 3, "answer")
    assert report([fine], 7) == 0
    assert report([fine, Outcome("graph", 4, "KeyError", "Traceback\nKeyError: 1")], 7) == 1
    assert "python -m tests.support.fuzz --seed 7 --case graph-4" in capsys.readouterr().out


def test_damage_is_the_same_for_a_seed_and_reaches_everything() -> None:
    content = json.dumps({"a": [1, {"b": "c"}], "d": {"e": 1.5}}).encode()
    for damage in (damaged_json, damaged_bytes):
        many = [damage(Random(seed), content) for seed in range(400)]
        assert many == [damage(Random(seed), content) for seed in range(400)]
        assert len(set(many)) > 200
    made = [damaged_json(Random(seed), content) for seed in range(1_000)]
    for text in (b"[" * 1000, b"NaN", b"9" * 5000, b"null", b"\xff", b"ud800"):
        assert any(text in each for each in made), text
