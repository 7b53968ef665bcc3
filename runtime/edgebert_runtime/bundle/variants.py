"""What a bundle's manifest says once a variant is gone, or another is the default."""

from collections.abc import Mapping
from dataclasses import replace

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Manifest, Variant
from edgebert_runtime.bundle.manifest_records import named
from edgebert_runtime.bundle.manifest_values import ATTENTION, STOCK
from edgebert_runtime.errors import ConfigError


def samples_path(variant: str, way: str = STOCK) -> str:
    """Where a writer puts the self-test samples of a variant of one task, in a way it can run."""
    return f"samples/{variant}.json" if way == STOCK else f"samples/{variant}.{way}.json"


def without_variant(manifest: Manifest, name: str) -> Manifest:
    """A manifest without a variant, or those made under a name, and without files only they have.

    If it was the default, or the only variant of the default precision, the default becomes `fp32`,
    or the first variant where there is no fp32.

    Raises:
        ConfigError: there is no such variant, or there are no others, or no others that answer a
            task.
    """
    require_variant(manifest, name)
    removed = manifest.named(name)
    variants = {each: found for each, found in manifest.variants.items() if each not in removed}
    if not variants:
        raise ConfigError(
            f"{name!r} is the bundle's only variant; delete the folder, or make another variant "
            "first (edgebert quantize)"
        )
    answered = {task for variant in variants.values() for task in variant.tasks}
    unanswered = [task for task in manifest.tasks if task not in answered]
    if unanswered:
        raise ConfigError(
            f"{name!r} is the only variant that answers {', '.join(unanswered)}; make another one "
            "first"
        )
    had = set[str]().union(*(_files_of(manifest.variants[each]) for each in removed))
    gone = had.difference(*map(_files_of, variants.values()))
    files = {path: info for path, info in manifest.files.items() if path not in gone}
    precisions = {variant.precision for variant in variants.values()}
    default = manifest.default_variant
    if default not in precisions and not named(variants, default):
        default = "fp32" if "fp32" in precisions else next(iter(variants))
    provenance = tuple(step for step in manifest.provenance if step.variant not in removed)
    return replace(
        manifest,
        variants=variants,
        files=files,
        default_variant=default,
        provenance=provenance,
    )


def with_samples(variant: Variant, samples: Mapping[str, str], way: str = STOCK) -> Variant:
    """A variant with self-test samples, task → path, of a way it can run."""
    sampled = replace(variant.ways[way], samples=samples)
    return replace(variant, ways={**variant.ways, way: sampled})


def no_attention(bundle: Bundle, variant: str | None = None) -> ConfigError:
    """The error for who wants attention maps of a variant without them, or of no variant.

    Args:
        bundle: that has it.
        variant: that was loaded; None where one was looked for in vain.
    """
    found = f"variant {variant!r} of {bundle.folder} gives no attention maps"
    for name, each in bundle.manifest.variants.items():
        if each.shows_attention:
            return ConfigError(
                f"{found}; load variant={name!r}", shell=f"{found}; use --variant {name}"
            )
    lacking = f"{bundle.folder} has no variant {ATTENTION!r}, which gives attention maps"
    command = f"edgebert explain {bundle.folder} TEXT --method attention"
    return ConfigError(
        f"{lacking}; make it where it was exported, with edgebert.add_attention(folder) or "
        f"`{command}`",
        shell=f"{lacking}; make it where it was exported, with `{command}`",
    )


def _files_of(variant: Variant) -> set[str]:
    samples = (path for way in variant.ways.values() for path in way.samples.values())
    return {*variant.files, *samples}


def require_variant(manifest: Manifest, name: str) -> None:
    """Refuse a name that no variant has, and under which none was made.

    Raises:
        ConfigError: with the names there are.
    """
    if not manifest.named(name):
        raise ConfigError(
            f"the bundle has no variant {name!r}; it has {', '.join(manifest.variants)}"
        )


def require_name(manifest: Manifest, name: str) -> None:
    """Refuse what is neither a variant's name nor a precision of one.

    Raises:
        ConfigError: with the names and precisions there are.
    """
    precisions = {variant.precision for variant in manifest.variants.values()}
    if name not in precisions:
        require_variant(manifest, name)
