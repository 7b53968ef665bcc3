"""docs/how-to/integrations.md, each section where its framework is; run by .ci/interop."""

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from tests.support.page_blocks import run_page

PAGE: Final = Path("docs/how-to/integrations.md").read_text(encoding="utf-8")
FRAMEWORKS: Final = {
    "Chroma": "chromadb",
    "LangChain": "langchain_core",
    "LlamaIndex": "llama_index",
    "Haystack": "haystack",
    "sentence-transformers": "sentence_transformers",
    "mteb": "mteb",
}
SECTIONS: Final = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n)*)", PAGE, re.MULTILINE))
HERE: Final = [name for name, module in FRAMEWORKS.items() if find_spec(module)]

pytestmark = pytest.mark.interop


def test_every_program_belongs_to_a_framework() -> None:
    assert HERE
    assert {name for name, text in SECTIONS.items() if "```python" in text} == FRAMEWORKS.keys()


@pytest.mark.parametrize("section", HERE)
def test_the_program_of_a_section_prints_what_the_page_says(section: str, tmp_path: Path) -> None:
    (tmp_path / "my-model").symlink_to(os.environ["EDGEBERT_BUNDLE"])
    (tmp_path / "my-reranker").symlink_to(Path(os.environ["EDGEBERT_TASKS"]) / "bert-rank/bundle")
    checkout = Path.cwd()
    path = os.pathsep.join(str(checkout / name) for name in ("runtime", "export", "quantize", ""))
    (block,) = run_page(SECTIONS[section], tmp_path, PYTHONPATH=path)
    assert block.output is not None
