from typing import Any

import numpy as np
import pytest

from benchmarks import report
from benchmarks.int8_accuracy import changes, distances, recall, vectors
from edgebert_runtime import Bundle
from edgebert_runtime.session import Session

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


def test_a_record_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {
        "name": "int8",
        "mean": 0.99839,
        "first_percentile": 0.996,
        "worst": 0.99,
        "pair": 0.0483,
        "batch": 3e-7,
        "padded": 0.0,
        "recall": 0.71234,
    }
    record = {"texts": 4, "pairs": 9, "fp32_recall": 0.7155, "rows": [row]}
    monkeypatch.setattr(report, "latest", lambda name: record)
    section = report.int8_accuracy_section()
    assert section[-2] == "| int8 | 0.9984 | 0.9960 | 0.9900 | 0.048 | 3.0e-07 | 0.0e+00 | 71.23 |"
    assert any(line.startswith("4 texts") for line in section)
    assert any("fp32 71.55" in line for line in section)


def test_a_text_finds_its_own(tiny_bundle: Bundle) -> None:
    """Of three short texts one has its own long one, and two have each other's."""
    texts = ["the small cat", "a red dog ran far", "blue mat"]
    graph = tiny_bundle.path_of(tiny_bundle.manifest.variants["portable"].file)
    assert recall(tiny_bundle, graph, [(text, text) for text in texts]) == 1
    pairs = [(texts[0], texts[0]), (texts[2], texts[1]), (texts[1], texts[2])]
    assert recall(tiny_bundle, graph, pairs) == pytest.approx(1 / 3)


def test_padding_is_as_wide_as_asked(tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = tiny_bundle.path_of(tiny_bundle.manifest.variants["portable"].file)
    shapes: list[tuple[int, ...]] = []
    run = Session.run

    def noted(session: Session, names: list[str], feeds: dict[str, np.ndarray]) -> Any:
        shapes.append(feeds["input_ids"].shape)
        return run(session, names, feeds)

    monkeypatch.setattr(Session, "run", noted)
    plain, padded = (
        vectors(tiny_bundle, graph, ["a red dog", "a"], length=length) for length in (0, 20)
    )
    assert shapes == [(1, 5), (1, 3), (1, 20), (1, 20)]
    np.testing.assert_allclose(padded, plain, atol=1e-6)
