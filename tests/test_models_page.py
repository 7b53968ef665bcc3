"""The page of models names what there is to measure, and has the numbers that come out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgebert.workflow.sources import open_source
from edgebert_export.verification.parity import FP32_TOLERANCE
from tests.support.families import save
from tests.support.models_page import (
    FUSIONS,
    Row,
    cases,
    committed_rows,
    measure,
    model_of,
)

TRANSFORMERS_TOLERANCE = 1e-5
QUICK = [("bert", "embed"), ("deberta-v3", "classify")]
"""Graphs that can do without padding, and some that cannot."""


@pytest.fixture(scope="module")
def committed() -> dict[tuple[str, str], Row]:
    return {(row.family, row.task): row for row in committed_rows()}


def test_the_page_has_every_family_task_and_target(
    committed: dict[tuple[str, str], Row],
) -> None:
    assert [(row.family, row.task) for row in committed_rows()] == cases()
    assert set(QUICK) < committed.keys()


def test_no_difference_is_larger_than_an_export_allows() -> None:
    for row in committed_rows():
        assert 0 < row.transformers <= TRANSFORMERS_TOLERANCE
        for difference in row.differences:
            assert difference is None or 0 < difference <= FP32_TOLERANCE


@pytest.mark.parametrize("case", cases(), ids="-".join)
def test_every_graph_has_the_fusions_that_are_promised(
    case: tuple[str, str], committed: dict[tuple[str, str], Row], tmp_path: Path
) -> None:
    promised = open_source(save(model_of(*case), tmp_path / "source")).spec.promised
    assert dict(zip(FUSIONS, committed[case].fusions, strict=True)) == dict(promised)


@pytest.mark.parametrize("case", QUICK, ids="-".join)
def test_measured_again_it_is_the_same(
    case: tuple[str, str], committed: dict[tuple[str, str], Row]
) -> None:
    measured = measure(*case)
    assert committed[case].agrees(measured), f"{committed[case]} and now {measured}"


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in cases() if case not in QUICK], ids="-".join)
def test_all_of_it_measured_again_is_the_same(
    case: tuple[str, str], committed: dict[tuple[str, str], Row]
) -> None:
    measured = measure(*case)
    assert committed[case].agrees(measured), f"{committed[case]} and now {measured}"


ROW = Row(
    family="a",
    task="tag",
    fusions=(3, 3, 7),
    transformers=1e-6,
    differences=(2e-6, None, 2e-6, None),
)


def test_a_row_reads_as_it_is_written() -> None:
    assert str(ROW) == "| a | `tag` | 3 | 3 | 7 | 1.0e-06 | 2.0e-06 | padded | 2.0e-06 | padded |"
    assert Row.parse(str(ROW)) == ROW
    with pytest.raises(ValueError, match="has 9 columns, expected 10"):
        Row.parse(str(replace(ROW, differences=ROW.differences[:3])))


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"transformers": 4e-6}, True),
        ({"transformers": 1e-5}, False),
        ({"transformers": 1e-7}, False),
        ({"task": "fill"}, False),
        ({"differences": (9e-6, None) * 2}, True),
        ({"differences": (9e-5, None) * 2}, False),
        ({"fusions": (3, 4, 7)}, False),
        ({"differences": (2e-6,) * 4}, False),
        ({"differences": (None,) * 4}, False),
    ],
)
def test_what_differs_by_more_than_rounding_is_found(changes: dict[str, Any], same: bool) -> None:
    assert ROW.agrees(replace(ROW, **changes)) is same
