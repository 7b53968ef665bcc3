"""Budgets as users write them."""

import pytest

from edgebert_quantize.search.budget import Measured, parse_budget
from edgebert_quantize.similarity import QualityThreshold, SimilarityMetric
from edgebert_runtime.errors import ConfigError

EXACT = Measured(mean=1.0, worst=1.0, accuracy=0.9)


def test_every_form_by_hand() -> None:
    budget = parse_budget(
        "cosine>=0.999, worst >= 0.99,accuracy_drop<=0.5%", SimilarityMetric.COSINE
    )
    assert (budget.mean, budget.worst, budget.accuracy_drop) == (0.999, 0.99, 0.005)
    assert parse_budget("scores>=99%", SimilarityMetric.SCORES).mean == 0.99


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
        ("scores>=0.9", "'scores' does not apply to this bundle; use cosine, worst"),
        ("latency<=3", "'latency' does not apply to this bundle"),
        ("cosine>=99", "cosine must be between 0 and 1"),
    ],
)
def test_what_is_no_budget_says_what_would_be(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        parse_budget(text, SimilarityMetric.COSINE)


@pytest.mark.parametrize(
    ("text", "measured", "kept"),
    [
        ("cosine>=0.99", Measured(mean=0.99, worst=0.1), True),
        ("cosine>=0.99", Measured(mean=0.9899, worst=0.9), False),
        ("cosine>=0.99", Measured(mean=float("nan"), worst=0.9), False),
        ("worst>=0.5", Measured(mean=0.6, worst=0.5), True),
        ("worst>=0.5", Measured(mean=0.6, worst=0.4), False),
        ("cosine>=0.5,worst>=0.5", Measured(mean=0.6, worst=0.4), False),
        ("accuracy_drop<=1%", Measured(mean=0.1, worst=0.1, accuracy=0.89), True),
        ("accuracy_drop<=1%", Measured(mean=1, worst=1, accuracy=0.8899), False),
        ("accuracy_drop<=0%", Measured(mean=1, worst=1, accuracy=0.95), True),
    ],
)
def test_what_keeps_a_budget(text: str, measured: Measured, kept: bool) -> None:
    assert parse_budget(text, SimilarityMetric.COSINE).is_met_by(measured, EXACT) is kept


def test_the_threshold_is_the_budgets_where_it_has_one() -> None:
    usual = QualityThreshold(mean=0.9, worst=0.8)
    assert parse_budget("cosine>=0.999", SimilarityMetric.COSINE).threshold(
        usual
    ) == QualityThreshold(mean=0.999, worst=0.8)
    assert parse_budget("worst>=0.5", SimilarityMetric.COSINE).threshold(usual) == QualityThreshold(
        mean=0.9, worst=0.5
    )
