"""How far answers agree with those of fp32, by hand, and on graphs whose logits are changed."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert_quantize.evaluation.agreement import AgreementEvaluator, settle_ties
from edgebert_quantize.recipes import RECIPES
from edgebert_quantize.similarity import SimilarityMetric
from edgebert_runtime import Bundle
from edgebert_runtime.tasks import agreement
from edgebert_runtime.tasks.agreement import DOCUMENTS, Counts, each_alone
from edgebert_runtime.tasks.answer import Answer
from edgebert_runtime.tasks.classify import Classification, LabelScore
from edgebert_runtime.tasks.registry import task_specs
from edgebert_runtime.tasks.tag import Entity


def classified(activation: str, **scores: float) -> Classification:
    ranked = sorted(scores.items(), key=lambda each: -each[1])
    each = tuple(LabelScore(label=label, score=score) for label, score in ranked)
    return Classification(best=each[0], scores=each, activation=activation)


def entity(label: str, start: int, end: int) -> Entity:
    return Entity(text="", label=label, score=0.9, start=start, end=end)


def test_labels() -> None:
    one, other = classified("softmax", a=0.9, b=0.1), classified("softmax", a=0.4, b=0.6)
    assert agreement.labels([one, other, other, one], [one, one, other, one]) == Counts(0.75, 1, 4)
    assert agreement.labels([], []) is None


def test_independent_labels_are_the_same_ones() -> None:
    expected = classified("sigmoid", a=0.9, b=0.6, c=0.1)
    same = classified("sigmoid", a=0.7, b=0.8, c=0.4)
    fewer = classified("sigmoid", a=0.9, b=0.4, c=0.1)
    assert agreement.labels([same, fewer], [expected, expected]) == Counts(0.5, 1, 2)


def test_values_have_no_labels() -> None:
    value = classified("none", score=3.0)
    assert agreement.labels([value], [value]) is None


def test_entities_are_right_by_label_and_ends() -> None:
    expected = [[entity("PER", 0, 3), entity("LOC", 5, 8)], [], [entity("LOC", 0, 2)]]
    found = [[entity("PER", 0, 3), entity("ORG", 5, 8)], [entity("LOC", 0, 2)], []]
    assert agreement.entities(found, expected) == Counts(pytest.approx(1 / 3), 4, 6)
    assert agreement.entities([[], []], [[], []]) is None


def test_the_order_of_documents_within_a_query() -> None:
    """Three pairs that fp32 tells apart; one of them is turned round: 1 - 2/3."""
    assert agreement.order([0.9, 0.1, 0.5], [0.9, 0.5, 0.1]) == Counts(pytest.approx(1 / 3), 1, 3)
    assert agreement.order([0.5, 0.5], [0.9, 0.1]) == Counts(-1.0, 1, 1)  # not told apart any more
    assert agreement.order([np.nan, 0.1], [0.9, 0.1]) == Counts(-1.0, 1, 1)
    assert agreement.order([0.1, 0.2], [0.51, 0.5]) is None  # a tie in fp32


def test_documents_of_two_queries_are_not_compared() -> None:
    expected = [0.9] * DOCUMENTS + [0.1] * DOCUMENTS
    assert agreement.order(expected[::-1], expected) is None


@given(st.lists(st.floats(0, 1), min_size=2, max_size=40))
def test_scores_agree_with_themselves_and_with_what_keeps_their_order(scores: list[float]) -> None:
    counts = agreement.order([each**3 + each for each in scores], scores)
    assert counts is None or counts == Counts(1.0, 0, counts.counted)


def test_queries_are_answered_by_a_document() -> None:
    pairs = agreement.queries([f"text {number} has words" for number in range(DOCUMENTS + 2)])
    assert len(pairs) == DOCUMENTS + 2
    assert pairs[0] == ("text 0", "text 0 has words")
    assert pairs[DOCUMENTS - 1] == ("text 0", f"text {DOCUMENTS - 1} has words")
    assert pairs[-1] == (f"text {DOCUMENTS}", f"text {DOCUMENTS + 1} has words")


def test_spans_by_the_characters_that_they_share() -> None:
    def answers(*places: tuple[int, int, float]) -> list[Answer]:
        return [Answer(text="", score=score, start=a, end=b) for a, b, score in places]

    expected = [answers((0, 4, 0.9), (2, 6, 0.05))] * 3
    found = [answers((a, b, 0.5)) for a, b in ((0, 4), (2, 6), (8, 9))]
    assert agreement.spans(found, expected) == Counts(pytest.approx(0.5), 2, 3)
    tied = answers((0, 4, 0.31), (2, 6, 0.3), (1, 2, 0.1))
    assert agreement.spans(found, [tied] * 3) == Counts(pytest.approx(2 / 3), 1, 3)
    assert agreement.spans([], []) is None


def test_tokens_and_sides() -> None:
    def mask(*ids: int) -> list[Any]:
        return [SimpleNamespace(token_id=id_) for id_ in ids]

    assert agreement.same_tokens([mask(1, 2), mask(3)], [mask(1, 9), mask(3)])
    assert not agreement.same_tokens([mask(1), mask(4)], [mask(1), mask(3)])
    assert each_alone(agreement.same_side)([0.6, 0.4, 0.5], [0.9, 0.6, 0.5]) == Counts(
        pytest.approx(2 / 3), 1, 3
    )


def logits(*scores: float) -> np.ndarray:
    return np.log(np.array(scores, np.float32))


@pytest.mark.parametrize(
    ("expected", "kept"),
    [((0.505, 0.495), False), ((0.52, 0.48), True), ((0.9, 0.1), True)],
)
def test_a_choice_that_is_a_tie_in_fp32_counts_as_the_same(
    expected: tuple[float, float], kept: bool
) -> None:
    found = logits(0.4, 0.6)
    settled = settle_ties(found, logits(*expected), "softmax")
    np.testing.assert_array_equal(settled, found if kept else logits(*expected))


def test_only_the_tied_labels_are_settled() -> None:
    expected, found = np.float32([0.04, 3.0, -3.0]), np.float32([-1.0, -2.0, -2.0])
    settled = settle_ties(found, expected, "sigmoid")
    np.testing.assert_array_equal(settled, np.float32([0.04, -2.0, -2.0]))
    np.testing.assert_array_equal(settle_ties(found, expected, "none"), found)


def test_every_task_with_a_head_compares_answers() -> None:
    found = {spec.name: spec.agreement and spec.agreement.metric for spec in task_specs()}
    assert found == {
        "embed": None,
        "classify": "labels",
        "tag": "entities",
        "answer": "spans",
        "rank": "order",
        "fill": "tokens",
        "next_sentence": "sides",
    }


def test_a_floor_of_a_metric_is_its_own_or_that_of_answers() -> None:
    recipe, metric = RECIPES["int8"], SimilarityMetric.SCORES
    assert recipe.threshold(metric, "order").agreement == recipe.agreement["order"]
    assert recipe.threshold(metric, "of another package").agreement == recipe.agreement["answers"]
    assert recipe.threshold(metric, None) == recipe.thresholds[metric]


def test_vectors_have_no_answers(tiny_bundle: Bundle, tmp_path: Path) -> None:
    agreements = AgreementEvaluator(tiny_bundle, tmp_path / "never opened", ["a text"])
    assert (agreements.metric, agreements.exact) == (None, None)
    assert agreements.measure(tmp_path / "never opened") is None
