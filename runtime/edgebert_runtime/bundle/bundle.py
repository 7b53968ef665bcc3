"""A bundle on disk: its folder and its manifest."""

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from edgebert_runtime.bundle.hub_name import HubName, hub_name
from edgebert_runtime.bundle.manifest import Manifest, Variant, read_manifest
from edgebert_runtime.bundle.paths import resolve_inside

if TYPE_CHECKING:
    from edgebert_runtime.bundle.snapshots import Snapshot


@dataclass(frozen=True, kw_only=True, repr=False)
class Bundle:
    """One bundle; opening it reads nothing but the manifest.

    Attributes:
        folder: where it lies; for a name on the Hub, its copy in the cache.
        manifest: what it says of itself.
        snapshot: where files come from that are not in the folder yet; None if it was opened as a
            folder.
    """

    folder: Path
    manifest: Manifest
    snapshot: "Snapshot | None" = None

    def __repr__(self) -> str:
        tasks, names = ", ".join(self.manifest.tasks), ", ".join(self.manifest.variants)
        return f"Bundle({str(self.folder)!r}, task={tasks!r}, variants={names!r})"

    @classmethod
    def open(cls, source: "Bundle | str | PathLike[str]", *, complete: bool = True) -> "Bundle":
        """Read the manifest of a bundle.

        Args:
            source: a folder, or the name of a repository on the Hub, `org/name` or
                `org/name@revision`; a string that names something here is a folder, and a
                `PathLike` always. A `Bundle` is read again from its folder.
            complete: of a name on the Hub, fetch every file of the bundle; else `fetch` does it
                for those that are needed.

        Raises:
            BundleError: the manifest is missing or cannot be read.
            HubError: the repository cannot be reached or holds no bundle.
            BundleIntegrityError: a file that was fetched is not what the manifest says.
            UnsafePathError: it names a path outside the folder.
        """
        if isinstance(source, Bundle):
            opened = source if source.snapshot else cls._of(source.folder)
        else:
            name = hub_name(source)
            opened = cls._of(Path(source)) if name is None else cls._named(name)
        if complete:
            opened.fetch(opened.manifest.files)
        return opened

    @classmethod
    def of_snapshot(cls, snapshot: "Snapshot") -> "Bundle":
        """The bundle of a commit on the Hub, of which nothing is fetched but the manifest.

        Raises:
            BundleError: as `open`.
        """
        return cls._of(snapshot.folder, snapshot)

    @classmethod
    def _named(cls, name: HubName) -> "Bundle":
        from edgebert_runtime.bundle.snapshots import find_snapshot  # folders need none of it

        return cls.of_snapshot(find_snapshot(name))

    @classmethod
    def _of(cls, folder: Path, snapshot: "Snapshot | None" = None) -> "Bundle":
        manifest = read_manifest(snapshot.described if snapshot else folder)
        for path in manifest.files:
            resolve_inside(folder, path)
        return cls(folder=folder, manifest=manifest, snapshot=snapshot)

    def fetch(self, paths: Iterable[str]) -> int:
        """Fetch those of its files that are not here; returns the number of bytes.

        Of a bundle that was opened as a folder nothing is fetched.

        Raises:
            HubError: they are not available.
            BundleIntegrityError: one is not what the manifest says.
        """
        if self.snapshot is None:
            return 0
        return self.snapshot.fetch({path: self.manifest.files[path] for path in paths})

    @classmethod
    def reopen(cls, source: "Bundle | str | PathLike[str]") -> "Bundle":
        """The bundle after it has changed: the object that was given, refreshed, or a new one.

        Raises:
            BundleError, UnsafePathError: as `open`.
        """
        return source.refresh() if isinstance(source, Bundle) else cls.open(source)

    def refresh(self) -> "Bundle":
        """Read the manifest again, after the bundle has changed; returns the bundle itself.

        Raises:
            BundleError, UnsafePathError: as `open`.
        """
        object.__setattr__(self, "manifest", Bundle.open(self.folder).manifest)
        return self

    def path_of(self, relative: str) -> Path:
        """The real path of one of the bundle's files, which lies inside the folder."""
        return resolve_inside(self.folder, relative)

    def size_bytes(self, variant: Variant) -> int:
        """Size on disk of everything one variant's graph needs, tokenizer excluded."""
        return sum(self.manifest.files[path].size_bytes for path in variant.files)
