"""Whether a graph is refused for being slow, on real graphs in real processes."""

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

from edgebert_quantize.evaluation.speed import (
    ROUNDS,
    Speed,
    measure_speed,
    require_speedup,
    shortened,
)
from edgebert_quantize.evaluation.target_cpu import this_cpu
from edgebert_quantize.recipes import RECIPES
from edgebert_runtime.errors import EdgebertError, SpeedError

GRAPH = """<ir_version: 10, opset_import: ["": 21]>
g (int64[B,S] input_ids) => (float[B,S,D] y)
{
  x = Cast <to = 1> (input_ids)
  axis = Constant <value_ints = [2]> ()
  column = Unsqueeze (x, axis)
  size = Constant <value_ints = [1, 1, WIDTH]> ()
  wide = Expand (column, size)
  y = Sin (wide)
}"""


def graph(folder: Path, width: int) -> Path:
    path = folder / f"{width}.onnx"
    onnx.save(onnx.parser.parse_model(GRAPH.replace("WIDTH", str(width))), path)
    return path


FEEDS = {"input_ids": np.ones((1, 64), np.int64)}


def test_a_graph_of_fifty_times_the_work_is_slower_in_every_round(tmp_path: Path) -> None:
    small, large = graph(tmp_path, 1000), graph(tmp_path, 50_000)
    speed = measure_speed(large, small, FEEDS)
    assert len(speed.ratios) == ROUNDS
    with pytest.raises(SpeedError, match="int8 is slower than fp32 on this machine: "):
        speed.require("int8")
    Speed(candidate_ms=speed.source_ms, source_ms=speed.candidate_ms).require("int8")
    assert 2 * 2**-ROUNDS <= 1 / 16  # how often the sign test calls equal graphs different


def test_slower_in_some_rounds_is_noise() -> None:
    Speed(candidate_ms=(3.0, 3.0, 1.9), source_ms=(2.0, 2.0, 2.0)).require("int8")
    with pytest.raises(SpeedError, match=r"3, 3, 2.1 ms against 2, 2, 2 ms a text in 3 rounds"):
        Speed(candidate_ms=(3.0, 3.0, 2.1), source_ms=(2.0, 2.0, 2.0)).require("int8")


def test_what_the_manifest_says_of_speed_by_hand() -> None:
    speed = Speed(candidate_ms=(1.0, 9.0, 1.5), source_ms=(2.0, 3.0, 2.0))
    assert speed.to_manifest("avx2") == {"over_fp32": 0.75, "rounds": 3, "cpu": "avx2"}


@pytest.mark.parametrize(("recipe", "cpu"), [("int4", None), ("int8", "another")])
def test_nothing_is_timed_that_need_not_be_faster_here(
    tmp_path: Path, recipe: str, cpu: str | None
) -> None:
    gone = tmp_path / "gone.onnx"
    asked = (RECIPES[recipe], cpu or this_cpu(), FEEDS, lambda _: None)
    assert require_speedup(gone, gone, *asked) is None


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph")
    with pytest.raises(EdgebertError, match="cannot open"):
        measure_speed(broken, graph(tmp_path, 10), FEEDS)


def test_long_inputs_are_cut() -> None:
    found = shortened({"input_ids": np.ones((1, 500), np.int64)})
    assert found["input_ids"].shape == (1, 128)
