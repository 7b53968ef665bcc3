"""How a bundle appears whole or not at all, and how its variants change.

Only `edgebert_export` and `edgebert_quantize` use this module.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.hub_name import cached_name
from edgebert_runtime.bundle.manifest import (
    CARD_NAME,
    MANIFEST_NAME,
    SCHEMA_VERSION,
    FileInfo,
    Manifest,
    hash_file,
    read_manifest,
    written_version,
)
from edgebert_runtime.errors import BundleError, BundleExistsError, BundleIntegrityError
from edgebert_runtime.storage.atomic_write import put_file
from edgebert_runtime.storage.file_lock import locked
from edgebert_runtime.storage.new_folder import disk_errors_explained, new_folder
from edgebert_runtime.storage.new_folder import recover as recover_folder
from edgebert_runtime.storage.renaming import remove_unneeded
from edgebert_runtime.storage.text_file import write_text
from edgebert_runtime.storage.work_dirs import remove_stale, work_folder

DEBRIS: Final = ("onnx/model.onnx", "onnx/model_*.onnx", "onnx/*_data", "samples/*.json")
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
    replaces = _is_bundle if overwrite else _never
    with new_folder(destination, replaces=replaces, refusal=BundleExistsError) as staging:
        yield staging


def recover(destination: Path) -> None:
    """Undo or finish what a writer that died left beside a bundle; never harms a living one."""
    recover_folder(Path(os.path.realpath(destination)), is_whole=_is_bundle)


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
        BundleError: there is no bundle, or it is the cache's copy of one on the Hub.
        ExportError: nothing can be written there, or the disk is full; the bundle is untouched.
    """
    bundle = Path(os.path.realpath(bundle))
    recover(bundle)
    name = cached_name(bundle)
    if name is not None:
        raise BundleError(
            f"{bundle} is the cache's copy of {name} and stays as it was published; make a copy of "
            f"your own: edgebert-run pull {name} --to FOLDER"
        )
    read_manifest(bundle)
    with locked(bundle):
        remove_stale(bundle, bundle)
        with work_folder(bundle, bundle) as staging, disk_errors_explained(bundle):
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
            (bundle / path).parent.mkdir(parents=True, exist_ok=True)
            put_file(area / name, bundle / path)
        _replace(bundle / MANIFEST_NAME, manifest.to_json(), area)
        if card is not None:
            _replace(bundle / CARD_NAME, card, area)
    finally:
        _remove_debris(bundle)


def replace_in_bundle(
    bundle: Path,
    area: Path,
    files: Mapping[str, str],
    manifest: Manifest,
    card: str | None = None,
) -> None:
    """Give a bundle files of names that it has already, in one step.

    The whole folder is exchanged, as `new_bundle` does: a reader finds the old files with the old
    manifest or the new ones with the new. Files that stay are hard links, or copies where the disk
    has no links.

    Args:
        bundle: its folder.
        area: what `staging_area` gave, still open.
        files: bundle path → name of the file in `area`.
        manifest: the new manifest, which names the files.
        card: the new model card, if it changes.

    Raises:
        BundleExistsError: the bundle is a mount point, which cannot be exchanged.
        BundleIntegrityError: a file the new manifest names is not there, or has another size.
    """
    bundle = Path(os.path.realpath(bundle))
    _check_exchangeable(bundle)
    _check_sizes(bundle, area, files, manifest)
    gone = (read_manifest(bundle).files.keys() - manifest.files.keys()) | files.keys()
    skipped = {area, bundle / MANIFEST_NAME, *(bundle / path for path in gone)}
    with new_folder(
        bundle, replaces=_is_bundle, refusal=BundleExistsError, already_locked=True
    ) as folder:
        shutil.copytree(
            bundle,
            folder,
            symlinks=True,
            dirs_exist_ok=True,
            copy_function=link_or_copy,
            ignore=lambda parent, names: [n for n in names if Path(parent, n) in skipped],
        )
        for path, name in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            put_file(area / name, folder / path)
        _replace(folder / MANIFEST_NAME, manifest.to_json(), area)
        if card is not None:
            _replace(folder / CARD_NAME, card, area)


def change_manifest(
    bundle: Path,
    change: Callable[[Manifest], Manifest],
    card: Callable[[Manifest], str | None] = lambda _: None,
) -> None:
    """Replace a bundle's manifest; files that the new one no longer names are removed after.

    Args:
        bundle: its folder.
        change: from the manifest in force to the new one, which names no new files.
        card: from the new manifest to the new model card; None where the card stays.

    Raises:
        BundleError: there is no bundle; what `change` raises.
        ExportError: nothing can be written there; the bundle is untouched.
    """
    with staging_area(bundle) as area:
        bundle = Path(os.path.realpath(bundle))
        before = read_manifest(bundle)
        manifest = change(before)
        _replace(bundle / MANIFEST_NAME, manifest.to_json(), area)
        text = card(manifest)
        if text is not None:
            _replace(bundle / CARD_NAME, text, area)
        for path in before.files.keys() - manifest.files.keys():
            remove_unneeded(bundle / path)


def upgrade_manifest(bundle: Path) -> bool:
    """Replace a manifest of an older schema version by one of the present version.

    No other file changes. Of keys that no version knows, none is kept.

    Returns:
        Whether it was older.

    Raises:
        BundleError, ExportError: as `change_manifest`.
    """
    older = written_version(bundle) < SCHEMA_VERSION
    if older:
        change_manifest(bundle, lambda manifest: manifest)
    return older


def mark_verified(bundle: Bundle, name: str) -> None:
    """Record in the manifest that a variant was measured on the provider it needs.

    The cache's copy of a bundle on the Hub stays as it was published.

    Raises:
        BundleError, ExportError: as `change_manifest`.
    """
    if cached_name(bundle.folder) is not None:
        return

    def marked(manifest: Manifest) -> Manifest:
        variant = replace(manifest.variants[name], verified=True)
        return replace(manifest, variants={**manifest.variants, name: variant})

    change_manifest(bundle.folder, marked)


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
    _check_sizes(bundle, area, files, manifest)


def _check_sizes(bundle: Path, area: Path, files: Mapping[str, str], manifest: Manifest) -> None:
    for path, info in manifest.files.items():
        found = area / files[path] if path in files else bundle / path
        if not found.is_file() or found.stat().st_size != info.size_bytes:
            raise BundleIntegrityError(
                f"{found} is not the file of {info.size_bytes} bytes the new manifest names; "
                "the bundle is untouched, export the model again"
            )


def _replace(destination: Path, text: str, area: Path) -> None:
    draft = area / destination.name
    write_text(draft, text)
    put_file(draft, destination)


def _remove_debris(bundle: Path) -> None:
    named = read_manifest(bundle).files  # the one in force, whether or not the new one came to be
    for pattern in DEBRIS:
        for path in list(bundle.glob(pattern)):
            regular = path.is_file() and not path.is_symlink()
            if regular and path.relative_to(bundle).as_posix() not in named:
                remove_unneeded(path)


def link_or_copy(source: str | Path, destination: str | Path) -> None:
    """A second name for a file, or a copy where the disk has no links."""
    try:
        os.link(source, destination, follow_symlinks=False)
    except (OSError, NotImplementedError):  # another disk, or a system or disk without links
        shutil.copy2(source, destination)


def _is_bundle(folder: Path) -> bool:
    return (folder / MANIFEST_NAME).is_file()


def _never(_: Path) -> bool:
    return False


def _check_free(destination: Path, *, overwrite: bool) -> None:
    if not os.path.lexists(destination):
        return
    if not destination.is_dir():
        raise BundleExistsError(f"{destination} exists and is not a folder; choose another name")
    _check_exchangeable(destination)
    if not any(destination.iterdir()):
        return
    if not _is_bundle(destination):
        raise BundleExistsError(
            f"{destination} exists and is not an edgebert bundle, so it is never replaced; "
            "choose another name"
        )
    if not overwrite:
        raise BundleExistsError(
            f"{destination} exists; pass overwrite (--overwrite) to replace it, or choose another "
            "name"
        )


def _check_exchangeable(folder: Path) -> None:
    if os.path.ismount(folder):  # `Path.is_mount` fails on Windows before Python 3.12
        raise BundleExistsError(
            f"{folder} is a mount point, which nothing can be renamed to; choose a folder inside it"
        )
