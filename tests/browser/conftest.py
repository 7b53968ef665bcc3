"""A browser that all tests here share, and what they open in it."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

import edgebert
from edgebert.workflow.page import APP
from edgebert_runtime import Bundle
from tests.support.devtools import Browser, Tab, browser
from tests.support.families import SAMPLES, build_with_head, save
from tests.support.made_once import MadeOnce

CHANGES: Final[dict[str, dict[str, Any]]] = {
    "classify": {"id2label": dict(enumerate(("bad", "fair", "good")))},
    "tag": {"id2label": dict(enumerate(("O", "B-PER", "I-PER", "B-LOC", "I-LOC")))},
    "rank": {"num_labels": 1},
}
"""Task → what its head needs."""

QUANTIZED: Final = ("classify", "tag")


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

    def make(task: str, folder: Path) -> None:
        head = "classify" if task == "rank" else task
        model = build_with_head(SAMPLES["bert"], head, **CHANGES.get(task, {}))
        source = save(model, folder.with_name(f"{folder.name}-source"))
        target = "cpu" if task in QUANTIZED else "portable"
        edgebert.export(source, folder, task=task, target=target, progress=False)
        if task in QUANTIZED:
            edgebert.quantize(folder, force=True, keep_default=True, progress=False)

    def bundle(task: str) -> Bundle:
        if task == "embed":
            return tiny_bundle
        return Bundle.open(made_once(f"page-{task}", partial(make, task)))

    return bundle
