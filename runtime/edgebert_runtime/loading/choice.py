"""Which variant runs: a pure function of what a manifest says, what is asked for, and what is here.

`loading.selection` finds out what is here, and raises where nothing runs.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from edgebert_runtime.bundle.manifest import Library, Manifest, Variant
from edgebert_runtime.bundle.manifest_records import named
from edgebert_runtime.bundle.manifest_values import AVX2, NATIVE, STOCK
from edgebert_runtime.engine.cpu import WHOLE_TILE, WRONG_TILES
from edgebert_runtime.engine.providers import CAPTURE, PROVIDERS
from edgebert_runtime.errors import (
    BundleError,
    ConfigError,
    EdgebertError,
    ProviderUnavailableError,
)

AUTO: Final = "auto"
INSTEAD: Final = "{instead}"
"""Stands in a remedy for the variant that runs here; `pick` puts it there."""
RIGHT_AGAIN: Final = "{}.{}".format(*WRONG_TILES[1])
"""The first ONNX Runtime that multiplies every width right on a CPU with AMX."""


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
        wrong_products: graphs that the engine multiplies wrongly on this CPU, by their paths in
            the bundle.
        libraries: of custom operators: distribution → version.
        captured: whether runs are to be captured and replayed, which takes fixed shapes.
        exact: whether `asked` names one variant even where it is the name of a precision, too.
    """

    task: str
    asked: str = AUTO
    provider: str = "cpu"
    engine: str | None = None
    instruction_sets: frozenset[str] | None = None
    wrong_products: frozenset[str] = frozenset()
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
    by the provider's targets (`native`, `cpu`, `portable`; those that lack a library that they are
    for last), then the variant of that name, then in the manifest's order. `auto` means the default
    variant or precision, others of its precision, the recipes that the provider prefers, fp32, and
    then all others in the manifest's order. Both mean only variants that answer the task.

    Args:
        manifest: of the bundle.
        situation: what is asked for, and what is here.

    Returns:
        An empty list where no variant has the name or precision.
    """
    variants = manifest.variants
    return [
        Candidate(
            name,
            way_of(variants[name].library, situation.libraries),
            next((found for check in CHECKS if (found := check(variants[name], situation))), None),
        )
        for name in dict.fromkeys(_meant(manifest, situation))
    ]


def _meant(manifest: Manifest, situation: Situation) -> Iterator[str]:
    """Names of the variants that are meant, the best first; some come twice."""
    every, asked = manifest.variants, situation.asked
    variants = {name: found for name, found in every.items() if situation.task in found.tasks}
    if asked != AUTO:
        yield from _named(variants, asked, situation) or named(every, asked)
        return
    default = manifest.default_variant
    yield from _named(variants, default, situation)
    for name in named(every, default)[:1]:
        yield from _named(variants, every[name].precision, situation)
    for recipe in PROVIDERS[situation.provider].preferred:
        yield from (name for name, found in variants.items() if found.recipe == recipe)
    yield from _named(variants, "fp32", situation)
    yield from variants


def _named(variants: Mapping[str, Variant], asked: str, situation: Situation) -> list[str]:
    """Those of a precision, the best first; else those of the name, or made under it."""
    targets = PROVIDERS[situation.provider].targets

    def rank(name: str) -> tuple[bool, int, bool]:
        found = variants[name]
        lacking = found.library is not None and not _has(found.library, situation.libraries)
        last = lacking or found.target not in targets
        place = len(targets) if last else targets.index(found.target)
        return found.recipe != asked, place, name != asked

    meant = [name for name, found in variants.items() if found.precision == asked]
    if not meant or (situation.exact and asked in variants):
        meant = named(variants, asked)
    return sorted(meant, key=rank)


def way_of(library: Library | None, libraries: Mapping[str, str]) -> str:
    """How a variant that is for a library runs, of those that are here by their versions."""
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
    if way_of(variant.library, situation.libraries) == NATIVE:
        return None  # the library runs on this CPU, or it would not be here
    if situation.provider != "cpu" or here is None or not needed or here & {*needed}:
        return None
    return Obstacle(
        f"has 8-bit weights and needs a CPU with {' or '.join(needed)}: this one adds products of "
        "integers in 16 bits, which overflow, so answers would be wrong",
        f"{INSTEAD}, or export again and quantize with cpu={AVX2!r}",
        f"{INSTEAD}, or export again and quantize with --cpu {AVX2}",
        BundleError,
    )


def _wrong_products(variant: Variant, situation: Situation) -> Obstacle | None:
    if variant.file not in situation.wrong_products:
        return None
    if way_of(variant.library, situation.libraries) == NATIVE:
        return None  # the library multiplies
    return Obstacle(
        f"has 8-bit weights whose columns are no multiple of {WHOLE_TILE}: ONNX Runtime "
        f"{situation.engine} multiplies those wrongly on this CPU, which has AMX",
        f"upgrade it to {RIGHT_AGAIN} or later, or {INSTEAD}",
        f"upgrade it to {RIGHT_AGAIN} or later, or {INSTEAD}",
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
    _wrong_products,
)
"""What may stand in the way of a variant; the first that does is said."""


def _version(text: str) -> tuple[int, ...]:
    """The first two numbers of a version, which are what features go by."""
    return tuple(int(part) for part in text.split(".")[:2])
