"""A bundle appears whole or not at all, whatever step the process dies at."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgebert_runtime.errors import BundleExistsError
from edgebert_runtime.manifest import read_manifest
from edgebert_runtime.staging import (
    add_to_bundle,
    hash_file,
    hash_folder,
    new_bundle,
    recover,
    staging_area,
)
from tests.runtime.tiny_manifest import write_bundle

ROOT = Path(__file__).parents[2]
MOST_STEPS = 60


def is_whole(folder: Path) -> bool:
    """Everything the manifest names is there and matches."""
    found = hash_folder(folder)
    return all(found.get(name) == info for name, info in read_manifest(folder).files.items())


def content(folder: Path) -> bytes:
    return (folder / "onnx" / "model.onnx").read_bytes()


def crash(operation: str, folder: Path, step: int) -> bool:
    """Run the operation and kill it at `step`; False once it has fewer steps."""
    command = [sys.executable, "-m", "tests.runtime.crashing", operation, str(folder), str(step)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def first_bundle(folder: Path) -> Path:
    with new_bundle(folder) as area:
        write_bundle(area, b"first")
    return folder


@pytest.mark.parametrize("operation", ["new", "overwrite", "overwrite-fallback", "add"])
def test_killed_at_every_step(operation: str, tmp_path: Path) -> None:
    outcomes = set()
    for step in range(MOST_STEPS):
        folder = tmp_path / str(step) / "bundle"
        folder.parent.mkdir()
        if operation != "new":
            first_bundle(folder)
        if not crash(operation, folder, step):
            break
        recover(folder)
        outcomes.add(outcome(folder))
        with new_bundle(folder, overwrite=True) as area:  # life goes on
            write_bundle(area, b"third")
        assert content(folder) == b"third"
        assert [path.name for path in folder.parent.iterdir()] == ["bundle"]
    else:
        pytest.fail(f"still dying at step {MOST_STEPS}")
    assert len(outcomes) == 2, "the kills must fall before and after the commit"


def outcome(folder: Path) -> tuple[bytes, bool] | None:
    """What a reader finds; never something half done."""
    if not folder.exists():
        return None
    assert is_whole(folder)
    return content(folder), "onnx/model_new.onnx" in read_manifest(folder).files


def test_an_interrupted_addition_is_done_again(tmp_path: Path) -> None:
    """Killed between the file's rename and the manifest's: the file is debris, and no obstacle."""
    folder = first_bundle(tmp_path / "bundle")
    for step in range(MOST_STEPS):
        assert crash("add", folder, step)
        if (folder / "onnx" / "model_new.onnx").exists():
            break
    assert "onnx/model_new.onnx" not in read_manifest(folder).files
    assert not crash("add", folder, 10**6)
    assert is_whole(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "edgebert.json",
        "onnx",
        "tokenizer.json",
    ]


def test_an_added_variant_is_named_and_there(tmp_path: Path) -> None:
    folder = first_bundle(tmp_path / "bundle")
    assert not crash("add", folder, 10**6)
    assert "onnx/model_new.onnx" in read_manifest(folder).files
    assert is_whole(folder)


def test_a_file_the_manifest_names_is_never_written_over(tmp_path: Path) -> None:
    folder = first_bundle(tmp_path / "bundle")
    with staging_area(folder) as area:
        (area / "x").write_bytes(b"x")
        with pytest.raises(BundleExistsError, match=r"holds onnx/model.onnx already"):
            add_to_bundle(folder, area, {"onnx/model.onnx": "x"}, read_manifest(folder))
    assert content(folder) == b"first"
    assert is_whole(folder)


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_error_leaves_everything_as_it_was(overwrite: bool, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    if overwrite:
        first_bundle(folder)
    before = sorted(tmp_path.rglob("*"))
    with (
        pytest.raises(RuntimeError, match="halfway"),
        new_bundle(folder, overwrite=overwrite) as area,
    ):
        write_bundle(area, b"second")
        raise RuntimeError("halfway")
    assert sorted(tmp_path.rglob("*")) == before


def test_an_existing_bundle_is_refused_before_any_work(tmp_path: Path) -> None:
    folder = first_bundle(tmp_path / "bundle")
    with pytest.raises(BundleExistsError, match="pass overwrite"), new_bundle(folder):
        pytest.fail("yielded")
    with new_bundle(folder, overwrite=True) as area:
        write_bundle(area, b"second")
    assert content(folder) == b"second"


def test_a_strangers_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years", encoding="utf-8")
    with (
        pytest.raises(BundleExistsError, match="is no edgebert bundle"),
        new_bundle(tmp_path / "mine", overwrite=True),
    ):
        pytest.fail("yielded")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with (
        pytest.raises(BundleExistsError, match="is no folder"),
        new_bundle(tmp_path / "file", overwrite=True),
    ):
        pytest.fail("yielded")


def test_an_empty_folder_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    assert is_whole(first_bundle(tmp_path / "bundle"))


def test_what_appears_meanwhile_is_untouched(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    with pytest.raises(BundleExistsError, match="appeared meanwhile"), new_bundle(folder) as area:
        write_bundle(area, b"second")
        folder.mkdir()
        (folder / "other.txt").write_text("x", encoding="utf-8")
    assert [path.name for path in tmp_path.rglob("*")] == ["bundle", "other.txt"]


def test_staging_of_a_living_process_is_left(tmp_path: Path) -> None:
    living = tmp_path / f".bundle.staging-{os.getppid()}-0123abcd"
    dead = tmp_path / ".bundle.staging-999999999-0123abcd"
    living.mkdir()
    dead.mkdir()
    first_bundle(tmp_path / "bundle")
    assert living.exists()
    assert not dead.exists()


def test_hashes_are_sha256_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    info = hash_file(tmp_path / "a")
    # FIPS 180-2, appendix B.1
    assert info.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert info.size_bytes == 3


FULL_DISK = """
import resource, sys
from pathlib import Path
from edgebert_runtime.staging import new_bundle
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
with new_bundle(Path(sys.argv[1])) as area:
    (area / "big").write_bytes(b"x" * 100_000)
"""


def test_a_full_disk_is_explained_and_loses_nothing(tmp_path: Path) -> None:
    """The process may write files of 4 KiB at most; the system answers EFBIG as it would ENOSPC."""
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "bundle")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "ExportError: disk full while writing" in done.stderr
    assert list(tmp_path.iterdir()) == []


SLOW = """
import sys, time
from pathlib import Path
from edgebert_runtime.staging import new_bundle
with new_bundle(Path(sys.argv[1])) as area:
    (area / "some").write_bytes(b"x")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SLOW, str(tmp_path / "bundle")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"writing\n"
        start = time.monotonic()
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=20)
    assert b"KeyboardInterrupt" in errors
    assert time.monotonic() - start < 10
    assert list(tmp_path.iterdir()) == []
