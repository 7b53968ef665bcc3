"""Branches for Windows and macOS, forced on Linux; not run there.

What Windows refuses, `tests.support.forced_windows` refuses in processes of their own.
"""

import ast
import errno
import fcntl
import os
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Final

import pytest

from edgebert_runtime import Bundle
from edgebert_runtime.bundle.manifest import FileInfo, read_manifest
from edgebert_runtime.bundle.manifest_checks import contradictions
from edgebert_runtime.bundle.paths import check_spelling
from edgebert_runtime.cli.ending import run_to_end
from edgebert_runtime.cli.streams import ReaderGone, explained_streams
from edgebert_runtime.errors import OutputError, UnsafePathError
from edgebert_runtime.storage import renaming
from edgebert_runtime.storage.fsync import sync_file
from tests.support.crashing_writers import NEW, prepare, write
from tests.support.forced_windows import ROOT, run_on_windows, start_on_windows
from tests.support.tiny_manifest import tiny_manifest

PACKAGES: Final = ("edgebert", "export", "quantize", "runtime")

EVERY_OPERATION = """
import sys
from pathlib import Path
from tests.support import crashing_writers as writers

for operation, write in writers.OPERATIONS.items():
    folder = Path(sys.argv[1]) / operation / writers.NAME
    writers.prepare(operation, folder)
    write(folder)
    print(operation, *sorted(each.name for each in folder.parent.iterdir()))
"""

EMPTY_FOLDER = """
import sys
from pathlib import Path
from edgebert_runtime.bundle.staging import new_bundle
from tests.support.tiny_manifest import write_bundle

folder = Path(sys.argv[1]) / "empty"
folder.mkdir()
with new_bundle(folder) as staging:
    write_bundle(staging, b"graph")
"""

OPEN_ELSEWHERE = """
import sys
from pathlib import Path
from edgebert_runtime.errors import ExportError
from tests.support.crashing_writers import add, prepare, remove, write

folder = Path(sys.argv[1]) / "bundle"
prepare("overwrite", folder)
with (folder / "onnx/model.onnx").open("rb") as graph:
    try:
        write(folder)
    except ExportError as error:
        print(error)
    assert graph.read() == b"old graph"
add(folder)
with (folder / "onnx/model_added.onnx").open("rb"):
    remove(folder)
print((folder / "onnx/model_added.onnx").exists())
add(folder, "later")
print((folder / "onnx/model_added.onnx").exists())
print(*sorted(each.name for each in folder.parent.iterdir()))
"""

LOCKING = """
import sys
from pathlib import Path
from edgebert_runtime.storage.file_lock import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""

LOOKING = """
import sys
from pathlib import Path
from edgebert_runtime.storage.file_lock import is_locked, shows_lock

print(is_locked(Path(sys.argv[1])), shows_lock(Path(sys.argv[1])))
"""

GONE = """
import sys
from pathlib import Path
from edgebert_runtime.storage.file_lock import locked

try:
    with locked(Path(sys.argv[1])):
        print("held")
except FileNotFoundError as error:
    print("gone")
"""

FILES = """
import os, sys
from pathlib import Path
from edgebert_runtime.storage.atomic_write import draft, write_whole
from edgebert_runtime.storage.fsync import sync_file
from edgebert_runtime.storage.json_cache import read_json_cache, write_json_cache

folder = Path(sys.argv[1])
(folder / ".out.txt.999999-0123456789abcdef.partial").touch()  # of a process that has ended
write_whole(folder / "out.txt", "one\\ntwo\\n")
write_json_cache(folder / "cache.json", {"a": 1})
write_json_cache(folder / "cache.json", {"a": 2})
assert read_json_cache(folder / "cache.json") == {"a": 2}
with draft(folder / "out.txt") as first:
    with draft(folder / "out.txt") as second:  # does not take the first for a leftover
        second.write_bytes(b"second")
    first.write_bytes(b"first")
os.chmod(folder / "cache.json", 0o444)
sync_file(folder / "cache.json")
print(*sorted(os.listdir(folder)), (folder / "out.txt").read_text())
"""

EMBEDDING = """
import sys
from edgebert_runtime import load

print(load(sys.argv[1], cache_dir=sys.argv[2]).embed(["the small cat"]).shape)
"""


def test_every_operation_on_a_bundle_works(tmp_path: Path) -> None:
    """Nothing is open in what is renamed, and nothing is left beside it."""
    done = [line.split() for line in run_on_windows(EVERY_OPERATION, str(tmp_path)).splitlines()]
    assert [names for _, *names in done] == [["bundle"]] * len(done)
    assert {"new", "overwrite", "add", "remake", "remove"} <= {operation for operation, *_ in done}
    for operation, *_ in done:
        manifest = read_manifest(tmp_path / operation / "bundle")
        assert ("added" in manifest.variants) == (operation == "add")


def test_an_empty_folder_makes_way(tmp_path: Path) -> None:
    run_on_windows(EMPTY_FOLDER, str(tmp_path))
    assert (tmp_path / "empty" / "onnx" / "model.onnx").read_bytes() == b"graph"


def test_what_is_open_elsewhere_is_an_error_and_stays(tmp_path: Path) -> None:
    """A variant's file that is open stays until the next writer clears up."""
    said, kept, cleared, names = run_on_windows(OPEN_ELSEWHERE, str(tmp_path)).splitlines()
    assert "bundle is open in another program" in said
    assert "close what has loaded it and try again" in said
    assert (kept, cleared, names) == ("True", "False", "bundle")


def test_a_lock_is_seen_and_ends_with_its_process(tmp_path: Path) -> None:
    place = str(tmp_path)
    with start_on_windows(LOCKING, place) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert run_on_windows(LOOKING, place) == "True False\n"
        with start_on_windows(LOCKING, place) as waiting:
            assert waiting.stdout is not None
            assert waiting.poll() is None
            holder.kill()
            assert waiting.stdout.readline() == "held\n"
            waiting.communicate("\n")
    assert run_on_windows(LOOKING, place) == "False True\n"
    assert list(tmp_path.iterdir()) == []


def test_what_has_gone_is_not_locked(tmp_path: Path) -> None:
    assert run_on_windows(GONE, str(tmp_path / "gone")) == "gone\n"


def test_files_are_whole_and_leftovers_are_removed(tmp_path: Path) -> None:
    assert run_on_windows(FILES, str(tmp_path)) == "cache.json out.txt first\n"


def test_a_model_answers(tiny_bundle: Bundle, tmp_path: Path) -> None:
    """Without fork, affinity and flock."""
    assert run_on_windows(EMBEDDING, str(tiny_bundle.folder), str(tmp_path)) == "(1, 48)\n"


def refusal(code: int) -> PermissionError:
    error = PermissionError(errno.EACCES, "Access is denied")
    error.winerror = code  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize("code", renaming.IN_USE)
def test_a_scanner_lets_go_soon(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals, really = iter([refusal(code), refusal(code)]), os.replace

    def scanned(source: Path, destination: Path) -> None:
        for error in refusals:
            raise error
        really(source, destination)

    monkeypatch.setattr(os, "replace", scanned)
    (tmp_path / "new").write_text("new")
    renaming.replace_file(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "new"


def test_other_refusals_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def refused(*_: object) -> None:
        tries.append(1)
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "rename", refused)
    with pytest.raises(PermissionError):
        renaming.rename_folder(tmp_path, tmp_path / "new")
    assert tries == [1]


@pytest.mark.parametrize(("refused", "flushes"), [(False, 0), (True, 1)])
def test_macos_flushes_the_drive_too(
    refused: bool, flushes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fsync(2) alone stops at its cache; a disk that knows no more gets that."""
    asked: list[int] = []
    flushed: list[int] = []

    def flush(_: int, operation: int) -> None:
        asked.append(operation)
        if refused:
            raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", flush)
    monkeypatch.setattr(os, "fsync", flushed.append)
    sync_file(tmp_path)
    assert asked == [51]
    assert len(flushed) == flushes


def test_macos_exchanges_folders_in_two_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`test_staging` kills writers between the two."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", -1, raising=False)  # which Linux refuses
    folder = tmp_path / "bundle"
    prepare("overwrite", folder)
    write(folder)
    assert (folder / "onnx" / "model.onnx").read_bytes() == NEW
    assert list(tmp_path.iterdir()) == [folder]


# Names


@pytest.mark.parametrize(
    "path",
    [
        *("NUL", "onnx/con", "aux.onnx", "samples/com1.json", "LPT¹", "CONIN$", "nul .txt"),
        *("onnx/model.onnx:stream", "a.", "a ", "onnx./model.onnx", "a?", 'a"b', "a<b", "a\x01b"),
    ],
)
def test_names_that_windows_reserves_are_refused_everywhere(path: str) -> None:
    with pytest.raises(UnsafePathError, match="where Windows can have no file"):
        check_spelling(Path("bundle"), path)


@pytest.mark.parametrize("path", ["null", "console.json", "com10", "com.json", "a.b.c", "lpt/x"])
def test_names_that_only_look_so_are_kept(path: str) -> None:
    check_spelling(Path("bundle"), path)


@pytest.mark.parametrize(
    ("first", "second"), [("onnx/A.bin", "onnx/a.bin"), ("caf\u00e9", "cafe\u0301"), ("ß", "SS")]
)
def test_two_names_of_one_file_are_refused(first: str, second: str) -> None:
    manifest = tiny_manifest({})
    info = FileInfo(size_bytes=1, sha256="0" * 64)
    files = {**manifest.files, first: info, second: info}
    found = [each for each in contradictions(replace(manifest, files=files)) if "case" in each]
    assert found == [
        f"files has {first!r} and {second!r}, expected names that differ in more than case"
    ]


def test_a_file_is_the_users_however_its_case(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise PermissionError(errno.EACCES, "Access is denied", "/data/Out.csv")

    with pytest.raises(PermissionError):
        run_to_end("edgebert-run", ["/DATA/out.csv"], fail)
    monkeypatch.setattr(os.path, "normcase", str.lower)
    assert run_to_end("edgebert-run", ["/DATA/out.csv"], fail) == 2


# Streams


class Broken(StringIO):
    """A pipe that nobody reads, as Windows tells it."""

    def write(self, text: str) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")


def test_a_reader_that_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Broken())
    with pytest.raises(OutputError, match="Invalid argument"), explained_streams():
        sys.stdout.write("a")
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ReaderGone), explained_streams():
        sys.stdout.write("a")


def test_an_old_code_page_stops_no_command(tiny_bundle: Bundle) -> None:
    text, old = "猫 🙂 žluťoučký", {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "edgebert_runtime", "embed", str(tiny_bundle.folder), text]
    done = subprocess.run(command, capture_output=True, check=False, env=old)
    assert done.returncode == 0, done.stderr
    assert text in done.stdout.decode("utf-8")


def test_text_files_have_the_same_bytes_everywhere() -> None:
    """What opens a text file says its encoding; what writes one says how lines end."""
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and lacks(call)
    ]
    assert found == []


def lacks(call: ast.Call) -> bool:
    """Whether a call leaves to the system what a text file is."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    given = {keyword.arg for keyword in call.keywords}
    if name in ("read_text", "write_text") and isinstance(call.func, ast.Attribute):
        needed = {"encoding"} if name == "read_text" else {"encoding", "newline"}
        positional = {"encoding"} if name == "read_text" and call.args else set()
        return bool(needed - given - positional)
    if name != "open" or (modes := modes_of(call)) is None or "b" in modes:
        return False
    return bool(({"encoding", "newline"} if set(modes) & set("wax") else {"encoding"}) - given)


def modes_of(call: ast.Call) -> str | None:
    """The mode of a call that opens a file; None for other functions that are called `open`."""
    values = [*call.args, *(each.value for each in call.keywords if each.arg == "mode")]
    strings = [each.value for each in values if isinstance(each, ast.Constant)]
    modes = [each for each in strings if isinstance(each, str) and set(each) <= set("rwaxbt+")]
    encoded = any(each.arg == "encoding" for each in call.keywords)
    return modes[0] if modes else ("r" if encoded else None)
