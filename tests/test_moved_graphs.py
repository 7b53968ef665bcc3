"""Answers in 8 bits that other engines may give: near ones, and no others."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

import edgebert
from edgebert_runtime.engine.session import Session
from tests.support import moved_graphs
from tests.support.families import SAMPLES, build_with_head, save

LENGTH = 17
WITHIN = 0.01
"""As the tests of other loaders have it."""

Answer = NDArray[np.float32]


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """fp32 and int8 of a small tagger, each in one file."""
    folder = tmp_path_factory.mktemp("tagger")
    source = save(build_with_head(SAMPLES["bert"], "tag"), folder / "source")
    bundle = edgebert.export(source, folder / "bundle", precision="int8", force=True)
    return {name: bundle.path_of(f"onnx/{name}.onnx") for name in ("model", "model_quantized")}


def answer_of(session: Session) -> Answer:
    ids = np.random.default_rng(0).integers(5, 100, (1, LENGTH))
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": 0 * ids}
    (found,) = session.run(["logits"], {name: feeds[name] for name in session.inputs})
    return found


def all_of(graph: Path) -> list[Answer]:
    return [answer_of(session) for session in moved_graphs.moved_graphs(graph)]


def test_float32_moves_in_its_last_bits_only(graphs: dict[str, Path]) -> None:
    ours = answer_of(Session(graphs["model"], provider="cpu"))
    moved = all_of(graphs["model"])
    assert len(moved) == len(moved_graphs.SCALES) * moved_graphs.EACH
    assert 0 < max(abs(each - ours).max() for each in moved) < 1e-4


def test_a_wrong_graph_is_far_from_all(graphs: dict[str, Path], tmp_path: Path) -> None:
    """One layer's weights by one step up: a fault that is smaller than that of a wrong kernel."""
    right = [answer_of(Session(graphs["model_quantized"], provider="cpu"))]
    right += all_of(graphs["model_quantized"])
    model = onnx.load(graphs["model_quantized"])
    weights = [each for each in model.graph.initializer if each.data_type == TensorProto.INT8]
    weight = weights[0]
    values = numpy_helper.to_array(weight)
    wrong = np.clip(values.astype(np.int16) + 1, -128, 127).astype(np.int8)
    weight.CopyFrom(numpy_helper.from_array(wrong, weight.name))
    onnx.save(model, tmp_path / "wrong.onnx")
    found = answer_of(Session(tmp_path / "wrong.onnx", provider="cpu"))
    assert min(abs(each - found).max() for each in right) > WITHIN
