"""Changes to the manifest of a bundle: another default, one variant less, the present format."""

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from edgebert_quantize.model_card import updated_card
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Manifest
from edgebert_runtime.bundle.staging import change_manifest, upgrade_manifest
from edgebert_runtime.bundle.variants import require_name, without_variant
from edgebert_runtime.engine.providers import PROVIDERS
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.loading.choice import Situation, choose


def set_default(bundle: Bundle | str | PathLike[str], variant: str) -> Bundle:
    """Make a variant the bundle's default, which `load` runs where nothing else is asked for.

    Args:
        bundle: the bundle or its folder.
        variant: a variant's name, or a precision (`"fp32"`: the best of that precision wherever the
            bundle is loaded).

    Returns:
        The bundle; the same object, if one was given.

    Raises:
        ConfigError: the bundle has no such variant, or no provider runs it.
        BundleError: there is no bundle.
        ExportError: nothing can be written there; the bundle is untouched.
    """

    def changed(manifest: Manifest) -> Manifest:
        require_name(manifest, variant)
        _require_usable(manifest, variant)
        return replace(manifest, default_variant=variant)

    change_manifest(Bundle.open(bundle).folder, changed)
    return Bundle.reopen(bundle)


def remove_variant(bundle: Bundle | str | PathLike[str], variant: str) -> Bundle:
    """Remove a variant, or all that were made under one name, and the files that only they have.

    If it was the default, fp32 becomes it, or the first variant where there is no fp32.

    Args:
        bundle: the bundle or its folder.
        variant: its name; `"int8"` for what the recipe `int8` made.

    Returns:
        The bundle; the same object, if one was given.

    Raises:
        ConfigError: the bundle has no such variant, or no other.
        BundleError: there is no bundle.
        ExportError: nothing can be written there; the bundle is untouched.
    """
    opened = Bundle.open(bundle)
    removed = opened.manifest.named(variant)
    change_manifest(
        opened.folder,
        lambda manifest: without_variant(manifest, variant),
        card=lambda manifest: _card_without(opened.folder, removed, manifest),
    )
    return Bundle.reopen(bundle)


def upgrade(bundle: Bundle | str | PathLike[str]) -> bool:
    """Write the manifest of a bundle in the present format; no other file changes.

    An older edgebert does not read the bundle any more.

    Args:
        bundle: the bundle or its folder.

    Returns:
        Whether its format was older; otherwise nothing is done.

    Raises:
        BundleError: there is no bundle, its format is newer, or it is the cache's copy of one on
            the Hub.
        ExportError: nothing can be written there; the bundle is untouched.
    """
    return upgrade_manifest(Bundle.open(bundle).folder)


def _card_without(folder: Path, removed: Sequence[str], manifest: Manifest) -> str | None:
    """The model card, in whose tables a row begins with the name of its variant."""
    card = updated_card(folder, manifest)
    if card is None:
        return None
    rows, gone = (
        card.splitlines(keepends=True),
        tuple(f"| {name} {sep}" for name in removed for sep in "|("),
    )
    return "".join(row for row in rows if not row.startswith(gone))


def _require_usable(manifest: Manifest, name: str) -> None:
    """Refuse a default that `load` would not take, or that no provider of this version can run."""
    task, variants = manifest.default_task, manifest.variants
    if any(variants[each].shows_attention for each in manifest.named(name)):
        raise ConfigError(
            f"{name!r} shows attention, and is loaded by its name only; choose another default"
        )
    candidates = [
        each
        for provider in PROVIDERS
        for each in choose(manifest, Situation(task=task, asked=name, provider=provider))
    ]
    if all(each.obstacle for each in candidates):
        wanted = [variants[each.name] for each in candidates]
        needs = ", ".join(sorted({variant.needs or variant.target for variant in wanted}))
        raise ConfigError(
            f"no provider of this version runs {name!r} (it is for {needs}); choose another "
            f"default, of {', '.join(variants)}"
        )
