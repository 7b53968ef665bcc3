"""From a folder to a model that answers."""

import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from edgebert_runtime.bundle import Bundle
from edgebert_runtime.caches import CacheDir, find_cache
from edgebert_runtime.errors import (
    BundleError,
    ConfigError,
    FallbackWarning,
    ProviderUnavailableError,
    TokenizerError,
    UnverifiedWarning,
)
from edgebert_runtime.external_data import check_external_data
from edgebert_runtime.integrity import IntegrityCheck
from edgebert_runtime.manifest import NARROW, FileInfo, Manifest
from edgebert_runtime.memory import give_back_freed
from edgebert_runtime.providers import (
    PROVIDERS,
    ProviderOptions,
    captures,
    choose_provider,
    keeping_engines,
    log,
    read_options,
)
from edgebert_runtime.session import Session, import_engine
from edgebert_runtime.threads import usable_cores
from edgebert_runtime.tokenization import TextTokenizer

if TYPE_CHECKING:
    from edgebert_runtime.keeping import Tuning, WarmGraph
    from edgebert_runtime.tasks.answer import Answerer
    from edgebert_runtime.tasks.base import Plan
    from edgebert_runtime.tasks.classify import Classifier
    from edgebert_runtime.tasks.embed import Embedder
    from edgebert_runtime.tasks.fill import MaskFiller
    from edgebert_runtime.tasks.next_sentence import NextSentence
    from edgebert_runtime.tasks.rank import Ranker
    from edgebert_runtime.tasks.tag import Tagger

Verify = Literal["always", "once", "never"] | None

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
    opening = _Opening(opened, make, chosen_provider, how, verify, cache_dir)
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
    return opening.finish(name, engine)


class _Opening:
    """A variant on its way to a model: hashed, opened, or taken from what `warm` kept."""

    def __init__(
        self,
        bundle: Bundle,
        make: Any,
        provider: str,
        how: Mapping[str, Any],
        verify: Verify,
        cache_dir: CacheDir,
    ) -> None:
        self._bundle, self._make, self._how = bundle, make, how
        self._provider, self._verify, self._cache_dir = provider, verify, cache_dir
        self._cache = find_cache(cache_dir)
        self._begun: dict[str, IntegrityCheck] = {}

    def begin(self, name: str) -> None:
        """Hash what a variant needs in the background, if nothing kept may take its place."""
        if self._kept_somewhere(name) is None:
            self._check(name)

    def finish(self, name: str, engine: str) -> Any:
        """The model."""
        kept = self._kept(name, engine)
        if kept is not None:
            try:
                return self._open(name, self._kept_checks(kept), kept.path, kept)
            except BundleError as error:  # whatever becomes of a cache, the bundle is there
                log(f"{kept.folder} cannot be used, the bundle's own graph is: {error}")
        chosen = self._bundle.manifest.variants[name]
        check_external_data(self._bundle.folder, chosen.files, chosen.file)
        return self._open(name, [self._check(name)], self._bundle.path_of(chosen.file))

    def _open(
        self,
        name: str,
        checks: Sequence[IntegrityCheck],
        graph: Path,
        kept: "WarmGraph | None" = None,
    ) -> Any:
        tuning = kept.tunings.get(self._cores()) if kept else None
        how = {**self._how, "threads": self._threads(tuning), "optimized": kept is not None}
        how["provider_options"] = self._options(name)
        how["longest"] = self._bundle.manifest.tokenizer.max_positions
        try:
            session = Session(graph, provider=self._provider, **how)
            session.asked_threads = self._how["threads"]  # a pickled model looks for itself
            tokenizer = open_tokenizer(self._bundle)
            opened = self._bundle, name, session, tokenizer, checks[0].mode
            plan = self._plan(session, tuning) if kept else None
            model = self._make(*opened, cache_dir=self._cache_dir, plan=plan)
        except (BundleError, ProviderUnavailableError, TokenizerError):
            _wait(checks)  # a damaged file is the better explanation
            raise
        _wait(checks)
        give_back_freed()
        return model

    def _options(self, name: str) -> dict[str, str]:
        """The provider's options, with a folder to keep engines in where it keeps some."""
        given: dict[str, str] = self._how["provider_options"]
        if self._cache is None or not PROVIDERS[self._provider].cached:
            return given
        from edgebert_runtime.keeping import variant_folder

        manifest = self._bundle.manifest
        folder = variant_folder(self._cache, manifest, manifest.variants[name])
        return {**keeping_engines(self._provider, folder / self._provider), **given}

    def _cores(self) -> int:
        """How many threads there are to use."""
        return self._how["threads"] or usable_cores()

    def _threads(self, tuning: "Tuning | None") -> int | None:
        """Those asked for; else those that one text was answered soonest with, if it is known."""
        asked: int | None = self._how["threads"]
        if asked is not None or tuning is None or self._how["shared"]:
            return asked
        return tuning.latency_threads

    def _plan(self, session: Session, tuning: "Tuning | None") -> "Plan":
        """What was measured for as many threads; further sessions map the same file again."""
        from edgebert_runtime.tasks.base import Plan

        narrow = session.twin(1) if session.threads > 1 and not session.shared else None
        if tuning is None:
            return Plan(narrow=narrow)
        cores = self._cores()
        workers = cores if tuning.workers and not session.shared else 1
        each = 1 if workers > 1 else cores
        apart = session.twin(each) if each != session.threads or workers > 1 else None
        return Plan(
            micro_batch_tokens=tuning.micro_batch_tokens,
            session=apart,
            workers=workers,
            narrow=apart if workers > 1 else narrow,
        )

    def _check(self, name: str) -> IntegrityCheck:
        if name not in self._begun:
            variant = self._bundle.manifest.variants[name]
            needed = {*variant.files, *_beside_graph(self._bundle.manifest)}
            self._begun[name] = self._begin(self._bundle.folder, needed)
        return self._begun[name]

    def _kept_checks(self, kept: "WarmGraph") -> list[IntegrityCheck]:
        beside = self._begin(self._bundle.folder, _beside_graph(self._bundle.manifest))
        return [_started(kept.folder, kept.files, self._verify, self._cache_dir), beside]

    def _begin(self, folder: Path, needed: set[str]) -> IntegrityCheck:
        files = {path: self._bundle.manifest.files[path] for path in needed}
        return _started(folder, files, self._verify, self._cache_dir)

    def _kept_somewhere(self, name: str) -> Path | None:
        """Where the variant's kept graphs lie, whatever engine they are for; None without any."""
        if self._provider != "cpu" or self._cache is None:
            return None
        from edgebert_runtime.keeping import variant_folder

        manifest = self._bundle.manifest
        folder = variant_folder(self._cache, manifest, manifest.variants[name])
        return folder if folder.is_dir() else None

    def _kept(self, name: str, engine: str) -> "WarmGraph | None":
        if self._kept_somewhere(name) is None or self._cache is None:
            return None
        from edgebert_runtime.keeping import find_warm

        manifest = self._bundle.manifest
        return find_warm(self._cache, manifest, manifest.variants[name], engine)


def reload(folder: str, variant: str, provider: str, how: Mapping[str, Any]) -> Any:
    """What unpickling a model calls."""
    return load(folder, variant, provider, **how)


def _exact(bundle: Bundle, name: str, asked: str, provider: str) -> str:
    """The variant to run where integer products may overflow: fp32, if nobody insists."""
    if provider != "cpu" or not bundle.manifest.variants[name].needs_wide_sums:
        return name
    from edgebert_runtime.cpu import sums_saturate

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
    """Refuse a provider without kernels for a variant; warn of one that nobody has measured."""
    variant = bundle.manifest.variants[name]
    if variant.needs not in (None, provider):
        raise ProviderUnavailableError(
            f"variant {name!r} of {bundle.folder} needs provider {variant.needs!r}, not "
            f"{provider!r}: load it with provider={variant.needs!r}, or variant='fp32'"
        )
    if not variant.verified:
        warnings.warn(
            f"variant {name!r} of {bundle.folder} was made where there was no {variant.needs!r}: "
            "its rounding was measured, its kernels were not; run edgebert verify here once",
            UnverifiedWarning,
            stacklevel=3,
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


def open_tokenizer(bundle: Bundle) -> TextTokenizer:
    """A bundle's tokenizer.

    Raises:
        TokenizerError: it cannot be read.
    """
    info = bundle.manifest.tokenizer
    return TextTokenizer(bundle.path_of(info.file), info)


def model_class(task: str) -> Any:
    """The model of a task; only its module is imported."""
    return getattr(import_module(f"edgebert_runtime.tasks.{task}"), MODELS[task])


def _started(
    folder: Path, files: Mapping[str, FileInfo], verify: Verify, cache_dir: CacheDir
) -> IntegrityCheck:
    check = IntegrityCheck(folder, files, mode=verify, cache_dir=cache_dir)
    check.start()
    return check


def _wait(checks: Sequence[IntegrityCheck]) -> None:
    for check in checks:
        check.wait()


def _beside_graph(manifest: Manifest) -> set[str]:
    """What every variant reads beside its graph."""
    steps = manifest.embedding.steps if manifest.embedding else ()
    dense = {step.file for step in steps if step.file is not None}
    return {manifest.tokenizer.file, *dense}
