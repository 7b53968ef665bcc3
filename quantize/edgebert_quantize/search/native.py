"""Whether what a search chose has a variant for edgebert-native."""

from edgebert_quantize.recipes import SCHEME_LABELS, Recipe
from edgebert_quantize.search.budget import Budget
from edgebert_quantize.search.trials import Point
from edgebert_runtime.engine.native import NAME


def why_not_native(found: Point, recipe: Recipe, budget: Budget) -> str:
    """Why the chosen graph has none; empty if its layers are those of the recipe without a budget.

    Args:
        found: the chosen graph.
        recipe: with linear layers.
        budget: that the search was given.
    """
    schemes = found.assignment.schemes
    expected = recipe.linears.schemes[0] if recipe.linears else schemes[0]
    others = sum(scheme != expected for scheme in schemes)
    if others:
        label = SCHEME_LABELS[expected]
        return f"{others} of {len(schemes)} linear layers have another scheme than {label}"
    if budget.drops:
        return f"the budget limits {', '.join(budget.drops)}, which is measured without {NAME}"
    return ""
