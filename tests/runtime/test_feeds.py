"""Inputs of a graph from token ids."""

import numpy as np

from edgebert_runtime.inference.feeds import make_feeds

IDS = np.array([[5, 6, 7], [8, 9, 0]])


def test_without_a_mask_there_is_no_padding() -> None:
    feeds = make_feeds(IDS)
    assert list(feeds) == ["input_ids", "attention_mask", "token_type_ids"]
    np.testing.assert_array_equal(feeds["input_ids"], IDS)
    np.testing.assert_array_equal(feeds["attention_mask"], [[1, 1, 1], [1, 1, 1]])
    np.testing.assert_array_equal(feeds["token_type_ids"], [[0, 0, 0], [0, 0, 0]])
    assert {array.dtype for array in feeds.values()} == {np.dtype(np.int64)}


def test_only_the_inputs_that_a_graph_has() -> None:
    mask = np.array([[1, 1, 1], [1, 1, 0]])
    feeds = make_feeds(IDS, mask, ["attention_mask"])
    assert list(feeds) == ["attention_mask"]
    assert feeds["attention_mask"] is mask
