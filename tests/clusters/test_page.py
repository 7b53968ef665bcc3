"""docs/how-to/cluster.md, each section with the Python of its engine; run by .ci/clusters."""

import os
import re
from pathlib import Path
from typing import Final

import pytest

from edgebert_runtime import Bundle
from tests.support.clusters import PYTHONS, environment
from tests.support.page_blocks import run_page

PAGE: Final = Path("docs/how-to/cluster.md").read_text(encoding="utf-8")
SECTIONS: Final = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n)*)", PAGE, re.MULTILINE))
ROWS: Final = "1. Rows"
ENGINES: Final = {
    "2. Ray": "ray",
    "3. Spark": "spark",
    "4. Ray Data": "ray",
    "5. A Spark frame": "spark",
}
"""Section → the engine that it needs."""

pytestmark = pytest.mark.cluster


def test_every_section_with_commands_is_run() -> None:
    assert {name for name, text in SECTIONS.items() if "```" in text} == {ROWS, *ENGINES}


def test_the_page_runs(tiny_bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "my-model").symlink_to(tiny_bundle.folder)
    assert list(run_page(SECTIONS[ROWS], tmp_path))
    for section, engine in ENGINES.items():
        python = PYTHONS[engine]()
        programs = write_programs(tmp_path / f"bin-{engine}", python)
        path = os.pathsep.join((str(programs), os.environ["PATH"]))
        variables = {**environment(PATH=path), "PYTHONWARNINGS": "ignore"}
        ran = list(run_page(SECTIONS[section], tmp_path, pythons={engine: python}, **variables))
        assert [block.output is not None for block in ran] == [True]


def write_programs(folder: Path, python: Path) -> Path:
    """The names by which a shell of that environment would call Python and the command."""
    folder.mkdir(exist_ok=True)
    for name, program in (
        ("python3", f'{python} "$@"'),
        ("edgebert-run", f'{python} -m edgebert_runtime "$@"'),
    ):
        (folder / name).write_text(f"#!/bin/sh\nexec {program}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder
