"""From a folder to a model that answers."""

import warnings
from collections.abc import Mapping
from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import NARROW
from edgebert_runtime.engine.onnxruntime import import_engine
from edgebert_runtime.engine.providers import (
    ProviderOptions,
    captures,
    choose_provider,
    read_options,
)
from edgebert_runtime.errors import (
    BundleError,
    ConfigError,
    FallbackWarning,
    ProviderUnavailableError,
    UnverifiedWarning,
)
from edgebert_runtime.loading.model_opener import ModelOpener, Verify
from edgebert_runtime.storage.cache_dir import CacheDir

if TYPE_CHECKING:
    from edgebert_runtime.tasks.answer import Answerer
    from edgebert_runtime.tasks.classify import Classifier
    from edgebert_runtime.tasks.embed import Embedder
    from edgebert_runtime.tasks.fill import MaskFiller
    from edgebert_runtime.tasks.next_sentence import NextSentence
    from edgebert_runtime.tasks.rank import Ranker
    from edgebert_runtime.tasks.tag import Tagger

MODELS: Final = {
    "embed": "Embedder",
    "classify": "Classifier",
    "tag": "Tagger",
    "answer": "Answerer",
    "rank": "Ranker",
    "fill": "MaskFiller",
    "next_sentence": "NextSentence",
}
"""Task → its model, in the module of `tasks/` named like the task; only that one is imported."""


@overload
def load(
    bundle: Bundle | str | PathLike[str],
    variant: str = "auto",
    provider: str = "auto",
    *,
    task: Literal["embed"] | None = None,
    provider_options: ProviderOptions | None = None,
    threads: int | None = None,
    share_threads: bool = False,
    verify: Verify = None,
    cache_dir: CacheDir = None,
) -> "Embedder": ...


@overload
def load(
    bundle: Bundle | str | PathLike[str],
    variant: str = "auto",
    provider: str = "auto",
    *,
    task: Literal["classify"],
    provider_options: ProviderOptions | None = None,
    threads: int | None = None,
    share_threads: bool = False,
    verify: Verify = None,
    cache_dir: CacheDir = None,
) -> "Classifier": ...


@overload
def load(
    bundle: Bundle | str | PathLike[str],
    variant: str = "auto",
    provider: str = "auto",
    *,
    task: Literal["tag"],
    provider_options: ProviderOptions | None = None,
    threads: int | None = None,
    share_threads: bool = False,
    verify: Verify = None,
    cache_dir: CacheDir = None,
) -> "Tagger": ...


@overload
def load(
    bundle: Bundle | str | PathLike[str],
    variant: str = "auto",
    provider: str = "auto",
    *,
    task: Literal["answer"],
    provider_options: ProviderOptions | None = None,
    threads: int | None = None,
    share_threads: bool = False,
    verify: Verify = None,
    cache_dir: CacheDir = None,
) -> "Answerer": ...


@overload
def load(
    bundle: Bundle | str | PathLike[str],
    variant: str = "auto",
    provider: str = "auto",
    *,
    task: Literal["rank"],
    provider_options: ProviderOptions | None = None,
    threads: int | None = None,
    share_threads: bool = False,
    verify: Verify = None,
    cache_dir: CacheDir = None,
) -> "Ranker": ...


@overload
def load(
    bundle: Bundle | str | PathLike[str],
    variant: str = "auto",
    provider: str = "auto",
    *,
    task: Literal["fill"],
    provider_options: ProviderOptions | None = None,
    threads: int | None = None,
    share_threads: bool = False,
    verify: Verify = None,
    cache_dir: CacheDir = None,
) -> "MaskFiller": ...


@overload
def load(
    bundle: Bundle | str | PathLike[str],
    variant: str = "auto",
    provider: str = "auto",
    *,
    task: Literal["next_sentence"],
    provider_options: ProviderOptions | None = None,
    threads: int | None = None,
    share_threads: bool = False,
    verify: Verify = None,
    cache_dir: CacheDir = None,
) -> "NextSentence": ...


def load(
    bundle: Bundle | str | PathLike[str],
    variant: str = "auto",
    provider: str = "auto",
    *,
    task: str | None = None,
    provider_options: ProviderOptions | None = None,
    threads: int | None = None,
    share_threads: bool = False,
    verify: Verify = None,
    cache_dir: CacheDir = None,
) -> Any:
    """Open a bundle for inference.

    The bundle decides what comes back. A type checker cannot see that: for it, `load(bundle)` is
    an `Embedder` and `load(bundle, task="classify")` a `Classifier`.

    Args:
        bundle: the folder.
        variant: a variant's name, a precision such as `"fp32"` or `"int8"`, or `"auto"` for the
            bundle's default.
        provider: `"cpu"`, `"cuda"`, `"openvino"`, `"tensorrt"`, `"qnn"`, `"coreml"` or `"auto"`;
            what is asked for is what runs.
        task: what the bundle must be for (`embed`, `classify`, `tag`, `answer`, `rank`, `fill`,
            `next_sentence`); None takes it as it is.
        provider_options: the provider's own options, such as `{"device_type": "CPU"}`; on CUDA
            `{"enable_cuda_graph": 1}` captures runs of up to 2,048 tokens and replays them.
        threads: intra-operator threads; None takes every core the process may use, or fewer
            where `edgebert-run bench --store` found that fewer are as fast.
        share_threads: take turns with all other models of the process that say so, so that they
            never have more threads running than one of them.
        verify: when files are hashed: `"always"`, `"once"` per path, size, time and inode, or
            `"never"`; None hashes always up to 256 MiB and once above.
        cache_dir: where graphs that `warm` kept are looked for, and hashes that matched are
            remembered; None takes the user's cache, False none.

    Raises:
        BundleError: the bundle cannot be read, is not what its manifest says, or is not safe, or
            the variant asked for answers wrong on this CPU.
        ConfigError: unknown variant, provider or provider option, a variant the provider has no
            operators for, a thread count below 1, or the bundle is for another task than asked.
        EngineMissingError: ONNX Runtime is not installed.
        ProviderUnavailableError: the provider cannot be had here, or the variant needs another.
        TokenizerError: the tokenizer cannot be read.
    """
    opened = Bundle.open(bundle)
    manifest = opened.manifest
    _check_task(opened, task)
    make = model_class(manifest.task)
    chosen_provider = choose_provider(provider)
    options = read_options(provider, provider_options)
    how = {"provider_options": options, "threads": threads, "shared": share_threads}
    opening = ModelOpener(opened, make, chosen_provider, how, verify, cache_dir)
    captured = captures(options)
    name = opened.select(variant, chosen_provider, captured=captured)
    opening.begin(name)  # hashes while the engine is imported
    engine = str(import_engine().__version__)
    # an old engine may need another
    runnable = opened.select(variant, chosen_provider, engine, captured=captured)
    name = _exact(opened, runnable, variant, chosen_provider)
    chosen = manifest.variants[name]
    if not chosen.runs_on(engine):
        raise BundleError(
            f"variant {name!r} needs ONNX Runtime {chosen.min_onnxruntime}, this is {engine}; "
            "upgrade it, or load variant='portable'"
        )
    _check_needs(opened, name, chosen_provider)
    model = opening.finish(name, engine)
    if not chosen.verified:
        warnings.warn(
            f"variant {name!r} of {opened.folder} was made where there was no {chosen.needs!r}: "
            "its rounding was measured, its kernels were not; run edgebert verify here once",
            UnverifiedWarning,
            stacklevel=2,
        )
    return model


def reload(folder: str, variant: str, provider: str, how: Mapping[str, Any]) -> Any:
    """What unpickling a model calls."""
    return load(folder, variant, provider, **how)


def _exact(bundle: Bundle, name: str, asked: str, provider: str) -> str:
    """The variant to run where integer products may overflow: fp32, if nobody insists."""
    if provider != "cpu" or not bundle.manifest.variants[name].needs_wide_sums:
        return name
    from edgebert_runtime.engine.cpu import sums_saturate

    if not sums_saturate():
        return name
    why = (
        f"variant {name!r} of {bundle.folder} has 8-bit weights, and this CPU adds products of "
        "integers in 16 bits, where they overflow and answers are wrong"
    )
    if asked != "auto":
        raise BundleError(
            f"{why}; load variant='fp32', or export again and quantize with --cpu {NARROW}"
        )
    warnings.warn(f"{why}; fp32 runs instead", FallbackWarning, stacklevel=3)
    return bundle.select("fp32", provider)


def _check_needs(bundle: Bundle, name: str, provider: str) -> None:
    """Refuse a provider without kernels for a variant."""
    variant = bundle.manifest.variants[name]
    if variant.needs not in (None, provider):
        raise ProviderUnavailableError(
            f"variant {name!r} of {bundle.folder} needs provider {variant.needs!r}, not "
            f"{provider!r}: load it with provider={variant.needs!r}, or variant='fp32'"
        )


def _check_task(bundle: Bundle, asked: str | None) -> None:
    found = bundle.manifest.task
    if found not in MODELS:
        raise BundleError(
            f"{bundle.folder} has task {found!r}, this version runs {', '.join(MODELS)}"
        )
    if asked not in (None, found):
        raise ConfigError(
            f"{bundle.folder} has task {found!r}, not {asked!r}; load it with task={found!r}, or "
            "export the model for the task you want"
        )


def model_class(task: str) -> Any:
    """The model of a task; only its module is imported."""
    return getattr(import_module(f"edgebert_runtime.tasks.{task}"), MODELS[task])
