import math

import numpy as np
import pytest

from edgebert_runtime.errors import BundleError
from edgebert_runtime.manifest import Step
from edgebert_runtime.pooling import POOLING, apply_steps, pool

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
