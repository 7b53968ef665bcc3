"""Attributions find what a classifier that was trained here goes by."""

from pathlib import Path

import numpy as np
import pytest

from edgebert.workflow.torch_model import open_checkpoint
from tests.support.explained_classifiers import PLANTED, areas, first_word, texts, trained
from tests.support.made_once import MadeOnce

pytestmark = pytest.mark.explained
COUNTS = [50, pytest.param(500, marks=pytest.mark.exhaustive)]
each_count = pytest.mark.parametrize("count", COUNTS)


@each_count
@pytest.mark.parametrize("method", ["occlusion", "shapley"])
def test_a_planted_word_is_first(made_once: MadeOnce, count: int, method: str) -> None:
    folder = made_once("planted", lambda out: _train(out, planted=True))
    given = [text for text, _ in texts(3 * count, seed=2, planted=True) if PLANTED in text]
    with open_checkpoint(folder / "trained") as model:
        first = [first_word(model, text, method) for text in given[:count]]
    assert len(first) == count
    assert first.count(PLANTED) >= 0.99 * count


@each_count
def test_deleting_top_words_takes_the_score(made_once: MadeOnce, count: int) -> None:
    folder = made_once("votes", lambda out: _train(out, planted=False))
    given = [text for text, _ in texts(count, seed=3, planted=False)]
    with open_checkpoint(folder / "trained") as model:
        found = np.array([areas(model, text, seed) for seed, text in enumerate(given)])
    top, by_chance = found.mean(axis=0)
    assert by_chance > 0.5  # it has learnt what it is asked about
    assert top <= 0.5 * by_chance


def _train(out: Path, *, planted: bool) -> None:
    out.mkdir()
    trained(out, planted=planted)
