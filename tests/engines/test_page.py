"""The page of engines has the variants that the recipes make; .ci/engines holds what it says."""

import pytest

from edgebert_quantize.recipes import RECIPES
from tests.support.engines.page import PAGE, VARIANTS, said, with_part
from tests.support.engines.write_bundle import RECIPES as MADE


def test_the_page_has_every_recipe_that_a_cpu_runs() -> None:
    page = PAGE.read_text(encoding="utf-8")
    on_gpus = {"fp16-packed", "bf16"}
    assert set(MADE) == RECIPES.keys() - on_gpus
    for name in {*MADE, "int8-portable", "int8-cpu", "portable", "cpu"} - {"int8"}:
        assert f"| `{name}` | `onnx/" in page


def test_a_part_is_replaced_between_its_marks() -> None:
    page = PAGE.read_text(encoding="utf-8")
    changed = with_part(page, VARIANTS, "new\n")
    assert "new\n<!-- end variants -->" in changed
    assert with_part(changed, VARIANTS, "old\n").count("old\n") == 1
    with pytest.raises(ValueError, match="lacks the marks of nothing"):
        with_part(page, "nothing", "")


@pytest.mark.parametrize(
    ("version", "expected"), [("1.32.0", "yes"), ("1.23.2", "up to 1.23.2"), (None, "none")]
)
def test_a_cell_says_whether_there_is_a_wheel(version: str | None, expected: str) -> None:
    assert said(version, "1.32.0") == expected
