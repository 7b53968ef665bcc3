import numpy as np
import pytest

from benchmarks import report
from benchmarks.int8_accuracy import distances

REFERENCE = np.array([[1, 0], [0, 1]], np.float32)


def test_distances_by_hand() -> None:
    """The second vector is turned by 60° towards the first: similarity 0 became 0.866."""
    alone = np.array([[1, 0], [np.sqrt(0.75), 0.5]], np.float32)
    together = alone + np.array([[0, 0], [0, -0.25]], np.float32)
    found = distances(alone, together, REFERENCE)
    assert found == pytest.approx(
        {"mean": 0.75, "first_percentile": 0.505, "worst": 0.5, "pair": 0.8660254, "batch": 0.25}
    )


def test_equal_vectors_are_no_distance_apart() -> None:
    found = distances(REFERENCE, REFERENCE, REFERENCE)
    assert found == {"mean": 1, "first_percentile": 1, "worst": 1, "pair": 0, "batch": 0}


def test_a_record_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {
        "name": "int8",
        "mean": 0.99839,
        "first_percentile": 0.996,
        "worst": 0.99,
        "pair": 0.0483,
        "batch": 3e-7,
    }
    monkeypatch.setattr(report, "latest", lambda name: {"texts": 4, "rows": [row], "name": name})
    section = report.int8_accuracy_section()
    assert section[-2] == "| int8 | 0.9984 | 0.9960 | 0.9900 | 0.048 | 3.0e-07 |"
    assert any(line.startswith("4 texts") for line in section)
