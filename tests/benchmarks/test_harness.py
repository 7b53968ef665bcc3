"""The parts of the benchmarks that decide what counts, without timing anything."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from benchmarks import machine, report, throughput
from benchmarks.pairing import in_turn, output_of, ratio, rounds_of
from benchmarks.worker import check

MACHINE: Final = {
    "cpu": "A CPU",
    "cores": 2,
    "flags": ["avx2", "avx_vnni"],
    "libraries": {"onnxruntime": "1.2", "torch": "3.4"},
}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git checkout in place of ours; a git hook's GIT_DIR would lead back to the real one."""
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
    monkeypatch.setattr(machine, "ROOT", folder)
    return folder


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def write_records(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *records: dict[str, object]
) -> None:
    """Let the report see these records only."""
    monkeypatch.setattr(report, "HERE", folder)
    monkeypatch.setattr(report, "PAGE", folder / "page.md")
    (folder / "results").mkdir()
    for record in records:
        with (folder / "results" / f"{record['benchmark']}.jsonl").open(
            "a", encoding="utf-8"
        ) as file:
            file.write(json.dumps({**record, "machine": MACHINE}) + "\n")


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


def test_a_round_without_its_pair_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio([1, 2, 3], [1, 2])


@pytest.mark.parametrize("text", ["1", "0", "-3", "many", "2.5"])
def test_too_few_rounds_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="at least 2 rounds"):
        rounds_of(text)
    assert rounds_of("2") == 2


def test_a_failing_contender_is_quoted() -> None:
    """Its words are no part of the command, which the message shows too."""
    assert output_of([sys.executable, "-c", "print('fine')"]) == "fine\n"
    words = f"first words {'.' * 2000} last words"
    with pytest.raises(RuntimeError, match=r"\. last words$") as caught:
        output_of([sys.executable, "-c", "import sys; sys.exit(sys.argv[1])", words])
    assert "first words" not in str(caught.value)


@pytest.mark.parametrize(
    ("output", "wrong"),
    [
        ([3.0, 4.1], None),
        ([4.0, -3.0], "cosine"),
        ([4.0, 3.0], "cosine 0.9"),  # nearly the right direction
        ([6.0, 8.0], "norm 10.0"),  # the right direction, twice too long
        ([1.5, 2.0], "norm 2.5"),
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
    before = machine.describe()
    assert before["dirty"] is False
    assert before["commit"] == git(checkout, "rev-parse", "--short", "HEAD")
    (checkout / changed).write_text("second", encoding="utf-8")
    assert machine.describe()["dirty"] is dirty


def test_a_machine_needs_neither_git_nor_a_checkout(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(machine, "ROOT", checkout.parent)
        no_checkout = machine.describe()
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(checkout))
        no_git = machine.describe()
    for found in (no_checkout, no_git):
        assert (found["commit"], found["dirty"]) == (None, None)
        assert found["libraries"]["numpy"] == np.__version__


def test_a_library_that_is_absent_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LIBRARIES", ("edgebert-of-nobody",))
    assert machine.describe()["libraries"] == {"edgebert-of-nobody": None}


def test_the_last_latency_record_of_a_model_is_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {
        "precision": "int8",
        "peer": "optimum",
        "shape": "8x128",
        "ours_ms": [1, 2, 9],
        "peer_ms": [6, 4, 3],
        "ratio": [0.25, 0.5, 1.5],
    }
    older, other = row | {"peer": "older"}, row | {"peer": "other"}
    common = {"benchmark": "encoder_latency", "weights": "real"}
    write_records(
        monkeypatch,
        tmp_path,
        common | {"model": "minilm", "rows": [older]},
        common | {"model": "minilm", "rows": [row]},
        common | {"model": "bert-base", "rows": [other]},
    )
    section = report.latency_section("minilm")
    assert [line for line in section if line.startswith("| int8")] == [
        "| int8 | optimum | 8×128 | 2.00 | 4.00 | 0.50 (0.25…1.50) |"
    ]
    assert "Weights: real. A CPU, 2 cores (avx2, avx_vnni), onnxruntime 1.2, torch 3.4." in section


def test_a_page_has_only_the_sections_that_were_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {
        "benchmark": "cold_start",
        "model": "minilm",
        "variant": "int8",
        "file_bytes": 22 * 2**20,
        "kept_bytes": 33 * 2**20,
        "rows": {
            "bundle": {"ms": [310.4, 300.4, 500], "ratio": [1.0, 1.25, 2.125]} | memory(3, 2),
            "kept": {"ms": [160, 200, 210], "ratio": [0.9, 0.95, 1.0]} | memory(2, 1),
            "bare": {"ms": [150, 200.6, 400], "ratio": [1.0, 1.0, 1.0]} | memory(1, 0),
        },
    }
    write_records(monkeypatch, tmp_path, record)
    report.main()
    lines = report.PAGE.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("## ")] == [
        "## Process start to first vector, minilm int8"
    ]
    assert lines[-3:] == [
        "| `load` and `embed` | 310 | 1.25 (1.00…2.12) | 3 | 2 |",
        "| the same after `edgebert-run warm` | 200 | 0.95 (0.90…1.00) | 2 | 1 |",
        "| numpy, onnxruntime, tokenizers | 201 | 1.00 (1.00…1.00) | 1 | 0 |",
    ]


def test_throughput_is_told_in_texts_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {
        "benchmark": "throughput",
        "texts": 100,
        "seconds": {"edgebert_int8": [1.0, 0.5, 2.0], "openvino": [2.0, 4.0, 4.0]},
        "ratios": {
            "edgebert_int8": {"edgebert_int8": [1, 1, 1], "openvino": [2, 3, 8]},
            "edgebert_fp32": {"edgebert_int8": [0.25, 0.5, 1], "openvino": [1, 1.5, 2]},
        },
    }
    write_records(monkeypatch, tmp_path, record)
    assert report.throughput_section()[-3:-1] == [
        "| edgebert, int8 | 100 | 1.00 (1.00…1.00) | 0.50 (0.25…1.00) |",
        f"| {report.ENGINES['openvino']} | 25 | 3.00 (2.00…8.00) | 1.50 (1.00…2.00) |",
    ]


@pytest.mark.parametrize(
    "vectors",
    [
        np.array([[1.0, 0.0]]),
        np.array([[1.0, 0.0], [0.0, 1.0]]),
        np.array([[1.0, 0.0], [np.nan, 1.0]]),
    ],
)
def test_wrong_vectors_have_no_throughput(vectors: np.ndarray) -> None:
    reference = np.array([[1.0, 0.0], [1.0, 0.0]])
    contender = throughput.Contender(engine="x", environment=None, model=Path(), floor=0.9)
    throughput.check(contender, reference, reference)
    with pytest.raises(SystemExit, match="x"):
        throughput.check(contender, vectors, reference)


def memory(peak: int, growth: int) -> dict[str, int]:
    return {"peak_bytes": peak * 2**20, "growth_bytes": growth * 2**20}


def test_the_committed_page_is_what_the_records_say() -> None:
    assert report.PAGE.read_text(encoding="utf-8") == report.page()


def test_committed_records_were_taken_from_committed_code() -> None:
    for name, wanted in (
        ("encoder_latency", {"model": "minilm"}),
        ("encoder_latency", {"model": "bert-base"}),
        ("cold_start", {"model": "minilm"}),
        ("cold_start", {"model": "bert-base"}),
        ("quantization", {}),
        ("throughput", {}),
    ):
        record = report.latest(name, **wanted)
        assert record is not None
        assert record["machine"]["dirty"] is False
