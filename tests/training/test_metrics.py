"""Metrics against values worked out by hand."""

import numpy as np
import pytest

from edgebert.training.metrics import (
    answer_scores,
    entities_of,
    multi_label_scores,
    plain,
    ranking_scores,
    regression_scores,
    single_label_scores,
    spearman,
    tagging_scores,
)
from edgebert_runtime.errors import InputError


def test_single_labels_by_hand() -> None:
    targets = np.array([0, 0, 0, 1, 1])
    logits = np.array([[2.0, 0], [1, 0], [0, 3], [0, 1], [2, 0]])
    scores = single_label_scores(targets, logits)
    # Found 0 0 1 1 0: precision 2/3 and 1/2, recall 2/3 and 1/2, so F1 the same.
    assert scores.confusion == ((2, 1), (1, 1))
    assert scores.values["accuracy"] == pytest.approx(3 / 5)
    for name in ("precision", "recall", "f1"):
        assert scores.values[name] == pytest.approx((2 / 3 + 1 / 2) / 2)
    named = single_label_scores(targets, logits, ("a", "b")).by_label
    assert named["a"] == pytest.approx(
        {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "count": 3}
    )
    assert named["b"] == pytest.approx(
        {"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2, "count": 2}
    )
    assert scores.by_label == {}
    # Margins of 1: −2 −1 3 for label 0 and 1 −2 for label 1; of 6 pairs, 2 + ½ are in order.
    assert scores.values["roc_auc"] == pytest.approx(2.5 / 6)


def test_a_label_that_nobody_has_leaves_out_roc_auc_alone() -> None:
    scores = single_label_scores(np.array([0, 1]), np.array([[2.0, 0, 0], [0, 2, 0]]))
    assert "roc_auc" not in scores.values
    assert scores.values["accuracy"] == 1.0
    assert scores.confusion == ((1, 0, 0), (0, 1, 0), (0, 0, 0))


def test_three_labels_have_a_roc_auc() -> None:
    perfect = single_label_scores(np.array([0, 1, 2]), 5 * np.eye(3, dtype=np.float32))
    assert perfect.values["roc_auc"] == 1.0


def test_several_labels_by_hand() -> None:
    targets = np.array([[1, 0, 1], [0, 1, 1]])
    logits = np.array([[3.0, 1, -1], [-1, 2, 1]])
    values = multi_label_scores(targets, logits).values
    # Found 4: right 3; there are 4. The third label is on every row, so it has no ROC AUC.
    assert values["accuracy"] == 0.5
    assert (values["precision"], values["recall"]) == (0.75, 0.75)
    assert values["roc_auc"] == 1.0
    named = multi_label_scores(targets, logits, ("a", "b", "c")).by_label
    assert [each["count"] for each in named.values()] == [1, 1, 2]
    assert (named["b"]["precision"], named["c"]["recall"]) == (0.5, 0.5)


def test_numbers_by_hand() -> None:
    values = regression_scores(np.array([1.0, 2, 3]), np.array([1.0, 30, 20])).values
    # Ranks 1 2 3 and 1 3 2: 1 − 6·2/(3·8).
    assert values["spearman"] == pytest.approx(0.5)
    assert values["mean_absolute_error"] == pytest.approx(45 / 3)
    assert spearman(np.array([1.0, 1.0]), np.array([1.0, 2.0])) == 0.0


def test_ranking_by_hand() -> None:
    values = ranking_scores(np.array([1.0, 0, 1, 0]), np.array([2.0, -1, -3, -2])).values
    assert (values["roc_auc"], values["accuracy"]) == (0.5, 0.75)
    with pytest.raises(InputError, match="one label only"):
        ranking_scores(np.array([1.0, 1.0]), np.array([1.0, 2.0]))


@pytest.mark.parametrize(
    ("labels", "entities"),
    [
        ("O B-A I-A O B-B", [("A", 1, 3), ("B", 4, 5)]),
        ("B-A B-A", [("A", 0, 1), ("A", 1, 2)]),
        ("I-A I-A", [("A", 0, 2)]),
        ("B-A I-B", [("A", 0, 1), ("B", 1, 2)]),
        ("B-A O I-A", [("A", 0, 1), ("A", 2, 3)]),
        ("B-new-york I-new-york", [("new-york", 0, 2)]),
        ("O O", []),
    ],
)
def test_entities(labels: str, entities: list[tuple[str, int, int]]) -> None:
    found = entities_of(labels.split())
    assert [(entity.label, entity.start, entity.end) for entity in found] == entities


def test_entity_f1_by_hand() -> None:
    expected = [["B-A", "I-A", "O", "B-B", "O"], ["B-A", "O"]]
    found = [["B-A", "I-A", "O", "B-A", "O"], ["B-A", "I-A"]]
    values = tagging_scores(expected, found).values
    # There: A(0,2) B(3,4) and A(0,1). Found: A(0,2) A(3,4) and A(0,2). One is right.
    for name in ("precision", "recall", "f1"):
        assert values[name] == pytest.approx(1 / 3)
    assert values["accuracy"] == pytest.approx(5 / 7)
    named = tagging_scores(expected, found).by_label
    assert named["A"] == pytest.approx({"precision": 1 / 3, "recall": 1 / 2, "f1": 0.4, "count": 2})
    assert named["B"] == {"precision": 0, "recall": 0, "f1": 0, "count": 1}


def test_no_entity_anywhere_is_no_division_by_zero() -> None:
    values = tagging_scores([["B-A"]], [["O"]]).values
    assert (values["precision"], values["recall"], values["f1"]) == (0.0, 0.0, 0.0)


def test_plain_tags_are_judged_word_by_word() -> None:
    values = tagging_scores([["UP", "O", "UP", "O"]], [["UP", "UP", "O", "O"]]).values
    for name in ("accuracy", "precision", "recall", "f1"):
        assert values[name] == pytest.approx(0.5)
    named = tagging_scores([["UP", "O", "UP", "O"]], [["UP", "UP", "O", "O"]]).by_label
    assert named == {"UP": {"precision": 0.5, "recall": 0.5, "f1": 0.5, "count": 2}}


def test_answers_by_hand() -> None:
    assert plain("The  Cat's, an apple!") == "cats apple"
    expected = ["the red mat", "a small dog", "", ""]
    found = ["Red mat.", "small cat", "", "dog"]
    values = answer_scores(expected, found).values
    assert values["exact_match"] == 0.5
    # 1, then one word of two on either side, 1 for rightly nothing, 0 for something.
    assert values["f1"] == pytest.approx((1 + 0.5 + 1 + 0) / 4)
    assert answer_scores(expected, found).by_label == {
        "answer": {"exact_match": 0.5, "f1": 0.75, "count": 2},
        "no answer": {"exact_match": 0.5, "f1": 0.5, "count": 2},
    }


def test_large_logits_do_not_overflow() -> None:
    logits = np.array([[1e4, 0], [0, 1e4], [1e4, 0], [0, 1e4]], dtype=np.float32)
    assert single_label_scores(np.array([0, 1, 0, 1]), logits).values["roc_auc"] == 1
