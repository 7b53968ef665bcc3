"""What a report says of times that are known: groups, parts, and the page of them."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.profiling.page import OUTSIDE, UNSTEADY, page_of
from edgebert.reporting.bars import Bars
from edgebert.reporting.plots import Plot
from edgebert_runtime.benchmarking.results import Quartiles
from edgebert_runtime.reporting.document import Block, Page, Table
from tests.support.profile_reports import LARGE, OPERATORS, REPORT, SMALL, STRANGE, operator


def test_the_whole_is_its_parts() -> None:
    assert REPORT.total_us == 600
    assert REPORT.isolated_us == 340
    assert REPORT.parts == {
        "products alone": 340,
        "rest of the same operators": 160,
        "products not measured alone": 15,
        "other operators": 70,
        "outside operators": 15,
    }
    assert REPORT.isolated_share == pytest.approx(340 / 500)
    assert REPORT.profiler_cost == pytest.approx(0.24)


def test_operators_of_one_type_are_together_the_longest_first() -> None:
    found = REPORT.by_kind
    assert [(group.name, group.count, group.microseconds) for group in found] == [
        ("MatMulIntegerToFloat", 2, 400),
        ("Attention", 1, 100),
        ("Gather", 1, 30),
        ("LayerNormalization", 1, 25),
        ("MatMul", 1, 15),
        ("ReduceSum", 1, 10),
        ("Cast", 1, 5),
    ]
    assert found[0].giga_per_second == pytest.approx(2 * 2 * 128 * 400 * 100 / 400e3)
    assert found[0].fraction == pytest.approx(300 / 400)
    assert found[1].operations == 2 * (2 * 16 * 8 * 16 * 12)
    assert (found[2].giga_per_second, found[2].fraction) == (None, None)
    assert found[4].giga_per_second == pytest.approx(2000 / 15e3)
    assert found[4].fraction is None


def test_layers_are_in_the_order_of_their_numbers() -> None:
    found = [(group.name, group.microseconds) for group in REPORT.by_region]
    assert found == [
        ("embeddings", 30),
        ("shared", 5),
        ("layer 2", 345),
        ("layer 10", 180),
        ("pooling", 10),
        ("unassigned", 15),
    ]


def test_products_are_counted_and_timed_where_they_are_alone() -> None:
    large, small, strange = REPORT.uses
    assert (large.product, large.count, large.microseconds) == (LARGE, 2, 200)
    assert large.giga_per_second == pytest.approx(LARGE.operations / 200e3)
    assert large.isolated_giga_per_second == pytest.approx(LARGE.operations / 150e3)
    assert large.fraction == pytest.approx(0.75)
    assert (small.product, small.count, small.microseconds) == (SMALL, 2, None)
    assert (small.giga_per_second, small.fraction) == (None, None)
    assert (strange.isolated, strange.fraction, strange.isolated_giga_per_second) == (
        None,
        None,
        None,
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["MatMul", "Add", "Gelu"]),
            st.sampled_from(["embeddings", "layer 1", "layer 2", "head"]),
            st.floats(0, 1e6),
            st.sampled_from([None, 0.0, 7.0]),
        ),
        min_size=1,
    ),
    st.floats(0, 1e4),
)
def test_every_grouping_adds_up_to_the_total(
    rows: list[tuple[str, str, float, float | None]], outside: float
) -> None:
    operators = tuple(
        operator(str(number), kind, region, time, (LARGE,) if floor != 0 else (), floor)
        for number, (kind, region, time, floor) in enumerate(rows)
    )
    report = replace(REPORT, operators=operators, outside_us=outside)
    for sums in (
        [group.microseconds for group in report.by_kind] + [outside],
        [group.microseconds for group in report.by_region] + [outside],
        list(report.parts.values()),
    ):
        assert sum(sums) == pytest.approx(report.total_us, rel=1e-9, abs=1e-6)


def test_quartiles() -> None:
    assert Quartiles.of([4.0]) == Quartiles(low=4, median=4, high=4)
    assert Quartiles.of([1.0, 2.0, 3.0, 4.0, 9.0]) == Quartiles(low=2, median=3, high=4)


def test_fields_are_json() -> None:
    fields = json.loads(json.dumps(REPORT.to_dict()))
    assert fields["total_us"] == 600
    assert fields["parts_us"]["products alone"] == 340
    assert fields["products"][0]["fraction"] == pytest.approx(0.75)
    assert [item["name"] for item in fields["operators"]] == [item.name for item in OPERATORS]
    assert fields["operators"][2]["products"][0]["k"] == 400
    assert fields["by_region"][2]["count"] == 3
    assert fields["ceilings"]["int8"]["giga_per_second"] == pytest.approx(2 * 512**3 / 250e3)


def blocks(page: Page) -> list[Block]:
    first = [page.chart] if page.chart else []
    return first + [block for section in page.sections for block in section.blocks]


def test_every_bar_of_a_layer_is_its_time() -> None:
    bars = [block for block in blocks(page_of(REPORT)) if isinstance(block, Bars)]
    whole, layers = bars
    assert sum(part.value for part in whole.bars[0].parts) == pytest.approx(0.6)
    found = {bar.name: sum(part.value for part in bar.parts) for bar in layers.bars}
    expected = {group.name: group.microseconds / 1000 for group in REPORT.by_region}
    assert found == pytest.approx(expected | {OUTSIDE: 0.015})
    layer = next(bar for bar in layers.bars if bar.name == "layer 2")
    names = [part.name for part in layer.parts]
    assert names == ["MatMulIntegerToFloat", "Attention", "LayerNormalization"]


def test_types_of_operators_beyond_the_named_share_a_stretch() -> None:
    (_, layers) = (block for block in blocks(page_of(REPORT)) if isinstance(block, Bars))
    shared = next(bar for bar in layers.bars if bar.name == "shared")
    assert [part.name for part in shared.parts] == ["others"]


def test_rows_of_tables_fit_their_columns_and_say_what_is_known() -> None:
    tables = [block for block in blocks(page_of(REPORT)) if isinstance(block, Table)]
    assert all(len(row) == len(table.columns) for table in tables for row in table.rows)
    whole, _, kinds, products = tables
    assert whole.rows[0] == ("products alone", "0.340", "56.7 %")
    assert whole.rows[-1] == ("total", "0.600", "100.0 %")
    assert kinds.rows[0] == ("MatMulIntegerToFloat", "2", "0.400", "66.7 %", "51.2", "75.0 %")
    assert kinds.rows[2] == ("Gather", "1", "0.030", "5.0 %", "", "")
    assert products.rows[0] == ("int8 128×400×100", "2", "0.200", "51.2", "68.3", "75.0 %")
    assert "int8 512×512×512 1,074 GOP/s" in products.caption


def test_a_part_below_zero_has_no_stretch() -> None:
    fast = tuple(replace(item, microseconds=item.microseconds / 10) for item in OPERATORS)
    page = page_of(replace(REPORT, operators=fast))
    whole = next(block for block in blocks(page) if isinstance(block, Bars))
    assert min(part.value for part in whole.bars[0].parts) == 0


def test_a_graph_without_products_has_no_section_of_them() -> None:
    page = page_of(replace(REPORT, operators=OPERATORS[:2], rates={}, ceilings={}))
    assert [section.title for section in page.sections] == ["The whole", "By layer", "By operator"]


def test_rates_are_drawn_below_their_ceiling() -> None:
    (plot,) = (block for block in blocks(page_of(REPORT)) if isinstance(block, Plot))
    here, alone, ceiling = plot.series
    assert [point.x for point in here.points] == [LARGE.operations / 1e6, STRANGE.operations / 1e6]
    assert [point.y for point in alone.points] == pytest.approx([68.27, 2.458], rel=1e-3)
    assert {point.y for point in ceiling.points} == {2 * 512**3 / 250e3}


def test_the_lead_compares_products_and_profiler_with_the_run() -> None:
    """340 of 500 µs, and 620 µs under the profiler."""
    assert (
        "Matrix products measured alone: 0.34 ms (68 % of the run). The profiler adds 24 %; the "
        "operator times below include that."
    ) in page_of(REPORT).lead


def test_runs_that_are_not_the_sum_of_their_parts_are_warned_of() -> None:
    assert UNSTEADY not in page_of(REPORT).lead
    slow = replace(REPORT, profiled=Quartiles(low=700.0, median=800.0, high=900.0))
    assert slow.unsteady
    assert UNSTEADY in page_of(slow).lead
