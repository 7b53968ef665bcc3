"""`edgebert push`, to a server on this machine that answers as the Hub does."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from edgebert_runtime import Bundle, load
from tests.support.bundle_files import files_of
from tests.support.hub_server import TOKEN, Hub, Repository, run_python, serving

NAME: Final = "org/mine"
SOURCE: Final = "somebody/encoder"

COMMANDS: Final = """
import contextlib, io, json, sys
from edgebert.cli.main import main
for arguments in list(json.loads(sys.argv[1])):
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["edgebert", *arguments]
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""

LOAD: Final = """
import json, sys
from edgebert_runtime import load
print(json.dumps(load(sys.argv[1], "int8").embed(["a cat"]).tolist()))
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as running:
        source = running.repositories.setdefault(SOURCE, Repository())
        source.commit({"README.md": b"---\nlicense: mit\nlanguage: en\n---\n"})
        yield running


@pytest.fixture
def published(tmp_path: Path, tiny_bundle: Bundle) -> Bundle:
    """A copy of the tiny bundle that says it comes from the Hub."""
    folder = shutil.copytree(tiny_bundle.folder, tmp_path / "bundle")
    manifest = json.loads((folder / "edgebert.json").read_text(encoding="utf-8"))
    manifest["source"] |= {"kind": "hub", "name": f"{SOURCE}@main"}
    (folder / "edgebert.json").write_text(json.dumps(manifest), encoding="utf-8")
    return Bundle.open(folder)


def commands(hub: Hub, home: Path, *lines: str, token: str = TOKEN) -> list[tuple[int, str, str]]:
    given = json.dumps([line.split() for line in lines])
    done = run_python(COMMANDS, given, hub=hub, home=home, HF_TOKEN=token)
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_a_bundle_is_pushed_in_one_commit_and_loaded_by_the_printed_line(
    hub: Hub, tmp_path: Path, published: Bundle
) -> None:
    (published.folder / "private.txt").write_text("not of the bundle", encoding="utf-8")
    home, folder = tmp_path / "home", published.folder
    first, branch, wrong = commands(
        hub,
        home,
        f"push {folder} {NAME} --private",
        f"push {folder} {NAME} --revision next --message second",
        f"push {folder} {NAME}@next",
    )
    assert (first[0], branch[0], wrong[0]) == (0, 0, 2), (first, branch, wrong)
    repository = hub.repositories[NAME]
    commit = repository.branches["main"]
    assert repository.private
    assert len(repository.commits) == 3  # the first is the Hub's own, when it makes a repository
    assert first[1].splitlines() == [
        f"{hub.url}/{NAME}/tree/{commit}",
        f'load("{NAME}@{commit}")',
    ]
    assert f"@{repository.branches['next']}" in branch[1]
    assert "is written org/name" in wrong[2]

    sent = repository.commits[commit]
    assert sent.pop(".gitattributes") == b""
    ours = files_of(published)
    assert sent == {path: content for path, content in ours.items() if path != "private.txt"}
    card = sent["README.md"].decode()
    assert card.startswith("---\nlibrary_name: edgebert\npipeline_tag: feature-extraction\ntags:\n")
    for line in ("- edgebert", "- onnx", "- int8", f"base_model: {SOURCE}", "license: mit"):
        assert f"\n{line}\n" in card
    assert f'load("{NAME}")' in card
    assert "## Quantized" in card

    name = first[1].split('"')[1]
    loaded = run_python(LOAD, name, hub=hub, home=home, HF_TOKEN=TOKEN)
    assert loaded.returncode == 0, loaded.stderr
    expected = load(published, "int8").embed(["a cat"])
    np.testing.assert_array_equal(np.float32(json.loads(loaded.stdout)), expected)


def test_files_of_an_earlier_push_are_removed_and_others_stay(
    hub: Hub, tmp_path: Path, published: Bundle
) -> None:
    home, folder = tmp_path / "home", published.folder
    repository = hub.repositories.setdefault(NAME, Repository())
    repository.commit({"onnx/model_of_mine.onnx": b"another tool's"})
    ((code, _, error),) = commands(hub, home, f"push {folder} {NAME}")
    assert code == 0, error
    before = set(repository.commits[repository.branches["main"]])
    removed, again = commands(hub, home, f"remove {folder} int8", f"push {folder} {NAME}")
    assert (removed[0], again[0]) == (0, 0), (removed, again)
    after = repository.commits[repository.branches["main"]]
    assert before - set(after) == {
        "onnx/model_quantized.onnx",
        "onnx/model_quantized_cpu.onnx",
        "samples/int8-portable.json",
        "samples/int8-cpu.json",
    }
    assert after["onnx/model_of_mine.onnx"] == b"another tool's"
    assert len(repository.commits) == 3


def test_a_manifest_of_another_program_removes_nothing(
    hub: Hub, tmp_path: Path, published: Bundle
) -> None:
    repository = hub.repositories.setdefault(NAME, Repository())
    foreign = {"edgebert.json": b'{"files": {"kept.txt": 1}}', "kept.txt": b"kept"}
    repository.commit(foreign)
    ((code, _, error),) = commands(hub, tmp_path / "home", f"push {published.folder} {NAME}")
    assert code == 0, error
    assert repository.commits[repository.branches["main"]]["kept.txt"] == b"kept"


def test_what_its_author_wrote_into_the_card_stays(
    hub: Hub, tmp_path: Path, published: Bundle
) -> None:
    card = published.folder / "README.md"
    written = "---\nlicense: apache-2.0\nlanguage: de\ntags:\n- mine\n---\n\n# A title of my own\n"
    card.write_text(written, encoding="utf-8")
    ((code, _, error),) = commands(hub, tmp_path / "home", f"push {published.folder} {NAME}")
    assert code == 0, error
    found = card.read_text(encoding="utf-8")
    assert found.startswith("---\nlicense: apache-2.0\nlanguage: de\ntags:\n- mine\n- edgebert\n")
    assert found.endswith("---\n\n# A title of my own\n")


def test_what_cannot_be_pushed_changes_nothing(hub: Hub, tmp_path: Path, published: Bundle) -> None:
    home, before = tmp_path / "home", files_of(published)
    ((code, output, error),) = commands(
        hub, home, f"push {published.folder} {NAME}", token="another"
    )
    assert (code, output) == (2, "")
    assert "log in with `hf auth login` or set HF_TOKEN" in error.splitlines()[-1]
    assert files_of(published) == before

    graph = published.folder / "onnx" / "model_quantized.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"!")
    damaged, absent = commands(
        hub, home, f"push {published.folder} {NAME}", f"push {tmp_path / 'nothing'} {NAME}"
    )
    assert (damaged[0], absent[0]) == (2, 2)
    assert "model_quantized.onnx was changed" in damaged[2]
    assert "an edgebert bundle?" in absent[2]
    assert NAME not in hub.repositories
