"""A bundle on the Hub, fetched into the cache, and from there into a folder of the user's own."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.hub_name import HubName, parse_name
from edgebert_runtime.bundle.integrity import IntegrityCheck
from edgebert_runtime.bundle.manifest import MANIFEST_NAME, Manifest
from edgebert_runtime.bundle.snapshots import find_snapshot
from edgebert_runtime.bundle.staging import new_bundle
from edgebert_runtime.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What `pull` did.

    Attributes:
        folder: where the bundle is now.
        name: the repository; its revision is the commit.
        variants: those whose graphs are there.
        size_bytes: of all files that were asked for.
        fetched_bytes: of those that were put into the cache just now.
    """

    folder: Path
    name: HubName
    variants: tuple[str, ...]
    size_bytes: int
    fetched_bytes: int


def pull(
    name: str,
    to: Path | None = None,
    variants: Sequence[str] = (),
    *,
    force: bool = False,
    overwrite: bool = False,
) -> Pulled:
    """Fetch a bundle, or those of its files that some of its variants need.

    Args:
        name: `org/name` or `org/name@revision`; a folder of that name does not matter here.
        to: a folder to copy it to; None leaves it in the cache.
        variants: names of variants or precisions; none takes all.
        force: download again what the cache has.
        overwrite: replace a bundle that is at `to`, once the new one is complete.

    Raises:
        ConfigError: it is no name of a repository, or has no such variant.
        BundleExistsError: something is at `to`.
        HubError: it cannot be had, or holds no bundle.
        BundleIntegrityError: a file is not what the manifest says; nothing of it was kept.
    """
    parsed = parse_name(name)
    if parsed is None:
        raise ConfigError(f"{name!r} is no name on the Hub; it is org/name or org/name@revision")
    snapshot = find_snapshot(parsed, again=force)
    bundle = Bundle.of_snapshot(snapshot)
    chosen = _chosen(bundle.manifest, variants, parsed)
    paths = _needed_files(bundle.manifest, chosen)
    fetched = bundle.fetch(paths)
    if to is not None:
        _copy(bundle, paths, to, overwrite=overwrite)
    files = bundle.manifest.files
    return Pulled(
        folder=bundle.folder if to is None else to,
        name=snapshot.name,
        variants=chosen,
        size_bytes=sum(files[path].size_bytes for path in paths),
        fetched_bytes=fetched,
    )


def _needed_files(manifest: Manifest, variants: Sequence[str]) -> list[str]:
    """Paths of all files but the graphs of other variants and their weights."""
    graphs = {path for variant in manifest.variants.values() for path in variant.files}
    kept = {path for name in variants for path in manifest.variants[name].files}
    return [path for path in manifest.files if path in kept or path not in graphs]


def _chosen(manifest: Manifest, asked: Sequence[str], name: HubName) -> tuple[str, ...]:
    """Names of the variants that are meant."""
    variants, meant = manifest.variants, set[str]()
    for each in asked:
        same = [
            key
            for key, found in variants.items()
            if found.precision == each and not found.shows_attention
        ]
        found = [*same, *manifest.named(each)]
        if not found:
            raise ConfigError(f"{name} has no variant {each!r}; it has {', '.join(variants)}")
        meant.update(found)
    return tuple(key for key in variants if not asked or key in meant)


def _copy(bundle: Bundle, paths: Sequence[str], to: Path, *, overwrite: bool) -> None:
    with new_bundle(to, overwrite=overwrite) as staging:
        for path in (*paths, MANIFEST_NAME):
            (staging / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle.folder / path, staging / path)
        files = {path: bundle.manifest.files[path] for path in paths}
        check = IntegrityCheck(staging, files, mode="always")
        check.start()
        check.wait()
