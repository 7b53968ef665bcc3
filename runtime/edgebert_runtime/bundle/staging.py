"""How a bundle appears whole or not at all, and how a variant is added to one.

A new bundle is written to a hidden sibling, synced and renamed. An existing one is exchanged in
one step where the system can; elsewhere it is set aside first, and `recover` puts it back if the
process dies in between. Only `edgebert_export` and `edgebert_quantize` use this module.
"""

import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import (
    CARD_NAME,
    MANIFEST_NAME,
    FileInfo,
    Manifest,
    read_manifest,
)
from edgebert_runtime.errors import (
    BundleError,
    BundleExistsError,
    BundleIntegrityError,
    ExportError,
)
from edgebert_runtime.storage.atomic_swap import swap
from edgebert_runtime.storage.file_lock import is_locked, locked
from edgebert_runtime.storage.fsync import sync_file, sync_folder, sync_tree
from edgebert_runtime.storage.work_dirs import discard, remove_stale, work_folder

DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
OCCUPIED: Final = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)
DEBRIS: Final = ("onnx/model_*.onnx", "onnx/*_data", "samples/*.json")
"""Names that only a writer of bundles gives."""


@contextmanager
def new_bundle(destination: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty folder that becomes `destination` if the block ends without an error.

    Args:
        destination: absent or an empty folder; with `overwrite` it may be a bundle. A link stands
            for what it leads to.
        overwrite: replace the bundle that is there, once the new one is complete.

    Raises:
        BundleExistsError: before anything is done, if `destination` holds something else; after,
            if something appeared there meanwhile, which is left alone.
        ExportError: nothing can be written there, or the disk is full; `destination` is untouched.
    """
    destination = Path(os.path.realpath(destination))
    recover(destination)
    _check_free(destination, overwrite=overwrite)
    with work_folder(destination.parent, destination) as staging:
        with _disk_full_explained(destination):
            yield staging
            sync_tree(staging)
            _put_in_place(staging, destination, overwrite=overwrite)
        sync_folder(destination.parent)


def recover(destination: Path) -> None:
    """Undo or finish what a writer that died left beside `destination`; never harms a living one.

    A bundle that was set aside is put back if none took its place, and staging folders whose
    process no longer runs are removed.
    """
    destination = Path(os.path.realpath(destination))
    previous = _previous(destination)
    if _is_bundle(previous) and not is_locked(previous):
        # Who may not, or was overtaken, or finds strangers there, goes on with what it sees.
        with suppress(OSError):
            if _is_bundle(destination):
                discard(previous, destination)
            else:
                os.rename(previous, destination)
    remove_stale(destination.parent, destination)


def hash_file(path: Path) -> FileInfo:
    """Size and sha256 of a file, read in blocks."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return FileInfo(size_bytes=file.tell(), sha256=digest.hexdigest())


def hash_folder(folder: Path) -> dict[str, FileInfo]:
    """Bundle path → size and sha256 of every file but the manifest and the card, sorted."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    files = {name: path for name, path in sorted(paths.items()) if path.is_file()}
    unhashed = (MANIFEST_NAME, CARD_NAME)
    return {name: hash_file(path) for name, path in files.items() if name not in unhashed}


@contextmanager
def staging_area(bundle: Path) -> Iterator[Path]:
    """Yield a folder for files that `add_to_bundle` will take; removed after.

    One process at a time: another waits here until this block ends. So read the manifest that is
    to be extended inside the block.

    Raises:
        BundleError: there is no bundle.
        ExportError: nothing can be written there, or the disk is full; the bundle is untouched.
    """
    bundle = Path(os.path.realpath(bundle))
    read_manifest(bundle)
    with locked(bundle):
        remove_stale(bundle, bundle)
        with work_folder(bundle, bundle) as staging, _disk_full_explained(bundle):
            yield staging


def add_to_bundle(
    bundle: Path,
    area: Path,
    files: Mapping[str, str],
    manifest: Manifest,
    card: str | None = None,
) -> None:
    """Add files to a bundle and commit them by replacing its manifest last.

    A reader sees the old manifest with the old files or the new one with all of them. What no
    manifest names afterwards is removed from `onnx/` and `samples/`: debris of a crash.

    Args:
        bundle: its folder.
        area: what `staging_area` gave, still open.
        files: bundle path → name of the file in `area`.
        manifest: the new manifest, which names the files.
        card: the new model card, if it changes; people read it, and nothing depends on it.

    Raises:
        BundleExistsError: the manifest that is there names one of the files already.
        BundleError: the manifest that is there has a variant the new one lacks.
        BundleIntegrityError: a file the new manifest names is not there, or has another size.
    """
    _check_addition(bundle, area, files, manifest)
    try:
        for path, name in files.items():
            sync_file(area / name)
            (bundle / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(area / name, bundle / path)
            sync_folder((bundle / path).parent)
        _replace(bundle / MANIFEST_NAME, manifest.to_json(), area)
        if card is not None:
            _replace(bundle / CARD_NAME, card, area)
    finally:
        _remove_debris(bundle)


def mark_verified(bundle: Bundle, name: str) -> None:
    """Record in the manifest that a variant was measured on the provider it needs.

    Raises:
        BundleError: there is no bundle.
        ExportError: nothing can be written there; the bundle is untouched.
    """
    with staging_area(bundle.folder) as area:
        manifest = read_manifest(bundle.folder)
        variant = replace(manifest.variants[name], verified=True)
        extended = replace(manifest, variants={**manifest.variants, name: variant})
        add_to_bundle(bundle.folder, area, {}, extended)


def _check_addition(bundle: Path, area: Path, files: Mapping[str, str], manifest: Manifest) -> None:
    current = read_manifest(bundle)
    taken = sorted(files.keys() & current.files.keys())
    if taken:
        raise BundleExistsError(
            f"{bundle} holds {', '.join(taken)} already; give the new file a name of its own"
        )
    lost = sorted(current.variants.keys() - manifest.variants.keys())
    if lost:
        raise BundleError(
            f"{bundle} has {', '.join(lost)}, which the new manifest lacks: it was extended "
            "meanwhile; read it again and repeat"
        )
    for path, info in manifest.files.items():
        found = area / files[path] if path in files else bundle / path
        if not found.is_file() or found.stat().st_size != info.size_bytes:
            raise BundleIntegrityError(
                f"{found} is not the file of {info.size_bytes} bytes the new manifest names; "
                "the bundle is untouched, export the model again"
            )


def _replace(destination: Path, text: str, area: Path) -> None:
    draft = area / destination.name
    draft.write_text(text, encoding="utf-8")
    sync_file(draft)
    os.replace(draft, destination)
    sync_folder(destination.parent)


def _remove_debris(bundle: Path) -> None:
    named = read_manifest(bundle).files  # the one in force, whether or not the new one came to be
    for pattern in DEBRIS:
        for path in list(bundle.glob(pattern)):
            regular = path.is_file() and not path.is_symlink()
            if regular and path.relative_to(bundle).as_posix() not in named:
                path.unlink(missing_ok=True)


def _previous(destination: Path) -> Path:
    return destination.parent / f".{destination.name}.previous"


def _is_bundle(folder: Path) -> bool:
    return (folder / MANIFEST_NAME).is_file()


def _check_free(destination: Path, *, overwrite: bool) -> None:
    if not os.path.lexists(destination):
        return
    if not destination.is_dir():
        raise BundleExistsError(f"{destination} exists and is no folder; choose another name")
    if destination.is_mount():
        raise BundleExistsError(
            f"{destination} is a mount point, which nothing can be renamed to; "
            "choose a folder inside it"
        )
    if not any(destination.iterdir()):
        return
    if not _is_bundle(destination):
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
    if overwrite and _is_bundle(destination):
        with locked(destination):
            if not swap(staging, destination):
                _set_aside(staging, destination)
        return
    try:
        os.rename(staging, destination)
    except OSError as error:
        if error.errno in OCCUPIED:
            raise BundleExistsError(
                f"{destination} appeared meanwhile; it is untouched, choose another name"
            ) from error
        raise


def _set_aside(staging: Path, destination: Path) -> None:
    """Two renames; a death between them is what `recover` is for."""
    previous = _previous(destination)
    try:
        os.rename(destination, previous)
        os.rename(staging, destination)
    except BaseException:
        if not os.path.lexists(destination):
            os.rename(previous, destination)
        raise
    discard(previous, destination)


@contextmanager
def _disk_full_explained(destination: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise ExportError(
                f"disk full: {destination.parent} needs space ({error.strerror}); {destination} is "
                "untouched, free some and try again"
            ) from error
        raise
