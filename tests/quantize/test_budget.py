"""Budgets as users write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert_quantize.evaluation.accuracy import Accuracy, paired
from edgebert_quantize.search.budget import Measured, parse_budget
from edgebert_quantize.similarity import QualityThreshold, SimilarityMetric
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.tasks.agreement import Agreement


def test_every_form_by_hand() -> None:
    budget = parse_budget(
        "cosine>=0.999, worst >= 0.99,accuracy_drop<=0.5%", SimilarityMetric.COSINE
    )
    assert (budget.mean, budget.worst, budget.accuracy_drop) == (0.999, 0.99, 0.005)
    assert parse_budget("scores>=99%", SimilarityMetric.SCORES).mean == 0.99
    recall = parse_budget("recall_drop<=3%", SimilarityMetric.COSINE)
    assert (recall.recall_drop, recall.drops) == (0.03, {"recall": 0.03})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "budget '' is not a limit; write one of cosine>=0.999"),
        ("good", "budget 'good' is not a limit"),
        ("cosine>0.9", "budget 'cosine>0.9' is not a limit"),
        ("cosine>=much", "budget 'cosine>=much' is not a limit"),
        ("cosine>=1.2.3", "budget 'cosine>=1.2.3' is not a limit"),
        ("cosine<=0.9", "budget cosine<= limits nothing; write cosine>="),
        ("accuracy_drop>=1%", "write accuracy_drop<="),
        ("recall_drop>=1%", "write recall_drop<="),
        (
            "scores>=0.9",
            "'scores' does not apply to this model; use cosine>=0.999, worst>=0.99, acc",
        ),
        ("latency<=3", "'latency' does not apply to this model"),
        ("cosine>=99", "cosine must be between 0 and 1"),
    ],
)
def test_what_is_no_budget_says_what_would_be(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        parse_budget(text, SimilarityMetric.COSINE)


def accuracy(lost: int, gained: int = 0, rows: int = 100, flipped: int | None = None) -> Accuracy:
    flips = lost + gained if flipped is None else flipped
    return Accuracy(rows=rows, fp32_right=90, lost=lost, gained=gained, flipped=flips)


def agreement(value: float) -> Agreement:
    return Agreement(metric="labels", value=value, flipped=1, counted=50, unit="texts")


@pytest.mark.parametrize(
    ("text", "measured", "kept"),
    [
        ("cosine>=0.99", Measured(mean=0.99, worst=0.1), True),
        ("cosine>=0.99", Measured(mean=0.9899, worst=0.9), False),
        ("cosine>=0.99", Measured(mean=float("nan"), worst=0.9), False),
        ("worst>=0.5", Measured(mean=0.6, worst=0.5), True),
        ("worst>=0.5", Measured(mean=0.6, worst=0.4), False),
        ("cosine>=0.5,worst>=0.5", Measured(mean=0.6, worst=0.4), False),
        ("agreement>=0.98", Measured(mean=0.1, worst=0.1, agreement=agreement(0.98)), True),
        ("agreement>=99%", Measured(mean=1, worst=1, agreement=agreement(0.98)), False),
        ("agreement>=99%", Measured(mean=1, worst=1, agreement=None), True),
        ("accuracy_drop<=1%", Measured(mean=0.1, worst=0.1, accuracy=accuracy(3, 2)), True),
        ("accuracy_drop<=1%", Measured(mean=1, worst=1, accuracy=accuracy(2)), False),
        ("accuracy_drop<=0.7%", Measured(mean=1, worst=1, accuracy=accuracy(7, 0, 1000)), True),
        ("accuracy_drop<=0%", Measured(mean=1, worst=1, accuracy=accuracy(0, 5)), True),
        ("recall_drop<=2%", Measured(mean=0.1, worst=0.1, recall=accuracy(3, 1)), True),
        ("recall_drop<=2%", Measured(mean=1, worst=1, recall=accuracy(3)), False),
    ],
)
def test_what_keeps_a_budget(text: str, measured: Measured, kept: bool) -> None:
    budget = parse_budget(text, SimilarityMetric.COSINE, answers=True)
    assert budget.is_met_by(measured) is kept


def test_a_limit_on_answers_needs_answers() -> None:
    with pytest.raises(
        ConfigError, match=r"'agreement' does not apply .*; use cosine>=0.999, worst>=0.99, acc"
    ):
        parse_budget("agreement>=0.9", SimilarityMetric.COSINE)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("accuracy_drop<=0.1%", 1000),
        ("accuracy_drop<=1.7%", 59),
        ("recall_drop<=0.7%", 143),
    ],
)
def test_rows_that_resolve_a_budget_are_enough_and_one_less_is_refused(
    text: str, rows: int
) -> None:
    budget = parse_budget(text, SimilarityMetric.SCORES)
    budget.require_rows(rows, "here")
    with pytest.raises(ConfigError, match=f"needs at least {rows} labelled rows, here has"):
        budget.require_rows(rows - 1, "here")


def test_a_budget_finer_than_a_row_says_what_the_rows_resolve() -> None:
    budget = parse_budget("accuracy_drop<=0.1%", SimilarityMetric.SCORES)
    message = (
        "budget 'accuracy_drop<=0.1%' needs at least 1000 labelled rows, data.csv has 59, each of "
        "1.69 points; give more rows, or allow accuracy_drop<=1.7%"
    )
    with pytest.raises(ConfigError) as caught:
        budget.require_rows(59, "data.csv")
    assert str(caught.value) == message
    parse_budget("accuracy_drop<=1.7%", SimilarityMetric.SCORES).require_rows(59, "data.csv")


def test_no_rows_show_that_nothing_is_lost() -> None:
    budget = parse_budget("accuracy_drop<=0%", SimilarityMetric.SCORES)
    with pytest.raises(ConfigError, match="needs more than any number of labelled rows"):
        budget.require_rows(10**6, "here")
    parse_budget("scores>=1", SimilarityMetric.SCORES).require_rows(1, "here")


def test_a_drop_is_points_and_rows_by_hand() -> None:
    found = paired([0, 0, 1, 2, 1], [0, 1, 0, 1, 0], labels=[0, 1, 1, 0, 0])
    assert found == Accuracy(rows=5, fp32_right=3, lost=2, gained=1, flipped=4)
    assert (found.fp32, found.quantized, found.drop) == (0.6, 0.4, pytest.approx(0.2))
    assert str(accuracy(2, 1, rows=300)).endswith("points, 1 of 300 rows")
    assert str(accuracy(2, 1, rows=300)).startswith("0.33 ± ")
    assert str(accuracy(0, 1, rows=300)).endswith("points, -1 of 300 rows")
    assert str(accuracy(0, 1, rows=300)).startswith("-0.33 ± ")


def test_the_error_of_a_drop_by_hand() -> None:
    assert accuracy(0, rows=98).error == pytest.approx(1 / 100)  # no row differs: one row
    assert accuracy(6, 2, rows=98).error == pytest.approx((9 - 16 / 100) ** 0.5 / 100)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(120, 5000))
def test_the_error_of_a_drop_is_a_row_or_more(lost: int, gained: int, rows: int) -> None:
    found = accuracy(lost, gained, rows)
    assert found.error >= 0.99 / (rows + 2)
    assert found.error == accuracy(gained, lost, rows).error
    assert found.to_manifest()["drop"] == -accuracy(gained, lost, rows).drop


def test_the_threshold_is_the_budgets_where_it_has_one() -> None:
    usual = QualityThreshold(mean=0.9, worst=0.8, agreement=0.7)
    assert parse_budget("cosine>=0.999", SimilarityMetric.COSINE).threshold(
        usual
    ) == QualityThreshold(mean=0.999, worst=0.8, agreement=0.7)
    assert parse_budget("worst>=0.5", SimilarityMetric.COSINE).threshold(usual) == QualityThreshold(
        mean=0.9, worst=0.5, agreement=0.7
    )
    answers = parse_budget("agreement>=0.99", SimilarityMetric.SCORES, answers=True)
    assert answers.threshold(usual) == QualityThreshold(mean=0.9, worst=0.8, agreement=0.99)
