"""Sampled Shapley values: those of the model are exact, and what it misses is sampled fairly."""

from collections.abc import Sequence
from itertools import product
from math import comb

import numpy as np
import pytest

from edgebert_runtime.postprocessing.explanation import sampling, shapley
from edgebert_runtime.postprocessing.explanation.coalitions import Coalitions
from edgebert_runtime.postprocessing.explanation.pairs import contributions, draw
from edgebert_runtime.postprocessing.explanation.surrogate import Floats, fit
from edgebert_runtime.postprocessing.explanation.target import Target
from edgebert_runtime.postprocessing.explanation.words import Shortened, words_of

WORDS = 11
ALL = np.array([*product((-1.0, 1.0), repeat=WORDS)])
"""Every set of the words, as signs."""


def by_definition(values: Floats) -> Floats:
    """Shapley values of a game that is given by its value for each row of `ALL`."""
    sizes = (ALL > 0).sum(axis=1)
    found = []
    for word in range(WORDS):
        kept = ALL[:, word] > 0
        others = np.where(kept, sizes - 1, sizes)
        shares = np.array([1 / (WORDS * comb(WORDS - 1, int(size))) for size in others])
        found.append(float((np.where(kept, shares, -shares) * values).sum()))
    return np.array(found)


def game_of(values: Floats, count: int = WORDS) -> Coalitions:
    """Of as many words; what is kept of the first ones says what a set is worth."""
    worth = dict(zip(map(tuple, ALL.tolist()), values.tolist(), strict=True))
    names = [f"w{number}" for number in range(count)]

    def run(shorter: Sequence[Shortened]) -> list[float]:
        sets = [{*str(each.item).split()} for each in shorter]
        return [
            worth[tuple(1.0 if name in each else -1.0 for name in names[:WORDS])] for each in sets
        ]

    text = " ".join(names)
    return Coalitions(Target(name="worth", item=text, values=run), words_of(text))


def rough(seed: int) -> Floats:
    """A game without any order in it, beside some weight for each word."""
    random = np.random.default_rng(seed)
    return np.asarray(ALL @ random.normal(size=WORDS) + 0.5 * random.normal(size=len(ALL)))


def test_shapley_values_of_the_model_are_those_of_the_definition() -> None:
    pairs = draw(game_of(rough(0)), np.random.default_rng(0), 40)
    model = fit(pairs.signs, pairs.halves)
    assert model.shapley == pytest.approx(by_definition(model.predict(ALL)), abs=1e-9)


def test_a_model_without_a_row_is_the_one_fitted_without_it() -> None:
    pairs = draw(game_of(rough(0)), np.random.default_rng(0), 12)
    model = fit(pairs.signs, pairs.halves)
    others = [
        fit(np.delete(pairs.signs, row, axis=0), np.delete(pairs.halves, row)) for row in range(12)
    ]
    missed = [
        pairs.halves[row] - float(other.predict(pairs.signs[row : row + 1])[0])
        for row, other in enumerate(others)
    ]
    assert model.left_out == pytest.approx(missed, abs=1e-9)
    mean = np.mean([other.shapley for other in others], axis=0)
    assert model.shapley_left_out == pytest.approx(mean, abs=1e-9)


def test_contributions_have_no_bias() -> None:
    """Their mean over all sets, weighted as they are drawn, is what the definition gives."""
    values = rough(1)
    values[-1] = values[0]  # the whole text is worth as much as the empty one
    sizes = (ALL > 0).sum(axis=1)
    inner = (sizes > 0) & (sizes < WORDS)
    halves = (values - values[::-1]) / 2
    shares = 1 / np.sqrt(np.arange(1, WORDS) * np.arange(WORDS - 1, 0, -1))
    shares /= shares.sum()
    chances = [shares[size - 1] / comb(WORDS, int(size)) for size in sizes[inner]]
    found = contributions(ALL[inner], halves[inner])
    assert np.array(chances) @ found == pytest.approx(by_definition(values), abs=1e-9)


@pytest.mark.parametrize("fitted", [64, 1024])
def test_errors_are_as_large_as_they_say(fitted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over seeds, the distance from the truth is the standard error, frozen model or not.

    A game without order is the worst case: drawn twice, a set is known to the model.
    """
    monkeypatch.setattr(sampling, "FITTED", fitted)
    values = rough(2)
    exact = by_definition(values)
    scores = []
    for seed in range(8):
        found = shapley.shapley(game_of(values), 1e-9, 300, seed)
        scores.append((np.array(found.values) - exact) / np.array(found.errors))
        assert sum(found.values) == pytest.approx(values[-1] - values[0], abs=1e-9)
    assert 0.8 < float(np.sqrt(np.mean(np.square(scores)))) < 1.35
    assert abs(float(np.mean(scores))) < 0.3


def test_words_that_do_nothing_are_worth_nothing() -> None:
    found = shapley.shapley(game_of(rough(3), count=30), 1e-9, 2_000, 0)
    assert not found.reached
    for value, error in zip(found.values[WORDS:], found.errors[WORDS:], strict=True):
        assert abs(value) < 5 * error


@pytest.mark.parametrize(("bend", "most"), [(0.1, 130), (0.5, 800)])
def test_few_runs_are_enough_where_the_model_fits(bend: float, most: int) -> None:
    values = np.tanh(ALL @ np.linspace(0, bend, WORDS))
    coalitions = game_of(values)
    found = shapley.shapley(coalitions, 0.01, 4_000, 0)
    assert found.reached
    assert coalitions.runs <= most


def test_an_answer_of_zero_is_sampled_to_the_end() -> None:
    coalitions = game_of(rough(4))
    assert not shapley.shapley(coalitions, 0.0, 300, 0).reached
    assert coalitions.runs <= 300
