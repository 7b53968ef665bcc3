"""Statistics of activations, against a graph whose activations are its inputs."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest

from edgebert_quantize.calibration.statistics import activation_statistics, unpadded_rows
from edgebert_runtime.errors import ExportError

GRAPH = """
<ir_version: 10, opset_import: ["": 21]>
g (int64[B,S] input_ids, int64[B,S] attention_mask) => (float[B,S,2] y)
<float[2] one = {1, -2}, float[2] two = {10, 10}>
{
  whole = Cast <to = 1> (input_ids)
  axis = Constant <value_ints = [2]> ()
  column = Unsqueeze (whole, axis)
  narrow = Mul (column, one)
  y = Mul (narrow, two)
}
"""
CHANNELS = {"narrow": 2, "y": 2}


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "graph.onnx"
    onnx.save(onnx.parser.parse_model(GRAPH), path)
    return path


def feeds(ids: list[list[int]], mask: list[list[int]]) -> dict[str, np.ndarray]:
    return {"input_ids": np.array(ids), "attention_mask": np.array(mask)}


def test_statistics_by_hand_over_two_batches(graph: Path) -> None:
    batches = [feeds([[1, 2]], [[1, 1]]), feeds([[3]], [[1]])]
    narrow = activation_statistics(graph, CHANNELS, batches)["narrow"]
    np.testing.assert_array_equal(narrow.minimum, [1, -6])
    np.testing.assert_array_equal(narrow.maximum, [3, -2])
    np.testing.assert_array_equal(narrow.largest, [3, 6])
    np.testing.assert_allclose(narrow.moment, np.array([[5.75, -11.5], [-11.5, 23]]), rtol=1e-6)


def test_padding_is_left_out(graph: Path) -> None:
    padded = activation_statistics(graph, CHANNELS, [feeds([[1, 2], [3, 999]], [[1, 1], [1, 0]])])
    alone = [feeds([[1, 2]], [[1, 1]]), feeds([[3]], [[1]])]
    plain = activation_statistics(graph, CHANNELS, alone)
    for name, found in plain.items():
        np.testing.assert_array_equal(padded[name].maximum, found.maximum)
        np.testing.assert_allclose(padded[name].moment, found.moment, rtol=1e-6)


def test_a_large_model_is_run_over_the_texts_again(
    graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = [feeds([[1, 2]], [[1, 1]])]
    at_once = activation_statistics(graph, CHANNELS, batches)
    opened: list[list[str]] = []

    class Noted(onnxruntime.InferenceSession):  # type: ignore[misc]
        def run(self, outputs: list[str], *arguments: Any) -> Any:
            opened.append(outputs)
            return super().run(outputs, *arguments)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Noted)
    in_turn = activation_statistics(graph, CHANNELS, batches, moments_bytes=20)  # 2 x 2 takes 16
    assert opened == [["narrow"], ["y"]]
    for name, found in at_once.items():
        np.testing.assert_array_equal(in_turn[name].moment, found.moment)


def test_dividing_by_hand(graph: Path) -> None:
    seen = activation_statistics(graph, CHANNELS, [feeds([[2]], [[1]])])["narrow"]
    divided = seen.divided(np.array([2.0, 4.0], np.float32))
    np.testing.assert_array_equal(divided.maximum, [1, -1])
    np.testing.assert_array_equal(divided.moment, [[1, -1], [-1, 1]])


def test_a_long_text_counts_as_much_as_a_short_one(graph: Path) -> None:
    short, long = feeds([[2]], [[1]]), feeds([[2] * 9], [[1] * 9])
    other = feeds([[4]], [[1]])
    for batches in ([short, other], [long, other]):
        found = activation_statistics(graph, CHANNELS, batches)["narrow"]
        np.testing.assert_allclose(found.moment[0, 0], (4 + 16) / 2, rtol=1e-6)


@pytest.mark.parametrize("shape", [(2, 3, 4), (6, 4)])
def test_rows_of_tokens_by_hand(shape: tuple[int, ...]) -> None:
    """Of two texts the second has one token; exporters may lay them out as rows of a matrix."""
    activation = np.arange(24, dtype=np.float32).reshape(shape)
    kept = np.array([[True, True, True], [True, False, False]])
    rows, lengths = unpadded_rows("x", activation, kept)
    np.testing.assert_array_equal(rows, np.arange(16).reshape(4, 4))
    np.testing.assert_array_equal(lengths, [3, 1])


def test_rows_of_texts_are_all_kept() -> None:
    pooled = np.ones((2, 4), np.float32)
    rows, lengths = unpadded_rows("x", pooled, np.array([[True, True, True], [True, False, False]]))
    np.testing.assert_array_equal(rows, pooled)
    np.testing.assert_array_equal(lengths, [1, 1])


def test_rows_of_something_else_are_refused() -> None:
    with pytest.raises(
        ExportError, match=r"reads x of shape \(5, 4\), expected a row for each of 2"
    ):
        unpadded_rows("x", np.ones((5, 4), np.float32), np.ones((2, 3), bool))
