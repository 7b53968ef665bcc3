"""A bundle whose files are not what its manifest says gives no answer."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edgebert_runtime.bundle.integrity import (
    ALWAYS_UP_TO_BYTES,
    MAX_REMEMBERED,
    IntegrityCheck,
    Mode,
)
from edgebert_runtime.bundle.manifest import FileInfo
from edgebert_runtime.errors import BundleIntegrityError, ConfigError, UnsafePathError
from edgebert_runtime.storage.cache_dir import default_cache_dir

CONTENTS = {
    "tokenizer.json": b"{}",
    "onnx/model.onnx_data": bytes(range(256)) * 2_000,
    "onnx/model.onnx": b"graph" * 100_000,
    "empty": b"",
}
NAMES = sorted(CONTENTS)
FILES = {
    name: FileInfo(size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    for name, content in CONTENTS.items()
}
UNPRIVILEGED = hasattr(os, "geteuid") and os.geteuid() != 0


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    for name, content in CONTENTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def verify(bundle: Path, mode: Mode | None = "always", cache: Path | None = None) -> IntegrityCheck:
    check = IntegrityCheck(bundle, FILES, mode=mode, cache_dir=cache)
    check.start()
    check.wait()
    return check


def flip(path: Path, at: int = -1) -> None:
    """Change one bit, and neither size nor modification time."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Every path below a folder, with size and modification time."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


# What does not match


@pytest.mark.parametrize("mode", ["always", "once", "never", None])
def test_an_untouched_bundle_passes(bundle: Path, cache: Path, mode: Mode | None) -> None:
    verify(bundle, mode, cache)


@pytest.mark.parametrize("at", [0, -1])
@pytest.mark.parametrize("name", [name for name in NAMES if CONTENTS[name]])
def test_one_changed_bit_is_found_in_any_file(bundle: Path, name: str, at: int) -> None:
    flip(bundle / name, at)
    found = hashlib.sha256((bundle / name).read_bytes()).hexdigest()
    with pytest.raises(BundleIntegrityError) as caught:
        verify(bundle)
    text = str(caught.value)
    assert str(bundle / name) in text
    assert f"sha256 starts {found[:12]}…, the manifest says {FILES[name].sha256[:12]}…" in text
    assert text.endswith("copy or export the bundle again")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def replace_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_by_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_a_file_for_its_folder(path: Path) -> None:
    path.unlink()
    path.with_name(f"{path.name}.kept").write_bytes(b"")
    path.symlink_to(f"{path.name}.kept/below")


@pytest.mark.parametrize("mode", ["always", "once"])
@pytest.mark.parametrize("name", ["onnx/model.onnx", "tokenizer.json"])
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (cut, "bytes, the manifest says"),
        (grow, "bytes, the manifest says"),
        (Path.unlink, "is missing"),
        (replace_by_a_folder, "not a regular file"),
        (replace_by_a_pipe, "not a regular file"),
        (replace_by_a_file_for_its_folder, "cannot be read"),
    ],
)
def test_what_sizes_tell_is_refused_at_the_start(
    bundle: Path, cache: Path, mode: Mode, name: str, damage: Callable[[Path], None], reason: str
) -> None:
    damage(bundle / name)
    check = IntegrityCheck(bundle, FILES, mode=mode, cache_dir=cache)
    with pytest.raises(BundleIntegrityError, match=reason) as caught:
        check.start()
    assert str(bundle / name) in str(caught.value)


def test_both_sizes_are_named(bundle: Path) -> None:
    grow(bundle / "tokenizer.json")
    with pytest.raises(BundleIntegrityError, match=r"has 3 bytes, the manifest says 2;"):
        verify(bundle)


def test_the_first_of_several_bad_files_is_named(bundle: Path) -> None:
    for name in ("tokenizer.json", "onnx/model.onnx_data", "onnx/model.onnx"):
        flip(bundle / name)
    with pytest.raises(BundleIntegrityError, match=r"model\.onnx was changed: its sha256 starts"):
        verify(bundle)


@pytest.mark.skipif(not UNPRIVILEGED, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_refused_with_the_reason(bundle: Path) -> None:
    (bundle / "tokenizer.json").chmod(0)
    with pytest.raises(BundleIntegrityError, match=r"cannot be read \(Permission denied\)"):
        verify(bundle)


def link_out(path: Path) -> None:
    path.rename(path.parent.with_name("outside"))
    path.symlink_to("../outside")


@pytest.mark.parametrize(
    ("change", "error"), [(Path.unlink, BundleIntegrityError), (link_out, UnsafePathError)]
)
def test_a_file_that_changes_its_place_while_hashing_is_refused(
    bundle: Path, change: Callable[[Path], None], error: type[Exception]
) -> None:
    (bundle / "earlier").touch()
    os.truncate(bundle / "earlier", 2**27)
    digest = hashlib.sha256(bytes(2**27)).hexdigest()
    files = {**FILES, "earlier": FileInfo(size_bytes=2**27, sha256=digest)}
    check = IntegrityCheck(bundle, files, mode="always")
    check.start()
    change(bundle / "tokenizer.json")
    with pytest.raises(error, match=r"tokenizer\.json"):
        check.wait()


def test_a_file_that_links_out_of_the_bundle_is_refused(bundle: Path) -> None:
    (bundle / "tokenizer.json").rename(bundle.parent / "tokenizer.json")
    (bundle / "tokenizer.json").symlink_to("../tokenizer.json")
    with pytest.raises(UnsafePathError, match=r"tokenizer\.json"):
        verify(bundle)


def test_a_failed_check_fails_each_time_it_is_asked(bundle: Path) -> None:
    flip(bundle / "tokenizer.json")
    check = IntegrityCheck(bundle, FILES, mode="always")
    check.start()
    for _ in range(2):
        with pytest.raises(BundleIntegrityError):
            check.wait()


def test_a_check_that_was_not_started_does_not_pass(bundle: Path) -> None:
    with pytest.raises(RuntimeError, match="before it is started"):
        IntegrityCheck(bundle, FILES, mode="always").wait()


def test_hashing_runs_beside_the_caller_and_does_not_keep_the_process(tmp_path: Path) -> None:
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 2**28)
    files = {"large": FileInfo(size_bytes=2**28, sha256="0" * 64)}
    check = IntegrityCheck(tmp_path, files, mode="always")
    check.start()
    assert [thread.daemon for thread in threading.enumerate() if "edgebert" in thread.name] == [
        True
    ]
    with pytest.raises(BundleIntegrityError):
        check.wait()


# Modes


@pytest.mark.parametrize("mode", ["", "Always", "sometimes", True])
def test_an_unknown_mode_names_those_there_are(bundle: Path, mode: Mode) -> None:
    with pytest.raises(ConfigError, match="always, once, never") as caught:
        IntegrityCheck(bundle, FILES, mode=mode)
    assert repr(mode) in str(caught.value)


@pytest.mark.parametrize(
    ("total", "mode"),
    [(0, "always"), (ALWAYS_UP_TO_BYTES, "always"), (ALWAYS_UP_TO_BYTES + 1, "once")],
)
def test_the_default_mode_depends_on_the_size(tmp_path: Path, total: int, mode: str) -> None:
    files = {
        "a": FileInfo(size_bytes=total // 2, sha256=""),
        "b": FileInfo(size_bytes=total - total // 2, sha256=""),
    }
    assert IntegrityCheck(tmp_path, files, mode=None).mode == mode


def test_never_does_not_look_at_the_files(bundle: Path, cache: Path) -> None:
    (bundle / "tokenizer.json").unlink()
    assert verify(bundle, "never", cache).mode == "never"
    assert not cache.exists()


def test_always_neither_believes_nor_leaves_a_memory(bundle: Path, cache: Path) -> None:
    verify(bundle, "once", cache)
    remembered = listing(cache)
    flip(bundle / "tokenizer.json")
    with pytest.raises(BundleIntegrityError):
        verify(bundle, "always", cache)
    assert listing(cache) == remembered


# Once


def test_once_does_not_hash_again_what_looks_the_same(bundle: Path, cache: Path) -> None:
    verify(bundle, "once", cache)
    flip(bundle / "tokenizer.json")  # keeps size, time and inode: the documented limit
    verify(bundle, "once", cache)


def test_once_hashes_again_after_a_new_modification_time(bundle: Path, cache: Path) -> None:
    verify(bundle, "once", cache)
    flip(bundle / "tokenizer.json")
    os.utime(bundle / "tokenizer.json", ns=(0, 1))
    with pytest.raises(BundleIntegrityError):
        verify(bundle, "once", cache)


def test_once_hashes_again_after_a_replacement(bundle: Path, cache: Path) -> None:
    verify(bundle, "once", cache)
    copy = bundle / "copy"
    copy.write_bytes(b"[]")
    status = (bundle / "tokenizer.json").stat()
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
    copy.replace(bundle / "tokenizer.json")
    with pytest.raises(BundleIntegrityError):
        verify(bundle, "once", cache)


def test_once_hashes_again_for_another_expected_hash(bundle: Path, cache: Path) -> None:
    verify(bundle, "once", cache)
    other = {**FILES, "tokenizer.json": FileInfo(size_bytes=2, sha256="0" * 64)}
    check = IntegrityCheck(bundle, other, mode="once", cache_dir=cache)
    check.start()
    with pytest.raises(BundleIntegrityError, match="manifest says 000000000000"):
        check.wait()


def test_once_hashes_a_copy_elsewhere(bundle: Path, cache: Path) -> None:
    verify(bundle, "once", cache)
    moved = bundle.rename(bundle.with_name("moved"))
    flip(moved / "tokenizer.json")
    with pytest.raises(BundleIntegrityError):
        verify(moved, "once", cache)


def test_once_does_not_remember_a_failure(bundle: Path, cache: Path) -> None:
    flip(bundle / "tokenizer.json")
    for _ in range(2):
        with pytest.raises(BundleIntegrityError):
            verify(bundle, "once", cache)


def test_once_remembers_several_bundles(bundle: Path, cache: Path) -> None:
    second = bundle.with_name("second")
    for name, content in CONTENTS.items():
        (second / name).parent.mkdir(parents=True, exist_ok=True)
        (second / name).write_bytes(content)
    for folder in (bundle, second):
        verify(folder, "once", cache)
    for folder in (bundle, second):
        flip(folder / "tokenizer.json")
        verify(folder, "once", cache)


def test_once_writes_nothing_when_it_learns_nothing(bundle: Path, cache: Path) -> None:
    verify(bundle, "once", cache)
    before = listing(cache)
    verify(bundle, "once", cache)
    assert listing(cache) == before
    assert [path.name for path in cache.iterdir()] == ["verified.json"]


def test_a_change_of_mtime_alone_is_hashed_and_remembered_anew(bundle: Path, cache: Path) -> None:
    verify(bundle, "once", cache)
    os.utime(bundle / "tokenizer.json", ns=(0, 1))
    verify(bundle, "once", cache)
    flip(bundle / "tokenizer.json")
    verify(bundle, "once", cache)


def test_the_memory_keeps_the_latest_files_only(bundle: Path, cache: Path) -> None:
    cache.mkdir()
    old: dict[str, object] = {f"/old/{index}": {} for index in range(MAX_REMEMBERED)}
    (cache / "verified.json").write_text(json.dumps(old))
    verify(bundle, "once", cache)
    remembered = json.loads((cache / "verified.json").read_text())
    assert len(remembered) == MAX_REMEMBERED
    assert "/old/0" not in remembered
    assert str((bundle / "tokenizer.json").resolve()) in remembered


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"7", b"\xff\xfe", b"[" * 100_000, b'{"a": [1, null]}']
)
def test_a_damaged_memory_is_taken_for_none_and_replaced(
    bundle: Path, cache: Path, content: bytes
) -> None:
    cache.mkdir()
    (cache / "verified.json").write_bytes(content)
    verify(bundle, "once", cache)
    assert str((bundle / "tokenizer.json").resolve()) in (cache / "verified.json").read_text()


def test_a_memory_with_forged_types_is_not_believed(bundle: Path, cache: Path) -> None:
    verify(bundle, "once", cache)
    flip(bundle / "tokenizer.json")
    forged = dict.fromkeys(json.loads((cache / "verified.json").read_text()), True)
    (cache / "verified.json").write_text(json.dumps(forged))
    with pytest.raises(BundleIntegrityError):
        verify(bundle, "once", cache)


def test_a_cache_that_cannot_be_written_means_hashing_every_time(bundle: Path, cache: Path) -> None:
    cache.write_bytes(b"a file where the folder should be")
    verify(bundle, "once", cache)
    flip(bundle / "tokenizer.json")
    with pytest.raises(BundleIntegrityError):
        verify(bundle, "once", cache)
    assert cache.is_file()


def test_a_memory_that_cannot_be_replaced_leaves_no_debris(bundle: Path, cache: Path) -> None:
    (cache / "verified.json" / "in the way").mkdir(parents=True)
    verify(bundle, "once", cache)
    assert [path.name for path in cache.iterdir()] == ["verified.json"]


@pytest.mark.skipif(not UNPRIVILEGED, reason="root writes everywhere")
def test_a_cache_without_permission_means_hashing_every_time(bundle: Path, cache: Path) -> None:
    cache.mkdir(mode=0o500)
    verify(bundle, "once", cache)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("mode", ["always", "once", "never"])
@pytest.mark.parametrize("inside", [".", "onnx", "new/folder"])
def test_nothing_is_written_into_the_bundle(bundle: Path, mode: Mode, inside: str) -> None:
    before = listing(bundle)
    verify(bundle, mode, bundle / inside)
    assert listing(bundle) == before


WRITER = """
import sys
from pathlib import Path
from edgebert_runtime.bundle.integrity import IntegrityCheck
from edgebert_runtime.bundle.manifest import FileInfo

folder, cache, size, sha256 = sys.argv[1:]
for name in sorted(path.name for path in Path(folder).iterdir()):
    check = IntegrityCheck(
        Path(folder), {name: FileInfo(size_bytes=int(size), sha256=sha256)},
        mode="once", cache_dir=Path(cache),
    )
    check.start()
    check.wait()
"""


def test_processes_that_remember_at_once_do_not_break_each_other(
    tmp_path: Path, cache: Path
) -> None:
    running = []
    for process in range(3):
        folder = tmp_path / str(process)
        folder.mkdir()
        for index in range(100):
            (folder / str(index)).write_bytes(b"{}")
        arguments = (str(folder), str(cache), "2", FILES["tokenizer.json"].sha256)
        running.append(subprocess.Popen([sys.executable, "-c", WRITER, *arguments]))
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    assert [path.name for path in cache.iterdir()] == ["verified.json"]
    remembered = json.loads((cache / "verified.json").read_text())
    assert all(record["size_bytes"] == 2 for record in remembered.values())


# Where the memory lies


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, and no variable that leads elsewhere."""
    for name in ("EDGEBERT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("linux", ".cache/edgebert"),
        ("darwin", "Library/Caches/edgebert"),
        ("win32", "AppData/Local/edgebert"),
    ],
)
def test_each_system_has_its_place(
    home: Path, monkeypatch: pytest.MonkeyPatch, platform: str, folder: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert default_cache_dir() == home / folder


def test_windows_names_its_place_itself(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(home / "local"))
    assert default_cache_dir() == home / "local" / "edgebert"


def test_xdg_comes_before_the_system_and_edgebert_before_xdg(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "xdg"))
    assert default_cache_dir() == home / "xdg" / "edgebert"
    monkeypatch.setenv("EDGEBERT_CACHE", str(home / "own"))
    assert default_cache_dir() == home / "own"


def test_an_empty_variable_switches_the_memory_off(
    home: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBERT_CACHE", "")
    before = listing(home)
    assert default_cache_dir() is None
    verify(bundle, "once")
    assert listing(home) == before


def test_the_memory_lies_in_the_default_place(
    home: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBERT_CACHE", str(home / "own"))
    verify(bundle, "once")
    assert (home / "own" / "verified.json").is_file()
