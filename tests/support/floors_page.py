"""Writes the table of floors in docs/how-to/quantize.md from the recipes.

Usage: python -m tests.support.floors_page
"""

from pathlib import Path
from typing import Final

from edgebert_quantize import RECIPES, Recipe
from edgebert_quantize.recipes import ANSWERS
from edgebert_quantize.similarity import SimilarityMetric

PAGE: Final = Path("docs/how-to/quantize.md")
BEGIN: Final = "<!-- from the recipes: python -m tests.support.floors_page -->\n"
END: Final = "<!-- end -->\n"
ORDER: Final = "order"
COLUMNS: Final = (
    "recipe",
    "cosine, mean",
    "worst",
    "scores, mean",
    "worst",
    "values, mean",
    "worst",
    "answers that agree",
    "order of documents (Kendall's tau)",
)


def table() -> str:
    """What stands between the marks."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *map(_row, RECIPES.values())]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _row(recipe: Recipe) -> list[str]:
    floors = [
        floor
        for metric in SimilarityMetric
        for floor in (recipe.thresholds[metric].mean, recipe.thresholds[metric].worst)
    ]
    floors += [recipe.agreement[ANSWERS], recipe.agreement[ORDER]]
    return [f"`{recipe.name}`", *map(str, floors)]


def parts(page: str) -> tuple[str, str, str]:
    """A page before its table, the table, and what follows.

    Raises:
        ValueError: it lacks a mark.
    """
    before, begin, rest = page.partition(BEGIN)
    found, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE} lacks its marks")
    return before, found, after


def main() -> None:
    """Replace what stands between the marks."""
    before, _, after = parts(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(f"{before}{BEGIN}{table()}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
