"""The notebooks of examples: run on real weights, and committed with the outputs of a run."""

from pathlib import Path
from typing import Any, Final

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
NOTEBOOKS: Final = sorted(EXAMPLES.glob("*.ipynb"))
SECONDS: Final = 300
"""For one cell."""

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def test_there_are_three() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "explanations_explored",
        "export_and_deploy",
        "quantization_explored",
    ]


@each_notebook
def test_it_is_committed_as_one_run_left_it(path: Path) -> None:
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert any("image/png" in output.get("data", {}) for output in outputs)


@each_notebook
def test_its_links_lead_to_files(path: Path) -> None:
    prose = "".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    links = [part.partition(")")[0] for part in prose.split("](")[1:]]
    assert links
    assert [link for link in links if not (EXAMPLES / link).exists()] == []


@pytest.mark.documents
@each_notebook
def test_it_runs(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEBERT_CACHE", str(tmp_path))
    monkeypatch.chdir(EXAMPLES.parent)
    NotebookClient(read(path), timeout=SECONDS).execute()
