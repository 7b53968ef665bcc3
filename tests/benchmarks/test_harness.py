"""The parts of the benchmarks that decide what counts, without timing anything."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import machine
from benchmarks.pairing import PeerError, first_cores, in_turn, output_of, ratio


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git checkout; a git hook's GIT_DIR would lead back to the real one."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    folder = tmp_path / "checkout"
    for name in ("code.py", "docs/page.md", "benchmarks/results/old.jsonl"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("first", encoding="utf-8")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "first")
    return folder


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_every_system_runs_once_a_round_and_the_order_turns() -> None:
    order: list[str] = []

    def system(name: str) -> int:
        order.append(name)
        return len(order)

    outcomes = in_turn({name: lambda name=name: system(name) for name in "ab"}, 3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert {name: outcome.results for name, outcome in outcomes.items()} == {
        "a": [1, 4, 5],
        "b": [2, 3, 6],
    }


def test_one_that_fails_runs_no_more_and_stops_nobody() -> None:
    calls: list[str] = []

    def system(name: str) -> int:
        calls.append(name)
        if name == "b" and calls.count("b") == 2:
            raise PeerError("b broke")
        return len(calls)

    outcomes = in_turn({name: lambda name=name: system(name) for name in "ab"}, 4)
    assert (len(outcomes["a"].results), outcomes["a"].failure) == (4, "")
    assert (len(outcomes["b"].results), outcomes["b"].failure) == (1, "b broke")
    assert calls.count("b") == 2


def test_a_mistake_of_ours_is_no_failure_of_a_peer() -> None:
    with pytest.raises(ZeroDivisionError):
        in_turn({"a": lambda: 1 / 0}, 2)


def test_a_system_has_the_cores_it_is_given() -> None:
    script = "import os; print(len(os.sched_getaffinity(0)))"
    assert output_of([sys.executable, "-c", script], cores=1) == "1\n"
    assert first_cores(1) < first_cores(2) or len(os.sched_getaffinity(0)) == 1


def test_a_command_that_hangs_is_ended() -> None:
    with pytest.raises(PeerError, match=r"hangs: 0\.2 s"):
        output_of([sys.executable, "-c", "import time; time.sleep(60)"], limit_s=0.2)


def test_ratio_by_hand_is_of_pairs_and_not_of_medians() -> None:
    """Pairs 1/2, 2/1, 4/4, 3/2, 6/8 sorted: 0.5, 0.75, 1, 1.5, 2."""
    found = ratio([1, 2, 4, 3, 6], [2, 1, 4, 2, 8])
    assert (found.low, found.median, found.high) == (0.75, 1.0, 1.5)
    assert str(found) == "1.00 (0.75…1.50)"


def test_a_round_without_its_pair_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio([1, 2, 3], [1, 2])


def test_a_failing_system_is_quoted() -> None:
    """Its words are no part of the command, which the message shows too."""
    assert output_of([sys.executable, "-c", "print('fine')"]) == "fine\n"
    words = f"first words {'.' * 2000} last words"
    with pytest.raises(PeerError, match=r"\. last words$") as caught:
        output_of([sys.executable, "-c", "import sys; sys.exit(sys.argv[1])", words])
    assert "first words" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "dirty"),
    [
        ("docs/page.md", False),
        ("benchmarks/results/old.jsonl", False),
        ("benchmarks/results/new.jsonl", False),
        ("code.py", True),
        ("benchmarks/new.py", True),
    ],
)
def test_only_code_makes_a_tree_dirty(checkout: Path, changed: str, dirty: bool) -> None:
    before = machine.describe(checkout)
    assert before["dirty"] is False
    assert before["commit"] == git(checkout, "rev-parse", "--short", "HEAD")
    (checkout / changed).write_text("second", encoding="utf-8")
    assert machine.describe(checkout)["dirty"] is dirty


def test_a_machine_needs_neither_git_nor_a_checkout(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_checkout = machine.describe(checkout.parent)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(checkout))
        no_git = machine.describe(checkout)
    for found in (no_checkout, no_git):
        assert (found["commit"], found["dirty"]) == (None, None)
        assert found["libraries"]["numpy"] == np.__version__


def test_a_library_that_is_absent_has_no_version() -> None:
    found = machine.describe(libraries=["edgebert-of-nobody"])
    assert found["libraries"] == {"edgebert-of-nobody": None}
