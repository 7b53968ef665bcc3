"""Attributions of games whose values are known by hand."""

from collections.abc import Callable, Sequence
from itertools import permutations

import pytest

from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.postprocessing.explanation.coalitions import Coalitions
from edgebert_runtime.postprocessing.explanation.explainer import MAX_WORDS, ExplainOptions, explain
from edgebert_runtime.postprocessing.explanation.leaving_out import leave_one_out, occlusion
from edgebert_runtime.postprocessing.explanation.shapley import shapley
from edgebert_runtime.postprocessing.explanation.target import Target
from edgebert_runtime.postprocessing.explanation.words import Shortened, words_of

Game = Callable[[set[str]], float]


def coalitions(text: str, game: Game, fixed: str = "") -> Coalitions:
    return Coalitions(target(text, game, fixed), words_of(text))


def target(text: str, game: Game, fixed: str = "") -> Target:
    def values(shorter: Sequence[Shortened]) -> list[float]:
        return [game({*str(each.item).split()}) for each in shorter]

    return Target(
        name="worth", item=text, values=values, is_fixed=lambda word: word.text in fixed.split()
    )


def gloves(present: set[str]) -> float:
    """A pair of gloves is worth 1; there are two left ones and a right one."""
    return float("right" in present and bool(present & {"left", "link"}))


def curved(present: set[str]) -> float:
    """Words that help each other: the square of what they weigh."""
    return sum(map(len, present)) ** 2 / 1000


LONG = "a bb ccc dddd eeeee ffffff ggggggg hhhhhhhh iiiiiiiii jjjjjjjjjj"


def test_the_game_of_gloves() -> None:
    found = shapley(coalitions("left link right", gloves), 0.01, 1000, 0)
    assert found.values == pytest.approx([1 / 6, 1 / 6, 2 / 3])
    assert found.errors == [0, 0, 0]
    assert found.reached


def test_values_of_few_words_are_those_of_all_orders() -> None:
    text = "a bb ccc dddd"
    players, orders = text.split(), list(permutations(text.split()))
    expected = {
        player: sum(
            curved({*order[: order.index(player) + 1]}) - curved({*order[: order.index(player)]})
            for order in orders
        )
        / len(orders)
        for player in players
    }
    assert shapley(coalitions(text, curved), 0.01, 1000, 0).values == pytest.approx(
        list(expected.values())
    )


def test_sampled_values_sum_to_the_answer_and_are_within_their_errors() -> None:
    """Of a square the Shapley value is known: weight times the weight of all."""
    total = sum(map(len, LONG.split()))
    exact = [len(word) * total / 1000 for word in LONG.split()]
    game = coalitions(LONG, lambda present: curved(present) + ("a" in present) * ("bb" in present))
    found = shapley(game, 0.002, 100_000, 0)
    exact[0] += 0.5
    exact[1] += 0.5
    assert found.reached
    assert 0 < max(found.errors) <= 0.002
    assert sum(found.values) == pytest.approx(total**2 / 1000 + 1, abs=1e-9)
    for value, error, true in zip(found.values, found.errors, exact, strict=True):
        assert abs(value - true) <= 5 * error + 1e-9


def test_sampling_ends_where_it_may_run_no_more() -> None:
    noisy = coalitions(LONG, lambda present: hash(frozenset(map(len, present))) % 97 / 97)
    found = shapley(noisy, 1e-6, 500, 0)
    assert not found.reached
    assert noisy.runs <= 500
    assert sum(found.values) == pytest.approx(
        noisy.values([noisy.whole])[0] - noisy.values([frozenset()])[0]
    )


def test_the_same_seed_gives_the_same_values() -> None:
    def noise(present: set[str]) -> float:
        return sum(len(word) ** 2 for word in present) * 37 % 11 / 11

    one, again, other = (shapley(coalitions(LONG, noise), 1e-9, 300, seed) for seed in (1, 1, 2))
    assert one == again
    assert one.values != other.values


def test_leaving_out_by_hand() -> None:
    game = coalitions("left link right", gloves)
    assert leave_one_out(game) == [0, 0, 1]
    assert occlusion(game, 1) == [0, 0, 1]
    assert occlusion(game, 2) == [1, 1, 1]  # both left ones; link and right; link is in both
    assert occlusion(game, 9) == [1, 1, 1]  # a window of all words


def test_no_set_is_run_twice() -> None:
    seen: list[frozenset[str]] = []

    def game(present: set[str]) -> float:
        seen.append(frozenset(present))
        return 0.0

    everything = ExplainOptions(methods=("shapley", "leave_one_out", "occlusion"))
    found = explain(target("a b c d e", game), everything, "task", "variant")
    assert len(seen) == len({*seen}) == found.runs == 2**5


def test_fixed_words_stay_and_get_nothing() -> None:
    always: list[bool] = []

    def game(present: set[str]) -> float:
        always.append("M" in present)
        return float("b" in present)

    found = explain(target("a M b", game, fixed="M"), ExplainOptions(), "task", "variant")
    assert all(always)
    assert found.attributions["shapley"].values == [0, None, 1]
    assert any("must stay" in line for line in found.lines())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"methods": ("lime",)},
            "method must be one of shapley, leave_one_out, occlusion, attention; got lime",
        ),
        ({"methods": ()}, "got none"),
        ({"window": 0}, "window must be at least 1, got 0"),
        ({"most_runs": 0}, "most_runs must be at least 1"),
        ({"error": 0.0}, "error must be between 0 and 1"),
        ({"error": "small"}, "error"),
    ],
)
def test_odd_options_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ExplainOptions(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no word"),
        ("  ", "no word"),
        ("a " * (MAX_WORDS + 1), "text has 1,001 words, at most 1,000 are explained"),
    ],
)
def test_texts_that_cannot_be_explained(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        explain(target(text, lambda _: 0.0), ExplainOptions(), "task", "variant")
