"""Which variant runs: a pure function of what a manifest says, what is asked for, and what is here.

`choose` decides; `situation_here` finds out what is here; `pick` raises and warns.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Library, Manifest, Variant
from edgebert_runtime.bundle.manifest_values import AVX2, NATIVE, STOCK
from edgebert_runtime.engine.onnxruntime import import_engine
from edgebert_runtime.engine.providers import CAPTURE, PROVIDERS
from edgebert_runtime.errors import (
    BundleError,
    ConfigError,
    EdgebertError,
    FallbackWarning,
    ProviderUnavailableError,
)
from edgebert_runtime.loading.options import LoadOptions

AUTO: Final = "auto"
INSTEAD: Final = "{instead}"
"""Stands in a remedy for the variant that runs here; `pick` puts it there."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What is asked for, and what is here.

    Attributes:
        task: that is to be answered.
        asked: `auto` (the bundle's default, or what can stand for it), a precision (the best
            variant of that precision here), or the name of a variant, or under which several were
            made, one for each target.
        provider: a name of `PROVIDERS`.
        engine: version of ONNX Runtime; None where it is not known yet, and every version is taken.
        instruction_sets: of the CPU, by their names in manifests; None as for `engine`.
        libraries: of custom operators: distribution → version.
        captured: whether runs are to be captured and replayed, which takes fixed shapes.
        exact: whether `asked` names one variant even where it is the name of a precision, too.
    """

    task: str
    asked: str = AUTO
    provider: str = "cpu"
    engine: str | None = None
    instruction_sets: frozenset[str] | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)
    captured: bool = False
    exact: bool = False


class Obstacle(NamedTuple):
    """Why a variant does not run here, though nothing is wrong with it.

    Attributes:
        reason: said of the variant: it "needs provider 'cuda', not 'cpu'".
        remedy: what to do in Python; it may contain `INSTEAD`.
        shell_remedy: what to do at a shell; likewise.
        error: what `load` raises.
    """

    reason: str
    remedy: str
    shell_remedy: str
    error: type[EdgebertError]


class Candidate(NamedTuple):
    """A variant that is meant by what is asked for.

    Attributes:
        name: of the variant.
        way: how it runs here: `stock`, or `native` where its library is installed.
        obstacle: why it does not run here; None if it does.
    """

    name: str
    way: str
    obstacle: Obstacle | None


def choose(manifest: Manifest, situation: Situation) -> list[Candidate]:
    """The variants that are meant, the best first; the first without an obstacle is the one to run.

    A precision means its variants in this order: of the recipe that has the precision's name, then
    by the provider's targets (`cpu` before `portable`), then the variant of that name, then in the
    manifest's order. `auto` means the default variant or precision, others of its precision, the
    recipes that the provider prefers, fp32, and then all others in the manifest's order.

    Args:
        manifest: of the bundle.
        situation: what is asked for, and what is here.

    Returns:
        None where no variant has the name or precision.
    """
    variants = manifest.variants
    return [
        Candidate(
            name,
            _way(variants[name].library, situation.libraries),
            next((found for check in CHECKS if (found := check(variants[name], situation))), None),
        )
        for name in dict.fromkeys(_meant(manifest, situation))
    ]


def _meant(manifest: Manifest, situation: Situation) -> Iterator[str]:
    """Names of the variants that are meant, the best first; some come twice."""
    variants, asked = manifest.variants, situation.asked
    if asked != AUTO:
        yield from _named(manifest, asked, situation)
        return
    default = _named(manifest, manifest.default_variant, situation)
    yield from default
    yield from _named(manifest, variants[default[0]].precision, situation)
    for recipe in PROVIDERS[situation.provider].preferred:
        yield from (name for name, found in variants.items() if found.recipe == recipe)
    yield from _named(manifest, "fp32", situation)
    yield from variants


def _named(manifest: Manifest, asked: str, situation: Situation) -> list[str]:
    """Those of a precision, the best first; else those of the name, or made under it."""
    variants, targets = manifest.variants, PROVIDERS[situation.provider].targets

    def rank(name: str) -> tuple[bool, int, bool]:
        found = variants[name]
        place = targets.index(found.target) if found.target in targets else len(targets)
        return found.recipe != asked, place, name != asked

    meant = [name for name, found in variants.items() if found.precision == asked]
    if not meant or (situation.exact and asked in variants):
        meant = manifest.named(asked)
    return sorted(meant, key=rank)


def _way(library: Library | None, libraries: Mapping[str, str]) -> str:
    return NATIVE if library is not None and _has(library, libraries) else STOCK


def _has(library: Library, libraries: Mapping[str, str]) -> bool:
    found = libraries.get(library.name)
    return found is not None and _version(found) >= _version(library.version)


def _other_task(variant: Variant, situation: Situation) -> Obstacle | None:
    if situation.task in variant.tasks:
        return None
    tasks = " and ".join(variant.tasks)
    return Obstacle(
        f"answers {tasks}, not {situation.task}",
        INSTEAD,
        INSTEAD,
        ConfigError,
    )


def _other_provider(variant: Variant, situation: Situation) -> Obstacle | None:
    if variant.needs in (None, situation.provider):
        return None
    return Obstacle(
        f"needs provider {variant.needs!r}, not {situation.provider!r}",
        f"load it with provider={variant.needs!r}, or {INSTEAD}",
        f"use --provider {variant.needs}, or {INSTEAD}",
        ProviderUnavailableError,
    )


def _other_operators(variant: Variant, situation: Situation) -> Obstacle | None:
    provider = PROVIDERS[situation.provider]
    known = variant.target in provider.targets or not provider.only
    if known and variant.recipe not in provider.lacks:
        return None
    return Obstacle(
        f"is for {variant.target} and has operators that provider {situation.provider!r} lacks",
        INSTEAD,
        INSTEAD,
        ConfigError,
    )


def _not_capturable(variant: Variant, situation: Situation) -> Obstacle | None:
    if variant.capturable or not situation.captured:
        return None
    return Obstacle(
        f"cannot be captured, which {CAPTURE} asks for",
        f"leave {CAPTURE} out, or {INSTEAD}",
        f"leave {CAPTURE} out, or {INSTEAD}",
        ConfigError,
    )


def _old_engine(variant: Variant, situation: Situation) -> Obstacle | None:
    engine, least = situation.engine, variant.min_onnxruntime
    if engine is None or _version(engine) >= _version(least):
        return None
    return Obstacle(
        f"needs ONNX Runtime {least}, this is {engine}",
        f"upgrade it, or {INSTEAD}",
        f"upgrade it, or {INSTEAD}",
        BundleError,
    )


def _no_library(variant: Variant, situation: Situation) -> Obstacle | None:
    library = variant.library
    if library is None or not library.required or _has(library, situation.libraries):
        return None
    found = situation.libraries.get(library.name)
    wanted = f"'{library.name}>={library.version}'"
    return Obstacle(
        f"needs {library.name} {library.version}, {f'this is {found}' if found else 'not here'}",
        f"run pip install {wanted}, or {INSTEAD}",
        f"run pip install {wanted}, or {INSTEAD}",
        BundleError,
    )


def _other_cpu(variant: Variant, situation: Situation) -> Obstacle | None:
    needed, here = variant.instruction_sets, situation.instruction_sets
    if situation.provider != "cpu" or here is None or not needed or here & {*needed}:
        return None
    return Obstacle(
        f"has 8-bit weights and needs a CPU with {' or '.join(needed)}: this one adds products of "
        "integers in 16 bits, which overflow, so answers would be wrong",
        f"{INSTEAD}, or export again and quantize with cpu={AVX2!r}",
        f"{INSTEAD}, or export again and quantize with --cpu {AVX2}",
        BundleError,
    )


CHECKS: Final[tuple[Callable[[Variant, Situation], Obstacle | None], ...]] = (
    _other_task,
    _other_provider,
    _other_operators,
    _not_capturable,
    _old_engine,
    _no_library,
    _other_cpu,
)
"""What may stand in the way of a variant; the first that does is said."""


def situation_here(
    bundle: Bundle, options: LoadOptions, *, task: str | None = None, asked: str = AUTO
) -> Situation:
    """The situation on this machine, with the ONNX Runtime that is installed.

    Args:
        bundle: whose variants are chosen from; the CPU is looked at only where one depends on it.
        options: of `load`.
        task: as `Situation` takes it; None is the bundle's default.
        asked: likewise.

    Raises:
        EngineMissingError: ONNX Runtime is not installed.
    """
    manifest = bundle.manifest
    depends = any(each.instruction_sets for each in manifest.variants.values())
    return replace(
        asked_situation(bundle, options, task=task, asked=asked),
        engine=str(import_engine().__version__),
        instruction_sets=_instruction_sets() if depends else frozenset(),
    )


def asked_situation(
    bundle: Bundle, options: LoadOptions, *, task: str | None = None, asked: str = AUTO
) -> Situation:
    """What is asked for, on a machine of which nothing is known; arguments as `situation_here`."""
    return Situation(
        task=task or bundle.manifest.default_task,
        asked=asked,
        provider=options.provider,
        captured=options.captured,
        exact=options.exact,
    )


def pick(bundle: Bundle, situation: Situation) -> Candidate:
    """The variant to run: the first of `choose` that has no obstacle.

    Raises:
        BundleError, ProviderUnavailableError: what is asked for does not run here; for `auto`,
            nothing does.
        ConfigError: there is no such variant, or it does not fit the task or the provider.
    """
    manifest = bundle.manifest
    candidates = choose(manifest, situation)
    running = [each for each in candidates if each.obstacle is None]
    if running:
        return running[0]
    instead = [
        manifest.variants[each.name].precision
        for each in choose(manifest, replace(situation, asked=AUTO))
        if each.obstacle is None
    ]
    if not candidates:
        offered = ", ".join(dict.fromkeys([*manifest.variants, *instead]))
        raise ConfigError(
            f"{bundle.folder} has no variant {situation.asked!r}; it has {offered or 'none'}"
        )
    name, obstacle = min(
        ((each.name, each.obstacle) for each in candidates if each.obstacle),
        key=lambda one: one[1].error is ConfigError,  # the first that another machine may mend
    )
    why = f"variant {name!r} of {bundle.folder} {obstacle.reason}"
    wanted = instead[0] if instead else None
    load = f"load variant={wanted!r}" if wanted else "export again with target='portable'"
    use = f"use --variant {wanted}" if wanted else "export again with --target portable"
    raise obstacle.error(
        f"{why}; {obstacle.remedy.replace(INSTEAD, load)}",
        shell=f"{why}; {obstacle.shell_remedy.replace(INSTEAD, use)}",
    )


def warn_of_another(bundle: Bundle, situation: Situation, *, stacklevel: int = 2) -> None:
    """Warn where a variant of another precision stands in for the bundle's default.

    Args:
        bundle: whose variants are chosen from.
        situation: of `pick`, which found one.
        stacklevel: where the warning points.
    """
    variants, candidates = bundle.manifest.variants, choose(bundle.manifest, situation)
    first, running = candidates[0], next(each for each in candidates if each.obstacle is None)
    precision = variants[running.name].precision
    if first.obstacle is None or situation.asked != AUTO:
        return
    if precision != variants[first.name].precision:
        warnings.warn(
            f"variant {first.name!r} of {bundle.folder} {first.obstacle.reason}; {precision} runs "
            f"instead (variant {running.name!r})",
            FallbackWarning,
            stacklevel=stacklevel,
        )


def _version(text: str) -> tuple[int, ...]:
    """The first two numbers of a version, which are what features go by."""
    return tuple(int(part) for part in text.split(".")[:2])


def _instruction_sets() -> frozenset[str]:
    from edgebert_runtime.engine.cpu import instruction_sets  # most variants need not know

    return instruction_sets()
