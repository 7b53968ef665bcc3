"""Fixtures for the tasks."""

import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture
def peer_may_warn() -> Iterator[None]:
    """Transformers' pipelines warn of what ours documents."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
