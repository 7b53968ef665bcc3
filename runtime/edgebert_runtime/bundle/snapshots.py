"""A bundle on the Hub, and its copy in the cache: a folder a commit, and only verified files.

The manifest is fetched first, with its commit. What it lists is fetched when it is needed, into a
hidden folder, hashed there, and moved to its place only if every file is what the manifest says.
So a file in the cache is whole, and one that is missing was not needed yet.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path
from typing import Final

from edgebert_runtime.bundle.hub_client import fetch, repository_folder
from edgebert_runtime.bundle.hub_name import HubName
from edgebert_runtime.bundle.manifest import MANIFEST_NAME, FileInfo, hash_file
from edgebert_runtime.errors import BundleIntegrityError, HubError
from edgebert_runtime.storage.atomic_write import put_file
from edgebert_runtime.storage.file_lock import locked

CONFIG: Final = "config.json"
"""Tells a checkpoint from a repository of something else; a bundle has it too."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One commit of a repository that holds a bundle.

    Attributes:
        name: the repository; its revision is a commit.
        folder: where the cache keeps its files; it need not exist yet.
        described: the folder with its manifest.
        again: whether every file is fetched, also if the cache has it.
    """

    name: HubName
    folder: Path
    described: Path
    again: bool = False

    def fetch(self, files: Mapping[str, FileInfo]) -> int:
        """Put files into the cache that are not there; returns how many bytes were fetched.

        Args:
            files: path → what the manifest says of it.

        Raises:
            HubError: they cannot be had, or there is no place for them.
            BundleIntegrityError: one is not what the manifest says; none of them was kept.
        """
        if not self._wanted(files):
            return 0
        with self._locked() as staging:
            wanted = self._wanted(files)  # without what another process fetched meanwhile
            if wanted:
                fetch(self.name, [escape(each) for each in wanted], staging, again=self.again)
                self._keep(staging, wanted)
        return sum(info.size_bytes for info in wanted.values())

    def _wanted(self, files: Mapping[str, FileInfo]) -> dict[str, FileInfo]:
        return {
            path: info
            for path, info in files.items()
            if self.again or not (self.folder / path).is_file()
        }

    @contextmanager
    def _locked(self) -> Iterator[Path]:
        """Yield where files are fetched to, to one process at a time.

        If they cannot all be had, those that were stay there for the next try.
        """
        parent = self.folder.parent
        try:
            parent.mkdir(parents=True, exist_ok=True)
            with locked(parent):
                yield parent / f".{self.folder.name}.partial"
        except OSError as error:
            raise HubError(
                f"{parent} cannot be written ({error}); set HF_HOME to a folder that you may write "
                "and that has space"
            ) from error

    def _keep(self, staging: Path, files: Mapping[str, FileInfo]) -> None:
        """Move files to their places if every one is what the manifest says; else none stays."""
        try:
            for path, info in files.items():
                self._check(staging, path, info)
            shutil.copyfile(self.described / MANIFEST_NAME, staging / MANIFEST_NAME)
            for path in (*files, MANIFEST_NAME):
                (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
                put_file(staging / path, self.folder / path)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _check(self, staging: Path, path: str, info: FileInfo) -> None:
        fetched = staging / path
        if not fetched.is_file():
            raise BundleIntegrityError(
                f"{self.name} lacks {path}, which its manifest lists; nothing was kept: push the "
                "bundle again, or try again if the Hub could not be reached"
            )
        if hash_file(fetched) != info:
            raise BundleIntegrityError(
                f"{path} of {self.name} is not the file that its manifest lists; nothing was kept: "
                f"run edgebert-run pull {self.name} --force, and push the bundle again if that "
                "does not help"
            )


def find_snapshot(name: HubName, *, again: bool = False) -> Snapshot:
    """Look up a name; asks the Hub unless the name is pinned and the cache has its manifest.

    Args:
        name: the repository and perhaps a revision.
        again: fetch the manifest, and later every file, also if the cache has it.

    Raises:
        HubError: it cannot be had, or holds no bundle.
    """
    repository = repository_folder(name)
    kept = repository / (name.revision or "")
    if name.pinned and not again and (kept / MANIFEST_NAME).is_file():
        return Snapshot(name=name, folder=kept, described=kept)
    described = fetch(name, (MANIFEST_NAME, CONFIG), again=again, quiet=True)
    if not (described / MANIFEST_NAME).is_file():
        raise HubError(_no_bundle(name, described))
    commit = described.name
    pinned = replace(name, revision=commit)
    return Snapshot(name=pinned, folder=repository / commit, described=described, again=again)


def _no_bundle(name: HubName, described: Path) -> str:
    if (described / CONFIG).is_file():
        return f"{name} is a checkpoint on the Hub, not a bundle; run: edgebert export {name} OUT"
    return (
        f"{name} on the Hub holds neither a bundle ({MANIFEST_NAME}) nor a checkpoint ({CONFIG}); "
        "check the name"
    )
