"""A bundle appears whole or not at all, whatever step its writer dies at."""

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from edgebert_runtime.bundle.manifest import (
    FileInfo,
    Manifest,
    hash_file,
    read_manifest,
    written_version,
)
from edgebert_runtime.bundle.staging import (
    add_to_bundle,
    hash_folder,
    new_bundle,
    recover,
    staging_area,
)
from edgebert_runtime.bundle.variants import with_samples
from edgebert_runtime.errors import (
    BundleError,
    BundleExistsError,
    BundleIntegrityError,
    ExportError,
)
from edgebert_runtime.storage.file_lock import is_locked, locked
from tests.support.crashing_writers import (
    NAME,
    NEW,
    OLD,
    OPERATIONS,
    SAMPLES,
    add,
    prepare,
    remake,
)
from tests.support.tiny_manifest import write_bundle

ROOT = Path(__file__).parents[2]
CHILD = [sys.executable, "-m", "tests.support.crashing_writers"]
FEWEST_STEPS = 10

Entries = dict[str, bytes | None]


def run(*arguments: str, before: list[str] | None = None) -> str:
    command = [*(before or []), *CHILD, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sweep(operation: str, number: signal.Signals, folder: Path) -> list[Path]:
    """Where the bundle belongs, once for each step the operation was stopped at."""
    steps = json.loads(run("sweep", operation, str(int(number)), str(folder)))
    assert steps >= FEWEST_STEPS, "too few steps to have been inside the operation"
    return [folder / str(step) / NAME for step in range(steps)]


def state(folder: Path) -> str:
    """`absent`, `old`, `new` or `extended`; anything in between fails."""
    if not os.path.lexists(folder):
        return "absent"
    manifest = read_manifest(folder)
    for path, info in manifest.files.items():
        content = (folder / path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == info.sha256, path
    if "added" in manifest.variants:
        return "extended"
    return {OLD: "old", NEW: "new"}[(folder / "onnx/model.onnx").read_bytes()]


def entries(folder: Path) -> Entries:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def assert_no_debris(folder: Path) -> None:
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    found = {name for name, content in entries(folder).items() if content is not None}
    assert found == {"edgebert.json", *read_manifest(folder).files}
    assert not [path for path in folder.rglob(".*") if path.is_dir()]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A bundle, alone in its folder."""
    folder = tmp_path / "models" / NAME
    with new_bundle(folder) as staging:
        write_bundle(staging, OLD)
    return folder


def previous(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.previous")


# Killed and interrupted


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda item: item.name)
@pytest.mark.parametrize(
    ("operation", "states"),
    [
        ("new", {"absent", "new"}),
        ("overwrite", {"old", "new"}),
        ("add", {"old", "extended"}),
        ("remake", {"old", "new"}),
        ("remove", {"old", "extended"}),
    ],
)
def test_stopped_at_any_step_the_bundle_is_old_or_new(
    operation: str, states: set[str], number: signal.Signals, tmp_path: Path
) -> None:
    folders = sweep(operation, number, tmp_path)
    assert {state(folder) for folder in folders} == states


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda item: item.name)
def test_stopped_at_any_step_an_upgrade_leaves_either_format(
    number: signal.Signals, tmp_path: Path
) -> None:
    folders = sweep("upgrade", number, tmp_path)
    assert {state(folder) for folder in folders} == {"old"}  # no file but the manifest changes
    assert {written_version(folder) for folder in folders} == {1, 2}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda item: item.name)
@pytest.mark.parametrize("operation", ["overwrite", "remake"])
def test_without_exchange_a_missing_bundle_is_recovered(
    operation: str, number: signal.Signals, tmp_path: Path
) -> None:
    folders = sweep(f"{operation}-in-two-renames", number, tmp_path)
    missing = [folder for folder in folders if state(folder) == "absent"]
    assert bool(missing) == (number == signal.SIGKILL)  # who is interrupted puts it back
    for folder in folders:
        recover(folder)
    assert {state(folder) for folder in folders} == {"old", "new"}
    assert {state(folder) for folder in missing} <= {"old"}
    for folder in folders:
        assert [path.name for path in folder.parent.iterdir()] == [NAME]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_after_a_kill_the_next_write_succeeds_and_leaves_no_debris(
    operation: str, tmp_path: Path
) -> None:
    for folder in sweep(operation, signal.SIGKILL, tmp_path):
        with new_bundle(folder, overwrite=True) as staging:
            write_bundle(staging, b"newest")
        assert (folder / "onnx/model.onnx").read_bytes() == b"newest"
        assert_no_debris(folder)


def test_after_a_kill_the_next_addition_succeeds_and_leaves_no_debris(tmp_path: Path) -> None:
    for folder in sweep("add", signal.SIGKILL, tmp_path):
        add(folder, "later")
        assert state(folder) in {"old", "extended"}
        assert "later" in read_manifest(folder).variants
        assert_no_debris(folder)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_control_c_in_the_block_leaves_nothing(operation: str, tmp_path: Path) -> None:
    folder = tmp_path / NAME
    prepare(operation, folder)
    before = entries(tmp_path)
    with paused(operation, folder) as child:
        assert entries(tmp_path) != before
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=20)
    assert child.returncode == -signal.SIGINT
    assert entries(tmp_path) == before


def paused(operation: str, folder: Path) -> subprocess.Popen[bytes]:
    """A child that is inside the block and stays there until its input is closed."""
    return inside(pausing(operation, folder))


def pausing(operation: str, folder: Path) -> subprocess.Popen[bytes]:
    """A child that will stay in the block once it has entered it."""
    pipe = subprocess.PIPE
    command = [*CHILD, "pause", operation, str(folder)]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT)


def inside(child: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """The child, when it has entered the block."""
    assert child.stdout is not None
    assert child.stdout.readline() == b'"inside"\n'
    return child


def test_everything_is_flushed_before_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: set[int] = set()
    flush, rename = os.fsync, os.rename

    def noted_fsync(descriptor: int) -> None:
        flush(descriptor)
        flushed.add(os.fstat(descriptor).st_ino)

    def checked_rename(source: Path, destination: Path) -> None:
        unflushed = [
            path for path in [source, *source.rglob("*")] if path.stat().st_ino not in flushed
        ]
        assert unflushed == []
        rename(source, destination)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "rename", checked_rename)
    with new_bundle(tmp_path / NAME) as staging:
        write_bundle(staging, NEW)
    assert tmp_path.stat().st_ino in flushed
    assert state(tmp_path / NAME) == "new"


# What a destination may be


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_new_bundle_appears_with_its_parents(overwrite: bool, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b" / NAME
    with new_bundle(folder, overwrite=overwrite) as staging:
        write_bundle(staging, NEW)
        assert not folder.exists()
        assert staging.parent == folder.parent
    assert state(folder) == "new"
    assert_no_debris(folder)


def test_a_new_bundle_has_the_permissions_of_any_new_folder(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with new_bundle(tmp_path / NAME) as staging:
        write_bundle(staging, NEW)
    assert (tmp_path / NAME).stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_empty_folder_is_a_free_destination(overwrite: bool, tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with new_bundle(tmp_path / NAME, overwrite=overwrite) as staging:
        write_bundle(staging, NEW)
    assert state(tmp_path / NAME) == "new"
    assert_no_debris(tmp_path / NAME)


def test_a_bundle_is_replaced_only_with_overwrite_and_says_so_before_any_work(old: Path) -> None:
    with pytest.raises(BundleExistsError, match=r"exists; pass overwrite"), new_bundle(old):
        pytest.fail("the block was entered")
    with new_bundle(old, overwrite=True) as staging:
        write_bundle(staging, NEW)
        assert state(old) == "old"
    assert state(old) == "new"
    assert_no_debris(old)


def test_a_strangers_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years", encoding="utf-8")
    before = entries(tmp_path)
    refused = pytest.raises(BundleExistsError, match="is not an edgebert bundle, so it is never")
    with refused, new_bundle(tmp_path / "mine", overwrite=True):
        pytest.fail("the block was entered")
    assert entries(tmp_path) == before


def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    refused = pytest.raises(BundleExistsError, match="is not a folder")
    with refused, new_bundle(tmp_path / "file", overwrite=True):
        pytest.fail("the block was entered")


def test_a_mount_point_is_refused_before_any_work() -> None:
    refused = pytest.raises(BundleExistsError, match="is a mount point")
    with refused, new_bundle(Path("/"), overwrite=True):
        pytest.fail("the block was entered")


def test_a_parent_that_is_a_file_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    refused = pytest.raises(ExportError, match=r"file cannot be written \(.*choose another")
    with refused, new_bundle(tmp_path / "file" / NAME):
        pytest.fail("the block was entered")


@pytest.mark.parametrize("operation", ["overwrite", "overwrite-in-two-renames"])
def test_through_a_link_the_bundle_it_leads_to_is_replaced(operation: str, old: Path) -> None:
    (old.parent.parent / "current").symlink_to(old)
    with paused(operation, old.parent.parent / "current") as child:
        child.communicate(timeout=20)
    assert (old.parent.parent / "current").is_symlink()
    assert state(old) == "new"
    assert_no_debris(old)


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_appears_meanwhile_is_untouched(overwrite: bool, tmp_path: Path) -> None:
    folder = tmp_path / NAME
    refused = pytest.raises(
        BundleExistsError, match="was created by another program meanwhile; it is untouched"
    )
    with refused, new_bundle(folder, overwrite=overwrite) as staging:
        write_bundle(staging, NEW)
        folder.mkdir()
        (folder / "thesis.txt").write_text("years", encoding="utf-8")
    assert entries(tmp_path) == {NAME: None, f"{NAME}/thesis.txt": b"years"}


def write_half(folder: Path, *, overwrite: bool) -> None:
    with new_bundle(folder, overwrite=overwrite) as staging:
        write_bundle(staging, NEW)
        raise RuntimeError("halfway")


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_error_in_the_block_goes_on_and_leaves_everything(overwrite: bool, old: Path) -> None:
    folder = old if overwrite else old.with_name("another")
    before = entries(old.parent)
    with pytest.raises(RuntimeError, match="halfway"):
        write_half(folder, overwrite=overwrite)
    assert entries(old.parent) == before


# Leftovers


def test_a_bundle_set_aside_is_put_back_over_an_empty_folder(old: Path) -> None:
    old.rename(previous(old))
    old.mkdir()
    recover(old)
    assert state(old) == "old"
    assert_no_debris(old)


def test_a_bundle_set_aside_is_kept_while_strangers_have_its_place(old: Path) -> None:
    old.rename(previous(old))
    old.mkdir()
    (old / "thesis.txt").write_text("years", encoding="utf-8")
    recover(old)
    assert state(previous(old)) == "old"
    assert (old / "thesis.txt").exists()


def test_a_folder_that_only_looks_set_aside_is_left(old: Path) -> None:
    previous(old).mkdir()
    (previous(old) / "thesis.txt").write_text("years", encoding="utf-8")
    recover(old)
    assert (previous(old) / "thesis.txt").exists()


def test_a_bundle_that_a_living_writer_holds_aside_is_left(old: Path) -> None:
    with staging_area(old):
        old.rename(previous(old))
        recover(old)
        assert not old.exists()
    recover(old)
    assert state(old) == "old"


def test_work_of_the_dead_is_removed_and_nothing_else(old: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    dead = old.with_name(f".{NAME}.staging-{child.pid}-0123456789abcdef")
    namesake = old.with_name(f".{NAME}.staging-{os.getpid()}-fedcba9876543210")  # in a container
    held = old.with_name(f".{NAME}.staging-{os.getpid()}-0123456789abcdef")
    spared = [
        held.name,
        f".{NAME}.staging-{child.pid}-mine",
        f".other.staging-{child.pid}-0123456789abcdef",
    ]
    for path in [dead, namesake, *(old.with_name(name) for name in spared)]:
        shutil.copytree(old, path)
    with locked(held):
        recover(old)
    assert {path.name for path in old.parent.iterdir()} == {NAME, *spared}


def test_nothing_to_recover_is_no_error(tmp_path: Path) -> None:
    recover(tmp_path / "nowhere" / NAME)
    assert entries(tmp_path) == {}


# Adding


def extended(manifest: Manifest, files: Mapping[str, FileInfo]) -> Manifest:
    return replace(manifest, files={**manifest.files, **files})


def test_an_addition_keeps_every_file_that_is_there(old: Path) -> None:
    before = entries(old)
    add(old)
    assert state(old) == "extended"
    after = entries(old)
    assert after.pop("onnx/model_added.onnx") == NEW
    assert after.pop("samples/added.json") == SAMPLES
    assert after.keys() == {*before, "samples"}
    assert {name for name in before if before[name] != after[name]} == {"edgebert.json"}


def test_a_file_the_manifest_names_is_never_written_over(old: Path) -> None:
    before = entries(old)
    with staging_area(old) as area:
        (area / "x").write_bytes(OLD)
        with pytest.raises(BundleExistsError, match=r"holds onnx/model.onnx already; give"):
            add_to_bundle(old, area, {"onnx/model.onnx": "x"}, read_manifest(old))
    assert entries(old) == before


def test_a_manifest_that_forgets_a_variant_is_refused(old: Path) -> None:
    stale = read_manifest(old)
    add(old)
    before = entries(old)
    with staging_area(old) as area, pytest.raises(BundleError, match="has added, which the new"):
        add_to_bundle(old, area, {}, stale)
    assert entries(old) == before


def test_a_manifest_that_names_a_missing_file_is_refused(old: Path) -> None:
    before = entries(old)
    info = FileInfo(size_bytes=1, sha256="0" * 64)
    with staging_area(old) as area, pytest.raises(BundleIntegrityError, match=r"x\.onnx is not"):
        add_to_bundle(old, area, {}, extended(read_manifest(old), {"onnx/x.onnx": info}))
    assert entries(old) == before


def test_a_remade_variant_takes_the_place_of_its_old_file(old: Path) -> None:
    add(old)
    with staging_area(old) as area:
        (area / "graph").write_bytes(b"newer")
        manifest = read_manifest(old)
        path = "onnx/model_added-2.onnx"
        added = with_samples(manifest.variants["added"], {})
        variant = replace(added, file=path, files=(path,))
        files = {name: manifest.files[name] for name in manifest.files if "added" not in name}
        remade = replace(
            manifest,
            files={**files, path: hash_file(area / "graph")},
            variants={**manifest.variants, "added": variant},
        )
        add_to_bundle(old, area, {path: "graph"}, remade)
    assert state(old) == "extended"
    assert_no_debris(old)


def test_a_file_is_remade_under_its_own_name_and_others_stay(old: Path) -> None:
    (old / "notes.txt").write_text("the user's own", encoding="utf-8")
    (old / "link.txt").symlink_to("notes.txt")
    before = entries(old)
    with (old / "onnx/model.onnx").open("rb") as reader:
        remake(old)
        assert reader.read() == OLD  # who has it open reads on
    assert state(old) == "new"
    after = entries(old)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"edgebert.json", "onnx/model.onnx"}
    assert after.keys() == before.keys()
    assert (old / "link.txt").is_symlink()
    assert [path.name for path in old.parent.iterdir()] == [NAME]


def test_where_there_are_no_links_files_are_copied(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    remake(old)
    assert state(old) == "new"


def test_only_debris_that_writers_make_is_removed(old: Path) -> None:
    (old / "samples").mkdir()
    debris = ["onnx/model_crashed.onnx", "onnx/model_crashed.onnx_data", "samples/crashed.json"]
    kept = ["onnx/notes.txt", "model_mine.onnx", "onnx/other.onnx", "samples/notes.txt"]
    for name in [*debris, *kept]:
        (old / name).write_bytes(b"x")
    (old / "onnx/model_link.onnx").symlink_to(old / "onnx/model.onnx")
    add(old)
    after = entries(old)
    assert not after.keys() & set(debris)
    assert after.keys() >= {*kept, "onnx/model_link.onnx"}


def test_only_a_bundle_can_be_added_to(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"an edgebert bundle[?]"), staging_area(tmp_path):
        pytest.fail("the block was entered")


def test_additions_at_the_same_time_all_survive(old: Path) -> None:
    names = [f"v{index}" for index in range(4)]
    children = [subprocess.Popen([*CHILD, "add", str(old), name], cwd=ROOT) for name in names]
    assert [child.wait(timeout=30) for child in children] == [0] * len(names)
    assert read_manifest(old).variants.keys() == {"portable", *names}
    assert_no_debris(old)


def test_an_addition_waits_for_the_one_before(old: Path) -> None:
    with paused("add", old) as first:
        second = subprocess.Popen([*CHILD, "add", str(old), "second"], cwd=ROOT)
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(timeout=1)
        first.communicate(timeout=20)
        assert second.wait(timeout=20) == 0
    assert read_manifest(old).variants.keys() == {"portable", "added", "second"}


def test_a_replacement_waits_for_an_addition(old: Path) -> None:
    with paused("overwrite", old) as second:
        with staging_area(old), pytest.raises(subprocess.TimeoutExpired):
            second.communicate(timeout=1)
        second.communicate(timeout=20)
    assert second.returncode == 0
    assert state(old) == "new"
    assert_no_debris(old)


def test_who_waited_for_a_bundle_that_was_replaced_holds_the_new_one(old: Path) -> None:
    with locked(old):
        waiting = pausing("add", old)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=1)
        old.rename(old.with_name("replaced"))
        shutil.copytree(old.with_name("replaced"), old)
    with inside(waiting):
        assert is_locked(old)
        waiting.communicate(timeout=20)
    assert state(old) == "extended"


def test_a_reader_that_has_opened_the_manifest_reads_it_to_its_end(old: Path) -> None:
    with (old / "edgebert.json").open("rb") as manifest:
        before = manifest.read(1) + (old / "edgebert.json").read_bytes()[1:]
        add(old)
        assert manifest.read() == before[1:]
    assert (old / "edgebert.json").read_bytes() != before


# A full disk


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_full_disk_is_explained_and_changes_nothing(operation: str, tmp_path: Path) -> None:
    """On a disk of 64 KiB where one can be mounted, else with files limited to that size."""
    answer = json.loads(
        run("fill", operation, str(tmp_path / "disk" / NAME), before=small(tmp_path))
    )
    assert answer["error"].startswith("ExportError: disk full: ")
    assert "needs space" in answer["error"]
    assert "is untouched" in answer["error"]
    assert not answer["changed"]


def small(folder: Path) -> list[str]:
    (folder / "disk").mkdir()
    shell = 'mount -t tmpfs -o size=64k none "$0" && exec "$@"'
    mounted = ["unshare", "--map-root-user", "--mount", "sh", "-c", shell, str(folder / "disk")]
    works = (
        shutil.which("unshare")
        and not subprocess.run([*mounted, "true"], capture_output=True, check=False).returncode
    )
    return mounted if works else LIMITED


LIMITED = ["sh", "-c", 'ulimit -f 64 && exec "$@"', "sh"]


@pytest.mark.parametrize("operation", ["new", "overwrite"])
def test_a_limit_on_files_is_explained_like_a_full_disk(operation: str, tmp_path: Path) -> None:
    answer = json.loads(run("fill", operation, str(tmp_path / NAME), before=LIMITED))
    assert answer["error"].startswith("ExportError: disk full: ")
    assert not answer["changed"]


# Hashes


def test_hashes_are_sha256_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert hash_file(tmp_path / "a") == FileInfo(size_bytes=3, sha256=expected)


def test_a_folders_hashes_are_sorted_by_path_and_leave_the_manifest_out(tmp_path: Path) -> None:
    for name in ["b", "a/x", "a.b", "a/.keep", "a/edgebert.json", "edgebert.json"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert list(hash_folder(tmp_path)) == ["a.b", "a/.keep", "a/edgebert.json", "a/x", "b"]
