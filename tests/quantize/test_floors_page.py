"""Every floor stands in docs/how-to/quantize.md, as the recipes have it."""

import pytest

from edgebert_quantize import RECIPES
from tests.support.floors_page import PAGE, parts, table


def test_the_page_has_the_floors_of_the_recipes() -> None:
    assert parts(PAGE.read_text(encoding="utf-8"))[1] == table()


def test_every_recipe_has_a_row_with_all_its_floors() -> None:
    rows = table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == list(RECIPES)
    for row, recipe in zip(rows, RECIPES.values(), strict=True):
        pairs = [(each.mean, each.worst) for each in recipe.thresholds.values()]
        floors = [*(floor for pair in pairs for floor in pair), *recipe.agreement.values()]
        assert [float(cell) for cell in row.strip("| ").split(" | ")[1:]] == floors


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks its marks"):
        parts("no table")
