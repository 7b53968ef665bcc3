from functools import partial
from typing import Any

import numpy as np
import pytest

from benchmarks import report
from benchmarks.quantization import _session_hidden, changes, distances, encoded, recall, vectors
from edgebert_runtime import Bundle

REFERENCE = np.array([[1, 0], [0, 1]], np.float32)


def test_distances_by_hand() -> None:
    """The second vector is turned by 60° towards the first: similarity 0 became 0.866."""
    alone = np.array([[1, 0], [np.sqrt(0.75), 0.5]], np.float32)
    together = alone + np.array([[0, 0], [0, -0.25]], np.float32)
    assert distances(alone, REFERENCE) == pytest.approx(
        {"mean": 0.75, "first_percentile": 0.505, "worst": 0.5, "pair": 0.8660254}
    )
    moved = {"batch": together, "padded": alone}
    assert changes(alone, moved) == pytest.approx({"batch": 0.25, "padded": 0})


def test_equal_vectors_are_no_distance_apart() -> None:
    found = distances(REFERENCE, REFERENCE)
    assert found == {"mean": 1, "first_percentile": 1, "worst": 1, "pair": 0}


def test_a_record_is_a_row_and_a_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {
        "maker": "edgebert",
        "name": "int8",
        "size_bytes": 3 * 2**20,
        "mean": 0.99839,
        "first_percentile": 0.996,
        "worst": 0.99,
        "pair": 0.0483,
        "batch": 3e-7,
        "padded": 0.0,
        "recall": 0.71234,
        "speed": {"1x32": {"ratio": [0.1, 0.2, 0.3]}, "1x128": {"ratio": [0.3, 0.4, 0.5]}},
    }
    exact = row | {"name": "fp32", "mean": 1.0, "recall": 0.7155}
    machine = {
        "cpu": "A CPU",
        "cores": 2,
        "flags": [],
        "libraries": {"onnxruntime": "1", "torch": "2"},
    }
    record = {"texts": 4, "pairs": 9, "rounds": 3, "machine": machine, "rows": [exact, row]}
    monkeypatch.setattr(report, "latest", lambda name: record)
    section = report.quantization_section()
    assert section[-2] == (
        "| edgebert int8 | 0.99839 | 0.9960 | 0.9900 | 0.048 | 3.0e-07 | 0.0e+00 | 71.23 | 3.0 | "
        "0.20 | 0.40 |"
    )
    assert any("4 texts" in line for line in section)
    assert any("fp32 71.55" in line for line in section)
    time, size = report.frontier()
    assert [series.name for series in time.series] == ["edgebert"]
    assert [(point.x, point.label) for point in time.series[0].points] == [(0.4, "int8")]
    assert [point.x for point in size.series[0].points] == [3.0]


def hidden_of(bundle: Bundle) -> Any:
    graph = bundle.path_of(bundle.manifest.variants["portable"].file)
    return partial(_session_hidden, graph)


def test_a_text_finds_its_own(tiny_bundle: Bundle) -> None:
    """Of three short texts one has its own long one, and two have each other's."""
    texts, hidden = ["the small cat", "a red dog ran far", "blue mat"], hidden_of(tiny_bundle)
    assert recall(tiny_bundle, hidden, [(text, text) for text in texts]) == 1
    pairs = [(texts[0], texts[0]), (texts[2], texts[1]), (texts[1], texts[2])]
    assert recall(tiny_bundle, hidden, pairs) == pytest.approx(1 / 3)


def test_padding_is_as_wide_as_asked(tiny_bundle: Bundle) -> None:
    texts, hidden = ["a red dog", "a"], hidden_of(tiny_bundle)
    shapes = [
        feeds["input_ids"].shape
        for length in (0, 20)
        for feeds in encoded(tiny_bundle, texts, length=length)
    ]
    assert shapes == [(1, 5), (1, 3), (1, 20), (1, 20)]
    assert [feeds["input_ids"].shape for feeds in encoded(tiny_bundle, texts, batch=2)] == [(2, 5)]
    plain, padded = (vectors(tiny_bundle, hidden, texts, length=length) for length in (0, 20))
    np.testing.assert_allclose(padded, plain, atol=1e-6)
