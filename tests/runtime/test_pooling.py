import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch

from edgebert.checkpoints.modules import sentence_transformers_files
from edgebert.model.sentence import DenseWeights, SentenceEmbedder
from edgebert_runtime.bundle.manifest import EmbeddingInfo, Step
from edgebert_runtime.errors import BundleError
from edgebert_runtime.postprocessing.pooling import POOLING, apply_steps, pool

HIDDEN = np.array([[[1, 10], [3, 30], [8, -80]], [[5, 5], [6, 6], [7, 7]]], dtype=np.float32)
MASK = np.array([[1, 1, 0], [0, 0, 0]], dtype=np.int64)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("cls", [1, 10]),
        ("mean", [2, 20]),
        ("max", [3, 30]),
        ("mean_sqrt_len", [4 / math.sqrt(2), 40 / math.sqrt(2)]),
        ("weighted_mean", [(1 + 2 * 3) / 3, (10 + 2 * 30) / 3]),
        ("last_token", [3, 30]),
    ],
)
def test_pooling_by_hand(mode: str, expected: list[float]) -> None:
    pooled = pool(HIDDEN, MASK, (mode,))
    np.testing.assert_allclose(pooled[0], expected, rtol=1e-6)
    assert pooled[1].tolist() == ([5, 5] if mode == "cls" else [0, 0])
    assert pooled.dtype == np.float32


def test_modes_are_concatenated_in_order() -> None:
    assert pool(HIDDEN, MASK, ("max", "cls"))[0].tolist() == [3, 30, 1, 10]


def test_an_unknown_mode_lists_the_known() -> None:
    with pytest.raises(
        BundleError, match=f"pooling median is unknown; known: {', '.join(POOLING)}"
    ):
        pool(HIDDEN, MASK, ("median",))


def test_a_zero_vector_stays_zero() -> None:
    steps = (Step(kind="pool", modes=("mean",)), Step(kind="normalize"))
    vectors = apply_steps(steps, HIDDEN, MASK, folder=None)  # type: ignore[arg-type]
    np.testing.assert_allclose(np.linalg.norm(vectors[0]), 1, rtol=1e-6)
    assert vectors[1].tolist() == [0, 0]


def test_an_unknown_step_is_refused() -> None:
    with pytest.raises(BundleError, match="step 'whiten' is unknown"):
        apply_steps((Step(kind="whiten"),), HIDDEN, MASK, folder=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("activation", ["identity", "tanh", "relu", "gelu"])
def test_a_dense_step_computes_what_torch_does(activation: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    file = "2_Dense/model.safetensors"
    weights = DenseWeights(weight=torch.randn(3, 2), bias=torch.randn(3))
    steps = (
        Step(kind="pool", modes=("mean",)),
        Step(kind="dense", file=file, activation=activation),
    )
    embedding = EmbeddingInfo(dimensions=3, steps=steps)
    content = sentence_transformers_files(embedding, {file: weights}, 2, 8)[file]
    (tmp_path / "2_Dense").mkdir()
    (tmp_path / file).write_bytes(content)
    module = SentenceEmbedder(Given(), steps, {file: weights})
    with torch.no_grad():
        _, expected = module(torch.from_numpy(HIDDEN), torch.from_numpy(MASK))
    found = apply_steps(steps, HIDDEN, MASK, tmp_path)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("normalized", [True, False])
def test_a_cut_vector_keeps_its_first_numbers_as_they_are(normalized: bool) -> None:
    before = (
        Step(kind="pool", modes=("mean", "max")),
        *((Step(kind="normalize"),) if normalized else ()),
    )
    steps = (*before, Step(kind="truncate", dimensions=3))
    module = SentenceEmbedder(Given(), steps, {})
    _, expected = module(torch.from_numpy(HIDDEN), torch.from_numpy(MASK))
    found = apply_steps(steps, HIDDEN, MASK, folder=Path())
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-6)
    np.testing.assert_array_equal(found, apply_steps(before, HIDDEN, MASK, folder=Path())[:, :3])


def safetensors(shapes: Mapping[str, tuple[int, ...]], **changed: Any) -> bytes:
    entries: dict[str, Any] = {}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * math.prod(shape)
        entries[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end], **changed}
    header = json.dumps(entries).encode()
    return len(header).to_bytes(8, "little") + header + bytes(end)


WEIGHT: Final = {"linear.weight": (3, 2)}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not valid JSON"),
        (b"\xff" * 20, "is not a float32 safetensors file"),
        (safetensors(WEIGHT)[:-1], r"of shape \(3, 2\) at bytes 0 to 24"),
        (
            safetensors(WEIGHT, shape=[3, 2**40]),
            r"shape\[1\] is 1099511627776, expected an integer",
        ),
        (safetensors(WEIGHT, shape=[3, -2]), r"shape\[1\] is -2"),
        (safetensors(WEIGHT, data_offsets=[-24, 0]), r"data_offsets\[0\] is -24"),
        (safetensors(WEIGHT, dtype="F16"), "dtype is 'F16', expected 'F32'"),
        (safetensors({"other": (3, 2)}), r"expected linear.weight \(outputs, inputs\)"),
        (safetensors({"linear.weight": (6,)}), r"expected linear.weight \(outputs, inputs\)"),
        (safetensors({**WEIGHT, "linear.bias": (2,)}), r"linear.bias \(outputs\)"),
        (safetensors({"linear.weight": (2, 3)}), "takes vectors of 3 numbers, the step before it"),
    ],
)
def test_weights_that_are_none_are_refused(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    steps = (
        Step(kind="pool", modes=("mean",)),
        Step(kind="dense", file="x", activation="tanh"),
    )
    with pytest.raises(BundleError, match=said):
        apply_steps(steps, HIDDEN, MASK, tmp_path)


class Given(torch.nn.Module):
    """An encoder whose answer is its input."""

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        del mask
        return hidden
