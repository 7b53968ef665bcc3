"""Fixtures for tasks: each tiny model is exported once in a run, when first asked for."""

from functools import cache

import pytest

from tests.support.made_once import MadeOnce
from tests.support.task_bundles import GetSample, Recipe, Sample, build


@pytest.fixture(scope="session")
def sample(made_once: MadeOnce) -> GetSample:
    """From a recipe to its model in torch, its tokenizer and its bundle; never write into it."""

    @cache
    def get(recipe: Recipe) -> Sample:
        return build(recipe, made_once)

    return get
