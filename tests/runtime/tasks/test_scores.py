import math

import numpy as np
import pytest

from edgebert_runtime.postprocessing.activations import ACTIVATIONS, sigmoid, softmax


def test_softmax_by_hand() -> None:
    # exp(ln 1, ln 2, ln 5) = 1, 2, 5 of 8
    shares = softmax(np.log(np.array([[1, 2, 5]], dtype=np.float32)))
    np.testing.assert_allclose(shares, [[0.125, 0.25, 0.625]], rtol=1e-6)
    assert shares.dtype == np.float32


def test_sigmoid_by_hand() -> None:
    # 1 / (1 + exp(-ln 3)) = 3 / 4
    chances = sigmoid(np.array([np.log(3), 0, -np.log(3)], dtype=np.float32))
    np.testing.assert_allclose(chances, [0.75, 0.5, 0.25], rtol=1e-6)
    assert chances.dtype == np.float32


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_huge_logits_neither_overflow_nor_warn(activation: str) -> None:
    scores = ACTIVATIONS[activation](np.array([1e38, -1e38, 0], dtype=np.float32))
    np.testing.assert_array_equal(scores[:2], [1, 0])


def test_small_probabilities_keep_their_digits() -> None:
    """A naive 1 / (1 + exp(-x)) has exp(80) right, but 1 - sigmoid(80) would be 0."""
    np.testing.assert_allclose(
        sigmoid(np.array([-80], dtype=np.float32)), [math.exp(-80)], rtol=1e-5
    )
