"""Data of cached graphs: every byte is still there, and where kernels may load it."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest
from numpy.typing import NDArray

from edgebert_runtime import Bundle, load
from edgebert_runtime.engine.onnxruntime import import_engine
from edgebert_runtime.engine.session import Session
from edgebert_runtime.loading.graph_cache import GRAPH
from edgebert_runtime.warmup.tensor_alignment import (
    ALIGNMENT,
    LARGE,
    LARGE_ALIGNMENT,
    PACKED_PLACE,
    align,
)
from edgebert_runtime.warmup.warm import DATA, warm, write_optimized

WIDTHS = (1, 257, 1031, 300)
"""Of matrices one after the other; none ends where the next may begin."""


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A graph of matrices, one of them larger than what ONNX Runtime aligns."""
    random = np.random.default_rng(0)
    text = """<ir_version: 8, opset_import: ["": 17]>
    g (int64[B, S] input_ids) => (float[B, S, 300] y) {
        ids = Unsqueeze (input_ids, last)  x = Cast <to = 1> (ids)
        a = MatMul (x, w0)  b = MatMul (a, w1)  c = Tanh (b)  y = MatMul (c, w2)
    }"""
    model = onnx.parser.parse_model(text)
    arrays = {"last": np.array([2])}
    for number, shape in enumerate(pairwise(WIDTHS)):
        arrays[f"w{number}"] = random.standard_normal(shape).astype(np.float32)
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()
    )
    onnx.save(model, tmp_path / "odd.onnx")
    return tmp_path / "odd.onnx"


def places(graph: Path) -> dict[str, list[tuple[int, int]]]:
    """Offset and size of each tensor, and of what was packed of it."""
    found = {}
    for tensor in onnx.load(graph, load_external_data=False).graph.initializer:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        if entries:
            found[tensor.name] = [(int(entries["offset"]), int(entries["length"]))]
            for key, value in entries.items():
                if key.startswith("prepacked"):
                    packed = PACKED_PLACE.findall(value.encode())
                    found[tensor.name] += [(int(offset), int(size)) for offset, size in packed]
    return found


def contents(graph: Path) -> dict[str, list[bytes]]:
    data = (graph.parent / DATA).read_bytes()
    return {
        name: [data[offset : offset + size] for offset, size in found]
        for name, found in places(graph).items()
    }


def answer(session: Session) -> NDArray[Any]:
    return session.run(["y"], {"input_ids": np.arange(6).reshape(2, 3)})[0]


def test_everything_is_aligned_and_nothing_is_lost(odd: Path, tmp_path: Path) -> None:
    staging = tmp_path / "kept"
    staging.mkdir()
    write_optimized(import_engine(), odd, staging)  # running it as it is might end the process
    graph = staging / GRAPH
    before = places(graph)
    assert any(offset % ALIGNMENT for found in before.values() for offset, _ in found)
    expected = contents(graph)
    assert align(graph, staging / DATA)
    assert contents(graph) == expected
    for found in places(graph).values():
        for offset, size in found:
            assert offset % (LARGE_ALIGNMENT if size > LARGE else ALIGNMENT) == 0
    assert any(size > LARGE for found in before.values() for _, size in found)
    kept = Session(graph, provider="cpu", threads=1, optimized=True)
    plain = Session(odd, provider="cpu", threads=1)
    np.testing.assert_array_equal(answer(kept), answer(plain))
    assert not align(graph, staging / DATA)
    assert sorted(path.name for path in staging.iterdir()) == [GRAPH, DATA]


def test_what_is_kept_of_real_weights_runs(minilm_bundle: Bundle, tmp_path: Path) -> None:
    """Packed int8 weights of MiniLM behind a table of 30,522 scales ended the process."""
    kept = warm(minilm_bundle, "int8", cache_dir=tmp_path, tune=False)
    assert {offset % ALIGNMENT for found in places(kept.path).values() for offset, _ in found} == {
        0
    }
    texts = ["a warm graph", "and another text"]
    with (
        load(minilm_bundle, "int8", threads=1, cache_dir=tmp_path) as warmed,
        load(minilm_bundle, "int8", threads=1, cache_dir=False) as plain,
    ):
        assert warmed.info().warm
        np.testing.assert_array_equal(warmed.embed(texts), plain.embed(texts))
