"""Fixtures for the tasks: each tiny model is exported once a session, when first asked for."""

import warnings
from collections.abc import Iterator
from functools import cache

import pytest

from tests.support.task_bundles import GetSample, Recipe, Sample, build


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> GetSample:
    """From a recipe to its model in torch, its tokenizer and its bundle; never write into it."""
    folder = tmp_path_factory.mktemp("samples")

    @cache
    def get(recipe: Recipe) -> Sample:
        return build(recipe, folder / recipe.model / recipe.task)

    return get


@pytest.fixture
def peer_may_warn() -> Iterator[None]:
    """Transformers' pipelines warn of what ours documents."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
