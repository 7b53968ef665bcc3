"""From a folder to a model that answers."""

from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from edgebert_runtime.engine.providers import ProviderName, ProviderOptions
from edgebert_runtime.loading.options import LoadArguments, LoadOptions, Source, Verify
from edgebert_runtime.storage.cache_dir import CacheDir

if TYPE_CHECKING:
    from edgebert_runtime.tasks.answer import Answerer
    from edgebert_runtime.tasks.classify import Classifier
    from edgebert_runtime.tasks.embed import Embedder
    from edgebert_runtime.tasks.fill import MaskFiller
    from edgebert_runtime.tasks.next_sentence import NextSentence
    from edgebert_runtime.tasks.rank import Ranker
    from edgebert_runtime.tasks.tag import Tagger


@overload
def load(
    bundle: Source,
    variant: str = "auto",
    provider: ProviderName = "auto",
    *,
    task: Literal["embed"] | None = None,
    **options: Unpack[LoadArguments],
) -> "Embedder": ...


@overload
def load(
    bundle: Source,
    variant: str = "auto",
    provider: ProviderName = "auto",
    *,
    task: Literal["classify"],
    **options: Unpack[LoadArguments],
) -> "Classifier": ...


@overload
def load(
    bundle: Source,
    variant: str = "auto",
    provider: ProviderName = "auto",
    *,
    task: Literal["tag"],
    **options: Unpack[LoadArguments],
) -> "Tagger": ...


@overload
def load(
    bundle: Source,
    variant: str = "auto",
    provider: ProviderName = "auto",
    *,
    task: Literal["answer"],
    **options: Unpack[LoadArguments],
) -> "Answerer": ...


@overload
def load(
    bundle: Source,
    variant: str = "auto",
    provider: ProviderName = "auto",
    *,
    task: Literal["rank"],
    **options: Unpack[LoadArguments],
) -> "Ranker": ...


@overload
def load(
    bundle: Source,
    variant: str = "auto",
    provider: ProviderName = "auto",
    *,
    task: Literal["fill"],
    **options: Unpack[LoadArguments],
) -> "MaskFiller": ...


@overload
def load(
    bundle: Source,
    variant: str = "auto",
    provider: ProviderName = "auto",
    *,
    task: Literal["next_sentence"],
    **options: Unpack[LoadArguments],
) -> "NextSentence": ...


def load(
    bundle: Source,
    variant: str = "auto",
    provider: ProviderName = "auto",
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
        bundle: the folder, or the name of a repository on the Hub: `"org/name"` or
            `"org/name@revision"`, of which the files that the variant needs are fetched. A folder
            that is here comes first.
        variant: a variant's name, a precision such as `"fp32"` or `"int8"` for the best variant of
            it on this provider and engine, or `"auto"` for the bundle's default.
        provider: `"cpu"`, `"cuda"`, `"openvino"`, `"webgpu"`, `"tensorrt"`, `"qnn"`, `"coreml"` or
            `"auto"`; a provider that does not start is an error. What comes as a plug-in package
            is registered with ONNX Runtime, once a process.
        task: which of the bundle's tasks (`embed`, `classify`, `tag`, `answer`, `rank`, `fill`,
            `next_sentence`, or a task that was registered); None takes its default.
        provider_options: the provider's own options, such as `{"device_type": "CPU"}`; on CUDA
            `{"enable_cuda_graph": 1}` captures runs of up to 2,048 tokens and replays them.
        threads: intra-operator threads; None takes every core the process may use, or fewer
            where `edgebert-run bench --store` found that fewer are as fast.
        share_threads: take turns with the other models of the process that have this set, so that
            together they never run more threads than one of them.
        verify: when files are hashed: `"always"`, `"once"` per path, size, time and inode, or
            `"never"`; None hashes always up to 256 MiB and once above.
        cache_dir: folder of the cached graphs of `warm`, and of hashes that matched; None takes
            the user's cache, False none.

    Raises:
        BundleError: the bundle cannot be read or fetched, is not what its manifest says, or is not
            safe, or the variant would give wrong answers on this CPU.
        ConfigError: unknown variant, provider or provider option, a variant the provider has no
            operators for, a thread count below 1, an argument of another type, or the bundle or
            the variant does not answer the task.
        EngineMissingError: ONNX Runtime is not installed.
        ProviderUnavailableError: the provider does not run here, or the variant needs another.
        TokenizerError: the tokenizer cannot be read.
    """
    options = LoadOptions.of(
        provider,
        provider_options,
        threads=threads,
        share_threads=share_threads,
        verify=verify,
        cache_dir=cache_dir,
    )
    from edgebert_runtime.loading.model_opener import load_model  # `import` alone stays cheap

    return load_model(bundle, variant, options, task, stacklevel=3)
