"""How a bundle appears whole or not at all, and how a variant is added to one.

A new bundle is written to a hidden sibling, synced and renamed. An existing one is exchanged in
one step where the system can; elsewhere it is set aside first, and `recover` puts it back if the
process dies in between. Only `edgebert_export` and `edgebert_quantize` use this module.
"""

import errno
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from edgebert_runtime.errors import BundleExistsError, ExportError
from edgebert_runtime.manifest import MANIFEST_NAME, FileInfo, Manifest, read_manifest
from edgebert_runtime.renaming import rename_new, swap

BLOCK_BYTES: Final = 1 << 20
DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
GRAPH_FOLDER: Final = "onnx"


@contextmanager
def new_bundle(destination: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty folder that becomes `destination` if the block ends without an error.

    Args:
        destination: must be absent or an empty folder; with `overwrite` it may be a bundle.
        overwrite: replace the bundle that is there, once the new one is complete.

    Raises:
        BundleExistsError: before anything is done, if `destination` holds something else; after,
            if something appeared there meanwhile.
        ExportError: the disk is full; `destination` is untouched.
    """
    destination = Path(os.path.abspath(destination))
    destination.parent.mkdir(parents=True, exist_ok=True)
    recover(destination)
    _check_free(destination, overwrite=overwrite)
    staging = _sibling(destination, "staging")
    staging.mkdir()
    try:
        with _disk_full_explained(destination):
            yield staging
            _sync_tree(staging)
            _put_in_place(staging, destination, overwrite=overwrite)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def recover(destination: Path) -> None:
    """Finish or undo what a process that died left beside `destination`.

    A bundle that was set aside is put back if nothing took its place; staging folders of
    processes that no longer run are removed.
    """
    for leftover in _leftovers(destination):
        if leftover.kind == "previous" and not os.path.lexists(destination):
            os.rename(leftover.path, destination)
        else:
            shutil.rmtree(leftover.path, ignore_errors=True)


def hash_file(path: Path) -> FileInfo:
    """Size and sha256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return FileInfo(size_bytes=path.stat().st_size, sha256=digest.hexdigest())


def hash_folder(folder: Path) -> dict[str, FileInfo]:
    """Bundle path → size and sha256 of every file but the manifest, sorted."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    relative = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: hash_file(path) for name, path in relative.items() if name != MANIFEST_NAME}


@contextmanager
def staging_area(bundle: Path) -> Iterator[Path]:
    """Yield a folder inside a bundle for files that `add_to_bundle` will take; removed after.

    Other areas, of processes that died, are removed first.

    Raises:
        ExportError: the disk is full; the bundle is untouched.
    """
    for leftover in _leftovers(bundle / GRAPH_FOLDER):
        shutil.rmtree(leftover.path, ignore_errors=True)
    staging = _sibling(bundle / GRAPH_FOLDER, "staging")
    staging.mkdir()
    try:
        with _disk_full_explained(bundle):
            yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def add_to_bundle(bundle: Path, area: Path, files: Mapping[str, str], manifest: Manifest) -> None:
    """Add files to a bundle and commit them by replacing its manifest last.

    A reader sees the old manifest with the old files or the new one with all of them. A file that
    no manifest names is debris of an earlier crash and is written over.

    Args:
        bundle: its folder.
        area: what `staging_area` gave.
        files: bundle path → name of the file in `area`.
        manifest: the new manifest, which names the files.

    Raises:
        BundleExistsError: the manifest that is there names one of the files already.
    """
    taken = sorted(files.keys() & read_manifest(bundle).files.keys())
    if taken:
        raise BundleExistsError(
            f"{bundle} holds {', '.join(taken)} already; export the model again"
        )
    for name in files.values():
        _sync(area / name)
    for path, name in files.items():
        os.replace(area / name, bundle / path)
        _sync((bundle / path).parent)
    _replace_manifest(bundle, manifest, area / MANIFEST_NAME)


class _Leftover:
    """A folder beside a destination that names what it is and who made it."""

    def __init__(self, path: Path, kind: str, process: int) -> None:
        self.path = path
        self.kind = kind
        self.process = process


def _sibling(destination: Path, kind: str) -> Path:
    name = f".{destination.name}.{kind}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    return destination.parent / name


def _leftovers(destination: Path) -> list[_Leftover]:
    """What processes that no longer run left, what was set aside first."""
    named = re.compile(rf"\.{re.escape(destination.name)}\.(previous|staging)-(\d+)-[0-9a-f]{{8}}")
    found = []
    with suppress(FileNotFoundError):
        for path in sorted(destination.parent.iterdir()):
            match = named.fullmatch(path.name)
            if match and not _runs(int(match[2])):
                found.append(_Leftover(path, match[1], int(match[2])))
    return sorted(found, key=lambda leftover: leftover.kind)


def _runs(process: int) -> bool:
    if process == os.getpid():
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _check_free(destination: Path, *, overwrite: bool) -> None:
    if not os.path.lexists(destination):
        return
    if not destination.is_dir():
        raise BundleExistsError(f"{destination} exists and is no folder; choose another name")
    if not any(destination.iterdir()):
        return
    if not (destination / MANIFEST_NAME).is_file():
        raise BundleExistsError(
            f"{destination} exists and is no edgebert bundle, so it is never replaced; "
            "choose another name"
        )
    if not overwrite:
        raise BundleExistsError(
            f"{destination} exists; pass overwrite (--overwrite) to replace it, or choose another "
            "name"
        )


def _put_in_place(staging: Path, destination: Path, *, overwrite: bool) -> None:
    if destination.is_dir() and (overwrite or not any(destination.iterdir())):
        if not swap(staging, destination):
            _set_aside(staging, destination)
    else:
        try:
            rename_new(staging, destination)
        except FileExistsError as error:
            raise BundleExistsError(f"{destination} appeared meanwhile; it is untouched") from error
    _sync(destination.parent)


def _set_aside(staging: Path, destination: Path) -> None:
    """Two renames; a death between them is what `recover` is for."""
    previous = _sibling(destination, "previous")
    os.rename(destination, previous)
    os.rename(staging, destination)
    shutil.rmtree(previous, ignore_errors=True)


def _replace_manifest(bundle: Path, manifest: Manifest, draft: Path) -> None:
    draft.write_text(manifest.to_json(), encoding="utf-8")
    _sync(draft)
    os.replace(draft, bundle / MANIFEST_NAME)
    _sync(bundle)


def _sync_tree(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        _sync(path)


def _sync(path: Path) -> None:
    """Flush a file or folder to disk; a system that cannot open a folder (Windows) goes without."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _disk_full_explained(destination: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise ExportError(
                f"disk full while writing {destination} ({error.strerror}); what was there is "
                "untouched: free some space and try again"
            ) from error
        raise
