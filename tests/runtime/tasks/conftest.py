"""Fixtures for the tasks: each tiny model is exported once in a run, when first asked for."""

import warnings
from collections.abc import Iterator
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


@pytest.fixture
def peer_may_warn() -> Iterator[None]:
    """Transformers' pipelines warn of what ours documents."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
