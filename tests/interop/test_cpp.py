"""The reader in C++, built as docs/how-to/other-languages.md builds it; run by .ci/interop."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.support.page_blocks import run_page

CHECKOUT: Final = Path(__file__).resolve().parents[2]
BUNDLE: Final = Path(os.environ["EDGEBERT_BUNDLE"])
TASKS: Final = Path(os.environ["EDGEBERT_TASKS"])

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page was run: beside `.ci` and `examples`, with the program `check`."""
    root = tmp_path_factory.mktemp("checkout")
    for name in (".ci", "examples"):
        (root / name).symlink_to(CHECKOUT / name)
    (root / "work").mkdir()
    (root / "work" / "my-model").symlink_to(BUNDLE)
    page = (CHECKOUT / "docs" / "how-to" / "other-languages.md").read_text(encoding="utf-8")
    (block,) = run_page(page, root / "work")
    assert block.output is not None
    return root / "work"


def check(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["./check", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("bundle", [BUNDLE, TASKS / "bert-classify" / "bundle"])
@pytest.mark.parametrize("variant", ["portable", "int8-portable"])
def test_every_stored_answer_is_printed_and_within_its_tolerance(
    folder: Path, bundle: Path, variant: str
) -> None:
    done = check(folder, bundle, variant)
    assert done.returncode == 0, done.stderr
    samples = json.loads((bundle / "samples" / f"{variant}.json").read_text(encoding="utf-8"))
    assert len(done.stdout.splitlines()) == len(samples["samples"]) + 1


def test_an_answer_that_is_off_ends_with_1(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(TASKS / "bert-classify" / "bundle", tmp_path / "copy")
    path = copy / "samples" / "portable.json"
    samples = json.loads(path.read_text(encoding="utf-8"))
    scores = samples["samples"][2]["expected"][0]
    label = next(iter(scores))
    scores[label] += 0.001
    path.write_text(json.dumps(samples), encoding="utf-8")
    done = check(folder, copy)
    assert (done.returncode, done.stdout.splitlines()[-1][:15]) == (1, "off by 1.0e-03 "[:15])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "none/edgebert.json cannot be read"),
        ([BUNDLE, "int3"], "there is no variant int3"),
        ([TASKS / "bert-tag" / "bundle"], "task is tag, this program reads embed and classify"),
        ([], "usage: check BUNDLE [VARIANT]"),
    ],
)
def test_a_mistake_ends_with_2_and_its_reason(
    folder: Path, arguments: list[str | Path], message: str
) -> None:
    done = check(folder, *arguments)
    assert (done.returncode, done.stderr) == (2, f"check: {message}\n")
