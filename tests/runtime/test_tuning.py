"""The size of micro-batches that was measured, and when it is believed."""

import json
from pathlib import Path

import pytest

from edgebert_runtime import Bundle, load
from edgebert_runtime.keeping import ENTRY
from edgebert_runtime.session import Session
from edgebert_runtime.tuning import BUDGETS, best_budget, choose
from edgebert_runtime.warming import warm
from tests.conftest import TEXTS


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over at once, and believed all the same."""
    monkeypatch.setattr("edgebert_runtime.tuning.SECONDS", 0.001)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({256: [1, 1, 1], 512: [2, 2, 2], 1024: [3, 3, 3]}, 256),
        ({256: [1, 1, 3], 512: [2, 2, 2], 1024: [3, 3, 3]}, 512),  # once slower: noise
        ({256: [1.5, 1, 1.5], 512: [2, 2, 2], 1024: [1, 1, 1]}, 1024),
        ({512: [2, 2, 2]}, 512),
    ],
)
def test_another_budget_must_win_every_round(times: dict[int, list[float]], expected: int) -> None:
    assert choose(times, 512) == expected


def test_one_of_the_budgets_is_found(tiny_bundle: Bundle) -> None:
    session = Session(tiny_bundle.path_of("onnx/model_cpu.onnx"), provider="cpu")
    assert best_budget(session, 40) in BUDGETS


def test_a_model_runs_with_the_budget_that_was_measured(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    kept = warm(tiny_bundle, cache_dir=tmp_path)
    model = load(tiny_bundle, cache_dir=tmp_path)
    assert kept.budgets == {model.info().threads: model.info().micro_batch_tokens}
    entry = json.loads((kept.folder / ENTRY).read_text())
    entry["budgets"] = {"1": 1}
    (kept.folder / ENTRY).write_text(json.dumps(entry))
    few = load(tiny_bundle, threads=1, cache_dir=tmp_path)
    assert few.info().micro_batch_tokens == 1
    few.embed(TEXTS)
    assert few.last_report is not None
    assert few.last_report.micro_batches == len(TEXTS)
    assert load(tiny_bundle, threads=2, cache_dir=tmp_path).info().micro_batch_tokens == 512
