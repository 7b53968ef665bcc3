"""A file of a job's folder appears whole or not at all, and is never replaced."""

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from edgebert_runtime.batch.folder import Folder, open_folder
from edgebert_runtime.batch.local_folder import LocalFolder
from edgebert_runtime.batch.object_folder import ObjectFolder
from edgebert_runtime.errors import ConfigError, OutputError

ENDED = 999_999_999
"""No process has this number."""


@pytest.fixture(params=["local", "store"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Folder]:
    if request.param == "local":
        yield LocalFolder(tmp_path / "out")
        return
    yield ObjectFolder("memory://out", MemoryFileSystem(), "/out")
    MemoryFileSystem.store.clear()


def test_of_two_writers_of_one_file_the_first_wins(folder: Folder) -> None:
    folder.prepare()
    with folder.new_file("a") as second:
        with folder.new_file("a") as first:
            first.write(b"first")
        second.write(b"second")
    assert folder.read("a") == b"first"
    assert folder.names() == ["a"]


def test_what_fails_leaves_nothing(folder: Folder) -> None:
    folder.prepare()
    with pytest.raises(ZeroDivisionError), folder.new_file("a") as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert folder.read("a") is None
    assert folder.names() == []


def test_small_files_are_replaced_and_removed(folder: Folder) -> None:
    folder.prepare()
    for content in (b"one", b"two"):
        folder.put("inside/a", content)
    assert folder.read("inside/a") == b"two"
    assert folder.names("inside") == ["a"]
    with folder.opened("inside/a") as file:
        assert file.read() == b"two"
    for _ in range(2):
        folder.remove("inside/a")
    assert folder.names("inside") == folder.names("missing") == []


def test_a_file_system_without_links_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")  # as FAT and some FUSE mounts do

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OutputError, match=r"file system without links \(Operation not permitted\)"):
        LocalFolder(tmp_path).prepare()
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_replaces_files_is_refused() -> None:
    class Replacing(MemoryFileSystem):  # type: ignore[misc] # fsspec has no types
        store: dict[str, Any] = {}  # noqa: RUF012 # as fsspec has it

        def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
            del mode
            super().pipe_file(path, value)

    store = Replacing()
    with pytest.raises(OutputError, match=r"memory://out is in a store that replaces files"):
        ObjectFolder("memory://out", store, "/out").prepare()
    assert not store.store


def test_a_store_that_is_not_known() -> None:
    with pytest.raises(
        ConfigError, match=r"ftpx://a/b cannot be opened: Protocol not known: ftpx; give"
    ):
        open_folder("ftpx://a/b")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_without_space(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    full = pytest.raises(OutputError, match=r"disk full: .* needs space")
    with largest_file(1000), full, folder.new_file("a") as file:
        file.write(bytes(5000))
    assert list(tmp_path.iterdir()) == []


def test_only_what_ended_writers_of_this_machine_left_is_removed(tmp_path: Path) -> None:
    folder, nonce = LocalFolder(tmp_path), "0" * 16
    left = tmp_path / f".part.{socket.gethostname()}-{ENDED}-{nonce}.partial"
    others = tmp_path / f".part.elsewhere-{ENDED}-{nonce}.partial"
    for path in (left, others):
        path.touch()
    with folder.new_file("part"):
        folder.tidy()
        assert len(list(tmp_path.glob(".part.*"))) == 2
        assert not left.exists()
    assert others.exists()
    folder.tidy(everything=True)
    assert [path.name for path in tmp_path.iterdir()] == ["part"]


def test_a_link_that_was_made_and_not_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def forgetful(source: Path, target: Path) -> None:
        link(source, target)
        raise FileExistsError(17, "File exists")  # as NFS after a lost answer

    monkeypatch.setattr(os, "link", forgetful)
    with LocalFolder(tmp_path).new_file("a") as file:
        file.write(b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"
