"""`edgebert page` writes a folder that is whole, or says in one line why not."""

import json
import shutil
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

import edgebert
from edgebert.cli.app import app as commands
from edgebert.workflow.page import page
from edgebert_runtime import Bundle, check
from edgebert_runtime.errors import BundleExistsError, BundleIntegrityError
from tests.support.page_blocks import run_page

pytestmark = pytest.mark.browser  # the page's scripts are made for the browser's tests
MANUAL: Final = Path(__file__).parents[2] / "docs" / "how-to" / "page.md"


def test_the_folder_has_a_bundle_of_one_variant(
    app: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    title = "</script><b>cats & dogs"
    folder = page(tiny_bundle, tmp_path / "page", variant="int8", title=title, progress=False)
    model = Bundle.open(folder / "model")
    assert list(model.manifest.variants) == ["int8-portable"]
    assert check(model).passed
    files = {path.relative_to(model.folder).as_posix() for path in model.folder.rglob("*.*")}
    assert files == {"edgebert.json", *model.manifest.files}
    assert "<h1>&lt;/script&gt;&lt;b&gt;cats &amp; dogs</h1>" in (folder / "index.html").read_text()
    assert tiny_bundle.manifest.source["name"] not in (folder / "index.html").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--variant", "int4"], "has no portable variant 'int4', and a page needs one; it has"),
        (["--variant", "cpu"], "has no portable variant 'cpu', and a page needs one; it has"),
        (["--task", "tag"], "has no task 'tag'; it has embed"),
    ],
)
def test_what_the_bundle_lacks_is_refused(
    options: list[str], said: str, app: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    refused([str(tiny_bundle.folder), str(tmp_path / "page"), *options], said)
    assert not (tmp_path / "page").exists()


def test_a_default_for_cuda_is_refused(app: Path, bundle: Bundle, tmp_path: Path) -> None:
    manifest = bundle.folder / "edgebert.json"
    fields = json.loads(manifest.read_text(encoding="utf-8"))
    fields["variants"]["cpu"] |= {"precision": "fp16", "target": "cuda", "needs": "cuda"}
    manifest.write_text(json.dumps(fields | {"default_variant": "fp16"}), encoding="utf-8")
    refused(
        [str(bundle.folder), str(tmp_path / "page")],
        "has no portable variant 'fp16', and a page needs one; it has portable, int8-portable",
    )


def test_a_task_of_another_package_is_refused(app: Path, bundle: Bundle, tmp_path: Path) -> None:
    manifest = bundle.folder / "edgebert.json"
    text = manifest.read_text(encoding="utf-8").replace('"embed"', '"look"')
    manifest.write_text(text, encoding="utf-8")
    refused(
        [str(bundle.folder), str(tmp_path / "page")],
        "a page has no form for task 'look'; it has embed, classify, tag,",
    )


def refused(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(commands, ["page", *arguments])
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_is_there_is_replaced_only_if_it_is_ours(
    app: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    out = tmp_path / "page"
    page(tiny_bundle, out, variant="fp32", progress=False)
    with pytest.raises(BundleExistsError, match="pass overwrite"):
        page(tiny_bundle, out, progress=False)
    page(tiny_bundle, out, variant="int8", overwrite=True, progress=False)
    assert list(Bundle.open(out / "model").manifest.variants) == ["int8-portable"]
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    refused([str(tiny_bundle.folder), str(other), "--overwrite"], "so it is never replaced")
    assert [path.name for path in other.iterdir()] == ["notes.txt"]


def test_a_damaged_bundle_gives_nothing(app: Path, bundle: Bundle, tmp_path: Path) -> None:
    tokenizer = bundle.folder / "tokenizer.json"
    tokenizer.write_bytes(tokenizer.read_bytes() + b" ")
    with pytest.raises(BundleIntegrityError):
        page(bundle, tmp_path / "page", progress=False)
    assert not (tmp_path / "page").exists()


def test_the_manual_runs(app: Path, tiny_bundle: Bundle, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_bundle.folder, tmp_path / "my-model")
    edgebert.set_default(folder, "int8")
    assert list(run_page(MANUAL.read_text(encoding="utf-8"), tmp_path))
    assert (tmp_path / "my-page" / "model" / "onnx").is_dir()
