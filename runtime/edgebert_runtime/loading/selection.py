"""The variant to run on this machine: what is here is found out, and `choose` decides."""

import warnings
from dataclasses import replace
from typing import Final

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Manifest, Variant
from edgebert_runtime.bundle.manifest_values import NATIVE, STOCK
from edgebert_runtime.bundle.paths import resolve_inside
from edgebert_runtime.bundle.protobuf_reader import BYTES, read_tensors
from edgebert_runtime.engine.cpu import WHOLE_TILE, instruction_sets, tiles_go_wrong
from edgebert_runtime.engine.native import NAME, NativeLibrary, find_native
from edgebert_runtime.engine.onnxruntime import import_engine
from edgebert_runtime.errors import ConfigError, FallbackWarning
from edgebert_runtime.loading.choice import (
    AUTO,
    INSTEAD,
    Candidate,
    Situation,
    choose,
    way_of,
)
from edgebert_runtime.loading.options import LoadOptions

OR_INSTEAD: Final = f", or {INSTEAD}"
"""Is left out of the remedy of a portable variant where no other runs either."""


def situation_here(
    bundle: Bundle,
    options: LoadOptions,
    *,
    task: str | None = None,
    asked: str = AUTO,
    libraries: bool = True,
) -> Situation:
    """The situation on this machine, with the ONNX Runtime that is installed.

    Looking at the CPU takes time. It is looked at only if the variant to run depends on it.

    Args:
        bundle: whose variants are chosen from.
        options: of `load`.
        task: as `Situation` takes it; None is the bundle's default.
        asked: likewise.
        libraries: whether those of this machine may run.

    Raises:
        EngineMissingError: ONNX Runtime is not installed.
    """
    asked_for = asked_situation(bundle, options, task=task, asked=asked)
    if not libraries:
        asked_for = replace(asked_for, libraries={})
    here = replace(asked_for, engine=str(import_engine().__version__))
    running = [each for each in choose(bundle.manifest, here) if each.obstacle is None]
    if running and running[0].way == STOCK and _needs_a_cpu(bundle, running[0]):
        here = replace(here, instruction_sets=instruction_sets())
    if options.provider == "cpu" and running and _has_bytes(bundle, running[0]):
        here = replace(here, wrong_products=_wrong_products(bundle))
    return here


def asked_situation(
    bundle: Bundle, options: LoadOptions, *, task: str | None = None, asked: str = AUTO
) -> Situation:
    """What is asked for, with the libraries of this machine; arguments as `situation_here`.

    Nothing else of the machine is known.
    """
    return Situation(
        task=task or bundle.manifest.default_task,
        asked=asked,
        provider=options.provider,
        libraries=_libraries(bundle.manifest) if options.provider == "cpu" else {},
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
        offered = ", ".join(sorted({*manifest.variants, *instead}))
        raise ConfigError(f"{bundle.folder} has no variant {situation.asked!r}; it has {offered}")
    name, obstacle = min(
        ((each.name, each.obstacle) for each in candidates if each.obstacle),
        key=lambda one: one[1].error is ConfigError,  # the first that another machine may mend
    )
    why = f"variant {name!r} of {bundle.folder} {obstacle.reason}"
    wanted = instead[0] if instead else None
    load = f"load variant={wanted!r}" if wanted else "export again with target='portable'"
    use = f"use --variant {wanted}" if wanted else "export again with --target portable"
    remedy, shell_remedy = obstacle.remedy, obstacle.shell_remedy
    if wanted is None and manifest.variants[name].target == "portable":
        remedy, shell_remedy = (each.replace(OR_INSTEAD, "") for each in (remedy, shell_remedy))
    raise obstacle.error(
        f"{why}; {remedy.replace(INSTEAD, load)}",
        shell=f"{why}; {shell_remedy.replace(INSTEAD, use)}",
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


def why_stock(bundle: Bundle, situation: Situation, chosen: Candidate) -> str | None:
    """Why `edgebert-native` does not run, of a bundle that has a variant for it; else None.

    Args:
        bundle: whose variant it is.
        situation: in which it was chosen.
        chosen: the variant.
    """
    variants = bundle.manifest.variants
    every = choose(bundle.manifest, replace(situation, asked=AUTO))
    able = (each for each in every if getattr(variants[each.name].library, "name", None) == NAME)
    native = next(able, None)
    if native is None or chosen.way == NATIVE:
        return None
    if native.obstacle is not None:
        return f"variant {native.name!r} {native.obstacle.reason}"
    library, reason = find_native()
    if library is None:
        return reason
    if native.way == STOCK:
        return f"variant {native.name!r} needs a newer {NAME} than {library.version}"
    return f"variant {chosen.name!r} runs, and {native.name!r} is for {NAME}"


def library_of(variant: Variant) -> NativeLibrary | None:
    """The library of this machine that a variant runs with; None where it runs without one."""
    library = find_native().library
    found = {} if library is None else {NAME: library.version}
    return library if way_of(variant.library, found) == NATIVE else None


def _libraries(manifest: Manifest) -> dict[str, str]:
    """Libraries of operators that a variant is for and that run here, with their versions."""
    named = {each.library.name for each in manifest.variants.values() if each.library is not None}
    library = find_native().library if NAME in named else None
    return {} if library is None else {NAME: library.version}


def _has_bytes(bundle: Bundle, candidate: Candidate) -> bool:
    return bundle.manifest.variants[candidate.name].precision == "int8"


def _wrong_products(bundle: Bundle) -> frozenset[str]:
    """Graphs with a weight that the engine multiplies wrongly on this CPU."""
    if not tiles_go_wrong():
        return frozenset()
    graphs = {each.file for each in bundle.manifest.variants.values() if each.precision == "int8"}
    return frozenset(
        graph
        for graph in graphs
        for tensor in read_tensors(resolve_inside(bundle.folder, graph))
        if tensor.data_type in BYTES and len(tensor.shape) == 2 and tensor.shape[1] % WHOLE_TILE
    )


def _needs_a_cpu(bundle: Bundle, candidate: Candidate) -> bool:
    return bool(bundle.manifest.variants[candidate.name].instruction_sets)
