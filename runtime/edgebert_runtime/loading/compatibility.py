"""Which variants of a bundle run here, and which of them runs."""

import warnings
from typing import NamedTuple

from edgebert_runtime.bundle.bundle import Bundle, has_operators
from edgebert_runtime.bundle.manifest import NARROW
from edgebert_runtime.engine.onnxruntime import import_engine
from edgebert_runtime.engine.providers import PROVIDERS
from edgebert_runtime.errors import (
    BundleError,
    EdgebertError,
    FallbackWarning,
    ProviderUnavailableError,
)
from edgebert_runtime.loading.options import LoadOptions


class Obstacle(NamedTuple):
    """Why a variant does not run here, though nothing is wrong with it.

    Attributes:
        reason: said of the variant: it "needs provider 'cuda', not 'cpu'".
        remedy: what to do in Python.
        shell_remedy: what to do at a shell.
        error: what `load` raises.
    """

    reason: str
    remedy: str
    shell_remedy: str
    error: type[EdgebertError]


def find_obstacle(bundle: Bundle, name: str, provider: str, engine: str) -> Obstacle | None:
    """Why a variant does not run here; None if it does.

    Args:
        bundle: which holds it.
        name: of the variant.
        provider: a name of `PROVIDERS`.
        engine: version of ONNX Runtime.
    """
    variant = bundle.manifest.variants[name]
    if variant.needs not in (None, provider):
        return Obstacle(
            f"needs provider {variant.needs!r}, not {provider!r}",
            f"load it with provider={variant.needs!r}, or variant='fp32'",
            f"use --provider {variant.needs}, or --variant fp32",
            ProviderUnavailableError,
        )
    if not has_operators(PROVIDERS[provider], variant):
        return Obstacle(
            f"has operators that provider {provider!r} lacks",
            "load variant='portable'",
            "use --variant portable",
            ProviderUnavailableError,
        )
    if not variant.runs_on(engine):
        return Obstacle(
            f"needs ONNX Runtime {variant.min_onnxruntime}, this is {engine}",
            "upgrade it, or load variant='portable'",
            "upgrade it, or use --variant portable",
            BundleError,
        )
    if provider == "cpu" and variant.needs_wide_sums and _sums_saturate():
        return Obstacle(
            "has 8-bit weights, and this CPU has no VNNI: it adds products of integers in 16 bits, "
            "which overflow, so answers would be wrong",
            f"load variant='fp32', or export again and quantize with cpu={NARROW!r}",
            f"use --variant fp32, or export again and quantize with --cpu {NARROW}",
            BundleError,
        )
    return None


def unsupported_reason(bundle: Bundle, name: str, provider: str) -> str | None:
    """The reason of `find_obstacle` with the ONNX Runtime that is installed.

    Raises:
        EngineMissingError: ONNX Runtime is not installed.
    """
    obstacle = find_obstacle(bundle, name, provider, str(import_engine().__version__))
    return obstacle.reason if obstacle else None


def choose_variant(bundle: Bundle, asked: str, options: LoadOptions, engine: str) -> str:
    """Name the variant to run on an engine.

    Where nothing is asked for, the bundle's default runs, and where that cannot run here, the next
    of the bundle's candidates that can, with a warning.

    Args:
        bundle: which holds it.
        asked: as `load` takes it.
        options: of the same call.
        engine: version of ONNX Runtime; an old one may need another variant.

    Raises:
        BundleError, ProviderUnavailableError: the variant does not run here; for `auto`, none does.
        ConfigError: there is no such variant for the provider.
    """
    provider = options.provider
    first = bundle.select(asked, provider, engine, captured=options.captured)
    others = bundle.candidates(asked, provider, engine, captured=options.captured)
    for name in others if asked == "auto" else [first]:
        if find_obstacle(bundle, name, provider, engine) is None:
            if asked == "auto":
                _warn_of_another(bundle, name, provider, engine)
            return name
    obstacle = find_obstacle(bundle, first, provider, engine)
    assert obstacle is not None  # the loop ended without `first`
    why = f"variant {first!r} of {bundle.folder} {obstacle.reason}"
    raise obstacle.error(f"{why}; {obstacle.remedy}", shell=f"{why}; {obstacle.shell_remedy}")


def _warn_of_another(bundle: Bundle, name: str, provider: str, engine: str) -> None:
    """Warn where a variant of another precision stands in for the bundle's default."""
    default, precision = bundle.manifest.default_variant, bundle.default_precision
    variants = bundle.manifest.variants
    if variants[name].precision == precision:
        return
    named = next((one for one, found in variants.items() if precision == found.precision), default)
    wanted = default if default in variants else named
    obstacle = find_obstacle(bundle, wanted, provider, engine)
    reason = obstacle.reason if obstacle else "cannot be captured"
    warnings.warn(
        f"variant {wanted!r} of {bundle.folder} {reason}; {variants[name].precision} runs instead "
        f"(variant {name!r})",
        FallbackWarning,
        stacklevel=6,
    )


def _sums_saturate() -> bool:
    from edgebert_runtime.engine.cpu import sums_saturate  # most variants need not know

    return sums_saturate()
