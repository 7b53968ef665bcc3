"""What a page says of explanations, and that its numbers come from explaining."""

from typing import Any

import numpy as np
import pytest

from benchmarks.cases import explain
from benchmarks.report.explain import explain_sections
from edgebert_runtime import Bundle, load
from edgebert_runtime.reporting.document import Table
from edgebert_runtime.tasks.embed import Embedder
from tests.support.recorded_machine import MACHINE


def test_medians_stand_beside_what_embedding_takes() -> None:
    shapley = {
        "what": "shapley",
        "variant": "int8-cpu",
        "value": 0.449,
        "runs": 1234,
        "reached": False,
        "seconds": [3.0, 1.0, 2.0],
        "embed_seconds": [1.5, 1.0, 1.0],
    }
    page = {"what": "page", "variant": "int8-cpu", "tokens": 64, "runs": 63, "bytes": 456_700}
    record: dict[str, Any] = {"case": "explain", "about": "", "command": "again", "rounds": 3}
    rows = [shapley, page | {"seconds": [0.5, 0.25, 0.75]}]
    (section,) = explain_sections([record | {"machine": MACHINE, "rows": rows}])
    values, pages = (block.rows for block in section.blocks if isinstance(block, Table))
    assert values == [["int8-cpu", "0.45", "1,234", "2.00", "2.00 (1.50…2.00)", "no"]]
    assert pages == [["int8-cpu", "64", "63", "0.50", "457"]]
    assert explain_sections([]) == []


def test_pairs_are_those_nearest_to_each_cosine(monkeypatch: pytest.MonkeyPatch) -> None:
    angles = np.radians([0.0, 45.0, 60.0])  # cosines 0.71, 0.5 and 0.97
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    monkeypatch.setattr(explain, "COSINES", (1.0, 0.6, -1.0))
    assert explain.pairs_near(vectors, ("a", "b", "c")) == [("b", "c"), ("a", "c"), ("a", "c")]


def test_an_explanation_is_timed(tiny_exported: Bundle) -> None:
    with load(tiny_exported, "cpu", task="embed") as model:
        assert isinstance(model, Embedder)
        found = explain.shapley(model, ("a small cat", "the dog"), 2)
    assert len(found["seconds"]) == len(found["embed_seconds"]) == 2
    assert found["runs"] > 0
    assert found["reached"]
