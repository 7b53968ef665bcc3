"""What to measure: the user's options, and the plan for a bundle on this machine."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from edgebert_runtime.benchmarking.ranking import FEWEST_RANKED
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.engine.providers import (
    ProviderName,
    ProviderOptions,
    choose_provider,
    read_options,
)
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.inference.arguments import check_fields
from edgebert_runtime.loading.choice import choose
from edgebert_runtime.loading.options import LoadOptions
from edgebert_runtime.loading.selection import pick, situation_here
from edgebert_runtime.storage.cache_dir import CacheDir, find_cache

ALL: Final = "all"

BATCHES: Final = (1, 8, 32)
SEQUENCES: Final = (8, 32, 128, 512, 2048, 8192)
MOST_TOKENS: Final = 32 * 512
"""Of a shape that is measured by default: attention over more takes gigabytes."""

QUICK_BATCHES: Final = (1, 8)
QUICK_SEQUENCES: Final = (32, 128)

ROUNDS: Final = 5
FEWEST_ROUNDS: Final = 2
"""Quartiles need two."""

SECONDS: Final = 0.25
QUICK_SECONDS: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """The user's options.

    Attributes:
        variants: names or precisions, as `load` takes them, or `all`: what runs here.
        batches: texts at once; None takes 1, 8 and 32.
        sequences: tokens of each; None takes 8, 32, 128 … and the bundle's limit.
        threads: None takes 1, 2, 4 … and every core the process may use; of a provider other than
            the CPU every core.
        rounds: number of measurement rounds; each round measures everything in new processes.
        quick: few shapes and threads, and less time for each, where nothing else is said.
        seconds: about how long a shape is run in a round; None is 0.25, and 0.05 if `quick`.
        budget_ms: list the largest shapes within it; None lists none.
        store: whether the best settings are to be stored for `load`.
        cache_dir: where; None takes the user's cache.
        provider: as `load` takes it.
        provider_options: the provider's own options.

    Raises:
        ConfigError: one is of another type.
    """

    variants: Sequence[str] = (ALL,)
    batches: Sequence[int] | None = None
    sequences: Sequence[int] | None = None
    threads: Sequence[int] | None = None
    rounds: int = ROUNDS
    quick: bool = False
    seconds: float | None = None
    budget_ms: float | None = None
    store: bool = False
    cache_dir: CacheDir = None
    provider: ProviderName = "auto"
    provider_options: ProviderOptions | None = None

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The options, resolved for one bundle on this machine.

    Attributes:
        bundle: which.
        variants: names; at least one.
        left_out: name → why it does not run here.
        default: name of the variant that `load` takes by default here; None if none runs.
        shapes: batch x sequence each, fewest tokens first.
        threads: numbers of them, fewest first.
        rounds: at least two.
        seconds: about how long a shape is run in a round.
        provider: a name of `PROVIDERS`.
        provider_options: the provider's own options.
    """

    bundle: Bundle
    variants: Sequence[str]
    left_out: Mapping[str, str] = field(default_factory=dict)
    default: str | None
    shapes: Sequence[tuple[int, int]]
    threads: Sequence[int]
    rounds: int
    seconds: float
    provider: str
    provider_options: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Of the bundle."""
        return str(self.bundle.folder)

    def how(self, variant: str, threads: int | None = None) -> dict[str, object]:
        """The arguments of `load`, fit for JSON; None leaves the number of threads to it."""
        options = dict(self.provider_options)
        where = {"provider": self.provider, "provider_options": options or None}
        return {"variant": variant, **where, "threads": threads}


def plan(bundle: Bundle, options: BenchOptions, cores: int | None = None) -> Plan:
    """Resolve the options for a bundle, and refuse what cannot be measured.

    Args:
        bundle: which is measured.
        options: the user's.
        cores: how many there are to use; None takes all that the process may use.

    Raises:
        ConfigError: a number that makes no sense, a sequence beyond the bundle's limit, more
            threads than cores, an unknown variant, provider or option, or what cannot be stored.
        BundleError, ProviderUnavailableError: a variant that is asked for does not run here.
        EngineMissingError: ONNX Runtime is not installed.
    """
    provider = choose_provider(options.provider)
    provider_options = read_options(options.provider, options.provider_options)
    cores = cores or usable_cores()
    _check_numbers(options)
    here = LoadOptions(provider=provider, provider_options=provider_options)
    variants, left_out = _variants(bundle, options.variants, here)
    found = Plan(
        bundle=bundle,
        variants=variants,
        left_out=left_out,
        default=_default(bundle, here),
        shapes=_shapes(options, bundle.manifest.tokenizer.max_length),
        threads=_threads(options, provider, cores),
        rounds=options.rounds,
        seconds=_seconds(options),
        provider=provider,
        provider_options=provider_options,
    )
    if options.store:
        _check_storable(found, options, cores)
    return found


def _check_numbers(options: BenchOptions) -> None:
    if options.rounds < FEWEST_ROUNDS:
        raise ConfigError(
            f"rounds must be at least {FEWEST_ROUNDS}, got {options.rounds}: the spread needs "
            f"{FEWEST_ROUNDS}"
        )
    times = {
        "the budget must be a positive number of milliseconds": options.budget_ms,
        "the time of a shape must be a positive number of seconds": options.seconds,
    }
    for expected, value in times.items():
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise ConfigError(f"{expected}, got {value:g}")


def _check_storable(found: Plan, options: BenchOptions, cores: int) -> None:
    """Refuse before anything is measured."""
    if found.provider != "cpu":
        raise ConfigError(
            f"--store is only for provider 'cpu', got {found.provider!r}; leave out --store, or "
            "--provider"
        )
    if found.rounds < FEWEST_RANKED:
        raise ConfigError(
            f"--store needs at least {FEWEST_RANKED} rounds, got {found.rounds}: fewer give no "
            "ranking"
        )
    if max(found.threads) != cores:
        raise ConfigError(
            f"--store needs {cores} among --threads, got {_listed(found.threads)}: settings are "
            f"stored for the {cores} cores that load may use"
        )
    if find_cache(options.cache_dir) is None:
        raise ConfigError("caches are switched off; name a folder with EDGEBERT_CACHE to store")


def _default(bundle: Bundle, options: LoadOptions) -> str | None:
    candidates = choose(bundle.manifest, situation_here(bundle, options))
    return next((each.name for each in candidates if each.obstacle is None), None)


def _variants(
    bundle: Bundle, asked: Sequence[str], options: LoadOptions
) -> tuple[list[str], dict[str, str]]:
    """Those to measure, each once, and why not the others; a variant asked for must run."""
    if ALL not in asked:
        meant = (pick(bundle, situation_here(bundle, options, asked=name)).name for name in asked)
        return list(dict.fromkeys(meant)), {}
    left_out = {}
    for name, variant in bundle.manifest.variants.items():
        if variant.shows_attention:
            left_out[name] = "gives attention maps, too, and is measured where it is named"
            continue
        here = situation_here(bundle, replace(options, exact=True), asked=name)
        obstacle = choose(bundle.manifest, here)[0].obstacle
        if obstacle is not None:
            left_out[name] = obstacle.reason
    names = [name for name in bundle.manifest.variants if name not in left_out]
    if not names:
        told = "; ".join(f"{name} {reason}" for name, reason in left_out.items())
        raise ConfigError(f"no variant of {bundle.folder} runs here: {told}")
    return names, left_out


def _shapes(options: BenchOptions, limit: int) -> list[tuple[int, int]]:
    batches = _positive("batches", options.batches)
    sequences = _positive("sequences", options.sequences)
    longest = max(sequences or (1,))
    if longest > limit:
        raise ConfigError(
            f"sequence {longest} exceeds the bundle's limit of {limit} tokens; measure at most "
            f"{limit}"
        )
    lengths = sequences or _usual_sequences(limit, quick=options.quick)
    shapes = [
        (batch, sequence)
        for batch in batches or (QUICK_BATCHES if options.quick else BATCHES)
        for sequence in lengths
        if (batches and sequences)
        or batch * sequence <= MOST_TOKENS
        or batch == 1
        or sequence == lengths[0]
    ]
    return sorted(shapes, key=lambda shape: (shape[0] * shape[1], shape))


def _usual_sequences(limit: int, *, quick: bool) -> list[int]:
    fitting = [length for length in (QUICK_SEQUENCES if quick else SEQUENCES) if length <= limit]
    return fitting if quick and fitting else sorted({*fitting, limit})


def _threads(options: BenchOptions, provider: str, cores: int) -> list[int]:
    asked = _positive("threads", options.threads)
    if asked and max(asked) > cores:
        raise ConfigError(
            f"{max(asked)} threads are more than the {cores} cores this process may use; measure "
            f"at most {cores}"
        )
    if asked:
        return asked
    powers = [] if provider != "cpu" else [2**power for power in range(cores.bit_length())]
    return sorted({*(powers[:1] if options.quick else powers), cores})


def _positive(what: str, asked: Sequence[int] | None) -> list[int]:
    """Each once, smallest first; empty where nothing was asked for."""
    if asked is not None and (not asked or min(asked) < 1):
        raise ConfigError(f"{what} must be whole numbers of at least 1, got {_listed(asked)}")
    return sorted(set(asked or ()))


def _seconds(options: BenchOptions) -> float:
    if options.seconds is not None:
        return options.seconds
    return QUICK_SECONDS if options.quick else SECONDS


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
