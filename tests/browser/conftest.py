"""A browser that all tests here share, and what they open in it."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from edgebert.workflow.page import APP
from edgebert_runtime import Bundle
from tests.support.devtools import Browser, Tab, browser
from tests.support.made_once import MadeOnce
from tests.support.web.bundle_of_task import write_bundle


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Tab]:
    with chromium.tab() as opened:
        yield opened


@pytest.fixture(scope="session")
def app() -> Path:
    """The page's scripts."""
    assert APP.is_dir(), "the page's scripts are missing; make them with: .ci/page-app"
    return APP


@pytest.fixture(scope="session")
def bundle_of(made_once: MadeOnce, tiny_bundle: Bundle) -> Callable[[str], Bundle]:
    """A small bundle of a task; those of `embed`, `classify` and `tag` have int8, too."""

    def bundle(task: str) -> Bundle:
        if task == "embed":
            return tiny_bundle
        return Bundle.open(made_once(f"page-{task}", partial(write_bundle, task)))

    return bundle
