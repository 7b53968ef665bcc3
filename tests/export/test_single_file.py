"""Weights are stored once: inside the first graph, or beside it where they are many."""

from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from edgebert_export.graph import build
from edgebert_export.graph.build import BuiltGraph, write_graphs
from edgebert_export.targets import TARGETS
from edgebert_runtime.bundle.external_data import check_external_data
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import ConfigError

SIDE = 600
"""Of a matrix of 1.4 MB."""


def graph(target: str, side: int = SIDE) -> BuiltGraph:
    """A product with a matrix that is the same for every target."""
    weights = np.random.default_rng(0).standard_normal((side, side)).astype(np.float32)
    x = ir.Value(name="x", shape=ir.Shape(["b", side]), type=ir.TensorType(ir.DataType.FLOAT))
    w = ir.Value(name="w", const_value=ir.tensor(weights, name="w"), shape=ir.Shape(weights.shape))
    w.dtype = ir.DataType.FLOAT
    node = ir.node("MatMul", [x, w])
    y = node.outputs[0]
    y.name, y.dtype, y.shape = "y", ir.DataType.FLOAT, ir.Shape(["b", side])
    inner = ir.Graph([x], [y], nodes=[node], initializers=[w], opset_imports={"": 20}, name="g")
    return BuiltGraph(
        target=TARGETS[target],
        model=ir.Model(inner, ir_version=9),
        fusions={},
        opset=20,
        min_onnxruntime="1.17.0",
        capturable=True,
    )


def answers(path: Path, side: int = SIDE) -> object:
    return Session(path, provider="cpu").run(["y"], {"x": np.ones((1, side), np.float32)})[0]


def test_the_fused_graph_reads_the_weights_of_the_portable_one(tmp_path: Path) -> None:
    external = write_graphs([graph("portable"), graph("cpu")], tmp_path)
    whole, thin = tmp_path / "onnx" / "model.onnx", tmp_path / "onnx" / "model_cpu.onnx"
    assert sorted(path.name for path in (tmp_path / "onnx").iterdir()) == [whole.name, thin.name]
    assert external["onnx/model.onnx"] == ()
    (found,) = external["onnx/model_cpu.onnx"]
    assert (found.file, found.length) == ("onnx/model.onnx", 4 * SIDE * SIDE)
    assert found.offset % 64 == 0
    assert whole.read_bytes()[found.offset :][: found.length] == read_weights()
    assert thin.stat().st_size < 1024
    check_external_data(tmp_path, ("onnx/model_cpu.onnx", found.file), "onnx/model_cpu.onnx")
    np.testing.assert_array_equal(answers(thin), answers(whole))
    onnxruntime.InferenceSession(whole.read_bytes(), providers=["CPUExecutionProvider"])


def read_weights() -> bytes:
    tensor = graph("cpu").model.graph.initializers["w"].const_value
    assert tensor is not None
    return tensor.tobytes()


def test_small_graphs_have_their_own_weights(tmp_path: Path) -> None:
    external = write_graphs([graph("portable", 20), graph("cpu", 20)], tmp_path)
    assert external == {"onnx/model.onnx": (), "onnx/model_cpu.onnx": ()}


def test_many_weights_lie_beside_unless_one_file_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "SINGLE_FILE_UP_TO_BYTES", 2**20)
    beside = write_graphs([graph("portable"), graph("cpu")], tmp_path / "beside")
    assert {each.file for found in beside.values() for each in found} == {"onnx/model.onnx_data"}
    inside = write_graphs([graph("portable"), graph("cpu")], tmp_path / "in", single_file=True)
    assert [each.file for each in inside["onnx/model_cpu.onnx"]] == ["onnx/model.onnx"]
    assert inside["onnx/model.onnx"] == ()
    for folder in ("beside", "in"):
        for name in ("model.onnx", "model_cpu.onnx"):
            path = tmp_path / folder / "onnx" / name
            np.testing.assert_array_equal(answers(path), answers(tmp_path / "in/onnx/model.onnx"))


def test_what_no_single_file_holds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "SINGLE_FILE_BELOW_BYTES", 4 * SIDE * SIDE - 1)
    with pytest.raises(ConfigError, match="a single file holds less than 2 GiB"):
        write_graphs([graph("portable")], tmp_path, single_file=True)
    assert not list(tmp_path.iterdir())
