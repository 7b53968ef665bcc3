"""docs/how-to/clients.md, run against a server of bundles with the names of the page."""

from pathlib import Path

import pytest

from tests.support.page_blocks import read_blocks, run_page
from tests.support.served import serving

pytestmark = pytest.mark.serving

PAGE = Path("docs/how-to/clients.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"
NAMES = {"my-model": "embedder", "my-reranker": "my-rank", "my-classifier": "my-classify"}


def test_every_program_of_the_page(bundles: Path, tmp_path: Path) -> None:
    named = [f"{name}={bundles / folder}" for name, folder in NAMES.items()]
    with serving(tmp_path, *named) as served:
        ran = list(run_page(PAGE.replace(ADDRESS, served.url), tmp_path))
    assert len(ran) == len([each for each in read_blocks(PAGE) if each.reason is None])
    assert all(each.output is not None for each in ran)
