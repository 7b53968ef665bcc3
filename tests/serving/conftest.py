"""Servers that the tests of this folder share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgebert_runtime import Bundle, Embedder, load
from tests.support.served import FAST, IMPATIENT, PARSERS, Served, serving


@pytest.fixture(scope="session", params=PARSERS)
def parser(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "httptools" and not FAST:
        pytest.skip("EDGEBERT_SERVE_FAST is not set; `.ci/serving` sets it")
    return name


@pytest.fixture(scope="session")
def impatient(
    parser: str, tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server with short deadlines."""
    folder = tmp_path_factory.mktemp(f"impatient-{parser}")
    words = (tiny_bundle.folder, parser)
    with serving(folder, *words, program=IMPATIENT, fast=parser == "httptools") as served:
        yield served


@pytest.fixture(scope="session")
def usual(
    parser: str, tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server as the command makes it."""
    folder: Path = tmp_path_factory.mktemp(f"usual-{parser}")
    words = (f"model={tiny_bundle.folder}", "--parser", parser)
    with serving(folder, *words, fast=parser == "httptools") as served:
        yield served


@pytest.fixture(scope="session")
def model(tiny_bundle: Bundle) -> Embedder:
    return load(tiny_bundle)
