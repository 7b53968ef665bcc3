"""Bundles by name, from a server on this machine that answers as the Hub does."""

import json
import shutil
import string
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert_runtime import Bundle, load
from edgebert_runtime.bundle.hub_name import HubName, cached_name, hub_name, parse_name
from edgebert_runtime.errors import BundleError
from tests.support.hub_server import Hub, Repository, environment, run_python, serving
from tests.support.tiny_manifest import write_bundle

NAME: Final = "org/tiny"
LARGE: Final = "onnx/model.onnx"
BESIDE: Final = ["edgebert.json", "config.json", "tokenizer.json"]
"""What `load` fetches of a model beside its graph; `config.json` tells a bundle from others."""

COMMANDS: Final = """
import contextlib, io, json, sys
from edgebert_runtime.cli.main import main
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""

LOAD: Final = """
import json, pickle, sys
from edgebert_runtime import load
for name in sys.argv[1:]:
    model = load(name, "int8")
    again = pickle.loads(pickle.dumps(model))
    assert (model.embed(["a cat"]) == again.embed(["a cat"])).all()
    print(json.dumps(model.embed(["a cat"]).tolist()))
"""


EIGHT: Final = {"onnx/model_quantized.onnx", "onnx/model_quantized_cpu.onnx"}
"""The graphs of both variants of int8; one has the weights of both."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def small(tmp_path: Path, hub: Hub) -> str:
    """A bundle on the server that is never run: two files of 100,000 bytes; its commit."""
    folder = tmp_path / "small"
    folder.mkdir()
    write_bundle(folder, bytes(range(250)) * 400)
    return hub.publish(NAME, folder)


def commands(hub: Hub, home: Path, *lines: str, **settings: str) -> list[tuple[int, str, str]]:
    """Run commands of `edgebert-run` in one process; code, output and errors of each."""
    given = json.dumps([line.split() for line in lines])
    done = run_python(COMMANDS, given, hub=hub, home=home, **settings)
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def kept(home: Path) -> list[str]:
    """Every file and folder of the cache of bundles, hidden ones too."""
    cache = home / "assets" / "edgebert" / "bundles"
    return sorted(path.relative_to(cache).as_posix() for path in cache.rglob("*"))


def pulled(output: str) -> dict[str, Any]:
    return dict(json.loads(output))


def test_a_name_is_fetched_verified_and_then_found_offline(
    hub: Hub, home: Path, tiny_bundle: Bundle
) -> None:
    commit = hub.publish(NAME, tiny_bundle.folder)
    expected = load(tiny_bundle, "int8").embed(["a cat"])
    done = run_python(LOAD, NAME, f"{NAME}@main", f"{NAME}@{commit}", hub=hub, home=home)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        np.testing.assert_array_equal(np.float32(json.loads(line)), expected)
    assert sorted(hub.fetched()) == sorted([*BESIDE, *EIGHT])
    assert done.stderr == ""

    hub.requests.clear()
    offline = run_python(LOAD, NAME, f"{NAME}@{commit}", hub=hub, home=home, HF_HUB_OFFLINE="1")
    assert offline.stdout.splitlines() == done.stdout.splitlines()[:2], offline.stderr
    assert hub.requests == []

    # Other variants come when they are needed, and what was fetched stays as it is.
    (checked, quantized) = commands(hub, home, f"check {NAME}", f"embed {NAME} --variant cpu cat")
    assert (checked[0], quantized[0]) == (0, 0)
    assert {"onnx/model.onnx", "onnx/model_cpu.onnx"} <= set(hub.fetched())
    assert "onnx/model_quantized.onnx" not in hub.fetched()


def test_a_commit_asks_nothing_of_the_network(hub: Hub, home: Path, small: str) -> None:
    commands(hub, home, f"pull {NAME}")
    hub.requests.clear()
    ((code, output, _),) = commands(hub, home, f"pull {NAME}@{small}")
    assert (code, pulled(output)["fetched_bytes"], hub.requests) == (0, 0, [])


def test_pull_says_where_and_how_large(
    hub: Hub, home: Path, tmp_path: Path, tiny_bundle: Bundle
) -> None:
    commit = hub.publish(NAME, tiny_bundle.folder)
    files = tiny_bundle.manifest.files
    sizes = {path: info.size_bytes for path, info in files.items()}
    graphs = {path for path in files if path.startswith("onnx/")}
    lines = (
        f"pull {NAME} --variant int8",
        f"pull {NAME}",
        f"pull {NAME} --to mine",
        f"pull {NAME} --to mine",
        f"pull {NAME} --to mine --variant fp32 --overwrite",
        f"pull {NAME} --variant int1",
        "pull not-a-name",
    )
    one, whole, copied, there, replaced, unknown, wrong = commands(hub, home, *lines)
    int8 = sum(sizes.values()) - sum(sizes[path] for path in graphs - EIGHT)
    assert pulled(one[1]) == {
        "folder": str(home / "assets/edgebert/bundles/org--tiny" / commit),
        "name": f"{NAME}@{commit}",
        "variants": ["int8-portable", "int8-cpu"],
        "size_bytes": int8,
        "fetched_bytes": int8,
    }
    assert pulled(whole[1])["fetched_bytes"] == sum(sizes.values()) - int8
    assert pulled(whole[1])["variants"] == list(tiny_bundle.manifest.variants)
    assert pulled(copied[1])["folder"] == "mine"
    assert (there[0], there[1]) == (2, "")
    assert "mine exists; pass overwrite (--overwrite)" in there[2]
    assert pulled(replaced[1])["variants"] == ["portable", "cpu"]
    found = {p.relative_to(tmp_path / "mine").as_posix() for p in (tmp_path / "mine").rglob("*.*")}
    assert found == {*files.keys(), "edgebert.json"} - EIGHT
    assert (unknown[0], wrong[0]) == (2, 2)
    assert "has no variant 'int1'; it has portable, cpu, int8" in unknown[2]
    assert "org/name@revision" in wrong[2]


def test_what_cannot_be_had_is_said_in_one_line_and_leaves_nothing(
    hub: Hub, home: Path, small: str
) -> None:
    private, gated = Repository(private=True), Repository(refusal=(403, "GatedRepo"))
    hub.repositories |= {"org/private": private, "org/gated": gated, "org/empty": Repository()}
    hub.repositories["org/checkpoint"] = Repository()
    hub.repositories["org/checkpoint"].commit({"config.json": b"{}", "model.safetensors": b""})
    hub.repositories["org/empty"].commit({"README.md": b"nothing"})
    expected = {
        "info org/unheard-of": "org/unheard-of is neither a folder here nor a model on the Hub",
        "pull org/private": "if it is private, log in with `hf auth login` or set HF_TOKEN",
        "pull org/gated": "org/gated is gated: accept its terms",
        f"pull {NAME}@v9": "org/tiny has no revision 'v9' on the Hub",
        f"pull {NAME}@{'0' * 40}": "org/tiny has no revision",
        "info org/checkpoint": "run: edgebert export org/checkpoint OUT",
        "check org/empty": "org/empty on the Hub holds neither a bundle (edgebert.json) nor",
    }
    found = commands(hub, home, *expected)
    for (code, output, error), beginning in zip(found, expected.values(), strict=True):
        assert (code, output) == (2, "")
        assert beginning in error
        assert error.count("\n") == 1
    assert kept(home) == []
    del small


def test_without_a_network_and_without_the_extra(hub: Hub, home: Path) -> None:
    ((code, _, error),) = commands(hub, home, f"info {NAME}", HF_HUB_OFFLINE="1")
    assert code == 2
    assert "is not in the cache and the Hub cannot be reached" in error
    ((code, _, error),) = commands(hub, home, f"info {NAME}", HF_ENDPOINT="http://127.0.0.1:9")
    assert code == 2
    assert "is not in the cache and the Hub cannot be reached" in error
    absent = f"import sys; sys.modules['huggingface_hub'] = None\n{COMMANDS}"
    done = run_python(absent, json.dumps([["info", NAME]]), hub=hub, home=home)
    assert "pip install 'edgebert-runtime[hub]'" in done.stdout
    assert json.loads(done.stdout)[0] == 2


def test_a_changed_byte_is_named_and_nothing_of_it_is_kept(
    hub: Hub, home: Path, small: str
) -> None:
    hub.corrupt.add(LARGE)
    ((code, output, error),) = commands(hub, home, f"pull {NAME}")
    assert (code, output) == (2, "")
    assert f"{LARGE} of {NAME}@{small} is not the file that its manifest lists" in error
    assert f"edgebert-run pull {NAME}@{small} --force" in error
    assert kept(home) == ["org--tiny"]
    hub.corrupt.clear()
    ((code, output, _),) = commands(hub, home, f"pull {NAME}")
    assert code == 0

    graph = Path(pulled(output)["folder"]) / LARGE
    graph.write_bytes(graph.read_bytes()[:-1] + b"!")
    line = f"check --hashes-only {NAME}"
    damaged, mended, after = commands(hub, home, line, f"pull {NAME}@{small} --force", line)
    assert damaged[0] == 1
    assert f"{graph} was changed" in damaged[2]
    assert f"run: edgebert-run pull {NAME}@{small} --force" in damaged[2]
    assert (mended[0], after[0]) == (0, 0)
    assert pulled(mended[1])["fetched_bytes"] == pulled(mended[1])["size_bytes"]


def test_a_repository_that_lacks_a_file_is_refused(hub: Hub, home: Path, small: str) -> None:
    del hub.repositories[NAME].commits[small][LARGE]
    ((code, _, error),) = commands(hub, home, f"pull {NAME}")
    assert code == 2
    assert f"lacks {LARGE}, which its manifest lists" in error
    assert kept(home) == ["org--tiny"]


def test_a_file_that_broke_off_is_resumed(hub: Hub, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    write_bundle(folder, bytes(range(250)) * 48_000)
    hub.publish(NAME, folder)
    hub.breaks[LARGE] = 11_000_000
    ((code, output, _),) = commands(hub, home, f"pull {NAME}")
    asked = [request.range for request in hub.requests if request.path.endswith(LARGE)]
    assert (code, pulled(output)["fetched_bytes"]) == (0, 24_000_000)
    whole = 10 * 2**20  # what huggingface_hub writes at once
    assert asked == [None, None, f"bytes={whole}-"]  # HEAD, GET, and GET of the rest


def test_a_process_killed_halfway_leaves_what_was_whole(hub: Hub, home: Path, small: str) -> None:
    hub.stalls[LARGE] = threading.Event()
    command = [sys.executable, "-c", COMMANDS, json.dumps([["pull", NAME]])]
    process = subprocess.Popen(command, env=environment(hub, home), cwd=home.parent)
    deadline = time.monotonic() + 30
    whole = home / f"assets/edgebert/bundles/org--tiny/.{small}.partial/.cache/huggingface"
    while time.monotonic() < deadline and not (
        LARGE in hub.fetched() and (whole / "download" / "tokenizer.json.metadata").is_file()
    ):
        time.sleep(0.05)
    process.kill()
    process.wait()
    hub.stalls.pop(LARGE).set()
    assert f"org--tiny/{small}" not in kept(home)
    ((code, output, _),) = commands(hub, home, f"pull {NAME}")
    assert (code, pulled(output)["fetched_bytes"]) == (0, 200_000)
    assert [hub.fetched().count(path) for path in ("tokenizer.json", LARGE)] == [1, 2]
    assert not [path for path in kept(home) if ".partial" in path]


def test_two_processes_fetch_once(hub: Hub, home: Path, small: str) -> None:
    command = [sys.executable, "-c", COMMANDS, json.dumps([["pull", f"{NAME}@{small}"]])]
    both = [
        subprocess.Popen(
            command, env=environment(hub, home), cwd=home.parent, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    codes = [json.loads(process.communicate(timeout=60)[0])[0] for process in both]
    assert codes == [0, 0]
    assert hub.fetched().count(LARGE) == 1


def test_a_folder_that_is_here_comes_first(hub: Hub, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "org" / "tiny"
    folder.mkdir(parents=True)
    write_bundle(folder, b"here")
    ((code, output, _),) = commands(hub, home, f"check --hashes-only {NAME}")
    assert (code, json.loads(output), hub.requests) == (0, {"files": 2}, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sentence-transformers/all-MiniLM-L6-v2", (None, "sentence-transformers")),
        ("org/name@v1.0", ("v1.0", "org")),
        ("org/name@refs/pr/1", ("refs/pr/1", "org")),
        ("bert-base-uncased", None),
        ("./org/name", None),
        ("../org", None),
        ("org/../name", None),
        ("org/na..me", None),
        ("org/name@..", None),
        ("org/name@", None),
        ("org--a/name", None),
        ("/org/name", None),
        ("a/b/c", None),
        ("org/name ", None),
        ("org/näme", None),
        ("C:/name", None),
        ("C:\\models\\name", None),
        ("org\\name", None),
        ("https://huggingface.co/org", None),
    ],
)
def test_names_are_told_from_paths(text: str, expected: tuple[str | None, str] | None) -> None:
    name = parse_name(text)
    assert (name and (name.revision, name.repository.partition("/")[0])) == expected
    assert hub_name(Path(text)) is None
    assert name is None or str(name) == text


words = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8)


@given(organisation=words, parts=st.lists(words, min_size=1, max_size=3), number=st.integers(0))
def test_a_folder_of_the_cache_tells_its_name(
    organisation: str, parts: list[str], number: int
) -> None:
    commit = f"{number:040x}"[-40:]
    name = HubName(repository=f"{organisation}/{'-'.join(parts)}", revision=commit)
    root = Path("/any/edgebert/bundles")
    assert cached_name(root / name.folder_name / commit) == name
    assert cached_name(root / name.folder_name) is None
    assert cached_name(Path("/any/bundles") / name.folder_name / commit) is None


def test_the_cached_copy_cannot_be_changed(tmp_path: Path, tiny_bundle: Bundle) -> None:
    from edgebert_runtime.bundle.staging import mark_verified, staging_area

    folder = tmp_path / "edgebert" / "bundles" / "org--tiny" / ("0" * 40)
    bundle = Bundle.open(shutil.copytree(tiny_bundle.folder, folder))
    before = (folder / "edgebert.json").read_bytes()
    with (
        pytest.raises(BundleError, match=r"edgebert-run pull org/tiny@0{40} --to FOLDER"),
        staging_area(folder),
    ):
        pass
    mark_verified(bundle, "int8-cpu")
    assert (folder / "edgebert.json").read_bytes() == before
    (folder / "onnx" / "model_quantized.onnx").unlink()
    with pytest.raises(BundleError, match=r"was not fetched; run: edgebert-run pull org/tiny@0"):
        load(folder, "int8")


def test_what_is_no_bundle_is_named(tmp_path: Path, tiny_folder: Path) -> None:
    with pytest.raises(BundleError) as refused:
        load(tiny_folder)
    assert str(refused.value) == (
        f"{tiny_folder} is a checkpoint, not a bundle; run: edgebert export {tiny_folder} OUT"
    )
    graph = tmp_path / "model.onnx"
    graph.write_bytes(b"")
    with pytest.raises(BundleError, match="is an ONNX file, not a bundle; edgebert quantize"):
        load(graph)
    (tmp_path / "old" / "0_Transformer").mkdir(parents=True)
    (tmp_path / "old" / "modules.json").write_text("[]", encoding="utf-8")
    (tmp_path / "old" / "0_Transformer" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(BundleError, match="is a checkpoint, not a bundle"):
        Bundle.open(tmp_path / "old")
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    for nothing in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(BundleError, match=r"is .* an edgebert bundle\?"):
            load(str(nothing))
