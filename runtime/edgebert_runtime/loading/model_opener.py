"""A variant on its way to a model: chosen, hashed, and opened, from the cache if it is there."""

import os
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.external_data import check_external_data
from edgebert_runtime.bundle.integrity import IntegrityCheck
from edgebert_runtime.bundle.manifest import FileInfo
from edgebert_runtime.bundle.manifest_values import NATIVE
from edgebert_runtime.engine.memory import trim_heap
from edgebert_runtime.engine.native import NAME, NativeLibrary, find_native
from edgebert_runtime.engine.providers import PROVIDERS, keeping_engines, log
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import (
    BundleError,
    BundleIntegrityError,
    ConfigError,
    ProviderUnavailableError,
    TokenizerError,
    UnsafePathError,
    UnverifiedWarning,
)
from edgebert_runtime.inference.arguments import check_arguments
from edgebert_runtime.loading.choice import Candidate
from edgebert_runtime.loading.measured_settings import plan_of, threads_of
from edgebert_runtime.loading.options import LoadOptions, Source
from edgebert_runtime.loading.selection import (
    asked_situation,
    pick,
    situation_here,
    warn_of_another,
    why_stock,
)
from edgebert_runtime.storage.cache_dir import find_cache
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tasks.open_bundle import open_tokenizer
from edgebert_runtime.tasks.registry import find_task, task_names
from edgebert_runtime.tasks.spec import TaskSpec

if TYPE_CHECKING:
    from edgebert_runtime.loading.graph_cache import Tuning, WarmGraph

Reopen = Callable[[str], Callable[[], Any]]
"""The name of the variant that runs → what loads the same model anew."""


def load_model(
    bundle: Source,
    variant: str,
    options: LoadOptions,
    task: str | None = None,
    *,
    stacklevel: int = 2,
) -> TaskModel[Any]:
    """What `load` does, once its arguments are read.

    Args:
        bundle: as `load` takes it.
        variant: likewise.
        options: what the other arguments of `load` mean.
        task: as `load` takes it.
        stacklevel: where warnings point.

    Raises:
        EdgebertError: as `load`.
    """
    check_arguments(load_model, {"bundle": bundle, "variant": variant, "task": task})
    opened = Bundle.open(bundle, complete=False)
    spec = _task_of(opened, task)
    folder, exact = os.path.abspath(opened.folder), replace(options, exact=True)
    model = open_model(
        opened,
        spec,
        variant,
        options,
        reopen=lambda name: partial(load_model, folder, name, exact, spec.name),
    )
    if not model.variant.verified:
        warnings.warn(
            f"variant {model.info().variant!r} of {opened.folder} has never run on provider "
            f"{model.variant.needs!r}: its rounding was measured in float32 on a CPU; run edgebert "
            "verify here once",
            UnverifiedWarning,
            stacklevel=stacklevel,
        )
    return model


def _task_of(bundle: Bundle, asked: str | None) -> TaskSpec:
    """The task that is asked for, which the bundle must have; its default where none is."""
    tasks, name = bundle.manifest.tasks, asked or bundle.manifest.default_task
    if name not in tasks:
        found = " and ".join(map(repr, tasks))
        first = next(iter(tasks))
        command = first.replace("_", "-")
        raise ConfigError(
            f"{bundle.folder} has task {found}, not {name!r}; load it with task={first!r}, or "
            "export the model for the task you want",
            shell=f"{bundle.folder} has task {found}, not {name!r}; use "
            f"`{{program}} {command}`, or export the model for the task you want",
        )
    spec = find_task(name)
    if spec is None:
        raise BundleError(
            f"{bundle.folder} has task {name!r}, this version runs {', '.join(task_names())}"
        )
    return spec


def task_of(bundle: Source) -> TaskSpec:
    """The default task of a bundle.

    Raises:
        BundleError: it cannot be read, or its task is not known here.
    """
    return _task_of(Bundle.open(bundle), None)


def open_model(
    bundle: Bundle,
    spec: TaskSpec,
    variant: str,
    options: LoadOptions,
    reopen: Reopen,
) -> TaskModel[Any]:
    """Open the variant that is asked for, or the one that stands for it here.

    Args:
        bundle: whose variant it is.
        spec: the task.
        variant: as `load` takes it.
        options: how to open it.
        reopen: makes what an unpickled model is loaded by.

    Raises:
        EdgebertError: as `load`.
    """
    opener = ModelOpener(bundle, spec, options, reopen)
    expected = pick(bundle, asked_situation(bundle, options, task=spec.name, asked=variant)).name
    checks: list[IntegrityCheck] = []
    if not opener.may_be_cached(expected):
        checks = [opener.check_files(expected)]  # hashes while the engine is imported
    situation = situation_here(bundle, options, task=spec.name, asked=variant)
    found = pick(bundle, situation)
    warn_of_another(bundle, situation, stacklevel=5)
    chosen = Chosen(found, why_stock(bundle, situation, found))
    cached = opener.cached_graph(chosen, str(situation.engine))
    if cached is not None:
        try:
            return opener.open_cached(chosen, cached)
        except BundleError as error:  # whatever becomes of a cache, the bundle is there
            log(f"{cached.folder} cannot be used, the bundle's graph runs: {error}")
    if not checks or found.name != expected:
        checks = [opener.check_files(found.name)]
    try:
        return opener.open_graph(chosen, checks)
    except BundleError as error:
        if chosen.library is None or isinstance(error, BundleIntegrityError | UnsafePathError):
            raise
        reason = f"{NAME} does not run variant {found.name!r} ({error})"
        log(reason)
        without = situation_here(bundle, options, task=spec.name, asked=variant, libraries=False)
        stock = pick(bundle, without)
        return opener.open_graph(Chosen(stock, reason), [opener.check_files(stock.name)])


class Chosen(NamedTuple):
    """The variant that runs, and why no library runs it, if there is something to say."""

    variant: Candidate
    no_kernel: str | None

    @property
    def name(self) -> str:
        """Of the variant."""
        return self.variant.name

    @property
    def library(self) -> NativeLibrary | None:
        """The library that runs it."""
        return find_native().library if self.variant.way == NATIVE else None


class ModelOpener:
    """The parts of `open_model`, for one call of `load`."""

    def __init__(
        self, bundle: Bundle, spec: TaskSpec, options: LoadOptions, reopen: Reopen
    ) -> None:
        self._bundle, self._spec, self._options, self._reopen = bundle, spec, options, reopen
        self._cache = find_cache(options.cache_dir)

    def check_files(self, name: str) -> IntegrityCheck:
        """Fetch what a variant needs of the bundle and is not here, and start to hash it."""
        variant = self._bundle.manifest.variants[name]
        return self._check_bundle({*variant.files, *self._beside_graph()})

    def may_be_cached(self, name: str) -> bool:
        """Whether the cache has graphs of the variant, whatever engine they are for."""
        if self._options.provider != "cpu" or self._cache is None:
            return False
        from edgebert_runtime.loading.graph_cache import variant_folder

        manifest = self._bundle.manifest
        return variant_folder(self._cache, manifest, manifest.variants[name]).is_dir()

    def cached_graph(self, chosen: Chosen, engine: str) -> "WarmGraph | None":
        """What the cache has of the variant for an engine; None if it has nothing."""
        if self._cache is None or not self.may_be_cached(chosen.name):
            return None
        from edgebert_runtime.loading.graph_cache import find_warm

        manifest = self._bundle.manifest
        variant = manifest.variants[chosen.name]
        return find_warm(self._cache, manifest, variant, engine, chosen.library)

    def open_cached(self, chosen: Chosen, cached: "WarmGraph") -> TaskModel[Any]:
        """The model of the cache's graph, or of the bundle's with the cache's packed weights."""
        checks = [self._started(cached.folder, cached.files)]
        if cached.packed:
            return self.open_graph(chosen, [self.check_files(chosen.name), *checks], cached)
        return self._open(
            chosen, cached.path, [*checks, self._check_bundle(self._beside_graph())], cached
        )

    def open_graph(
        self,
        chosen: Chosen,
        checks: Sequence[IntegrityCheck],
        cached: "WarmGraph | None" = None,
    ) -> TaskModel[Any]:
        """The model of the bundle's own graph, `cached` beside it."""
        variant = self._bundle.manifest.variants[chosen.name]
        folder = self._bundle.folder
        check_external_data(folder, variant.files, variant.file, variant.external)
        return self._open(chosen, self._bundle.path_of(variant.file), checks, cached)

    def _open(
        self,
        chosen: Chosen,
        graph: Path,
        checks: Sequence[IntegrityCheck],
        cached: "WarmGraph | None",
    ) -> TaskModel[Any]:
        """The model, once every hash has matched."""
        found, tuning = chosen.variant, None
        if cached is not None:
            tuning = cached.tunings.get(self._options.cores)
        try:
            session = self._session(chosen, graph, tuning, cached)
            model = self._spec.model(
                self._bundle,
                found.name,
                session,
                open_tokenizer(self._bundle),
                checks[0].mode,
                task=self._spec.name,
                way=found.way,
                no_kernel=chosen.no_kernel,
                plan=plan_of(session, tuning, self._options.cores) if cached else None,
                reopen=self._reopen(found.name),
            )
        except (BundleError, ProviderUnavailableError, TokenizerError):
            _wait(checks)  # a damaged file is the better explanation
            raise
        _wait(checks)
        trim_heap()
        return model

    def _session(
        self, chosen: Chosen, graph: Path, tuning: "Tuning | None", cached: "WarmGraph | None"
    ) -> Session:
        options, packed = self._options, cached is not None and cached.packed
        return Session(
            graph,
            provider=options.provider,
            provider_options=self._provider_options(chosen.name),
            threads=threads_of(options, tuning),
            optimized=cached is not None and not packed,
            shared=options.share_threads,
            longest=self._bundle.manifest.tokenizer.max_positions,
            library=chosen.library,
            packed=cached.path if cached is not None and packed else None,
        )

    def _provider_options(self, name: str) -> Mapping[str, str]:
        """The provider's options, with a folder to keep engines in where it keeps some."""
        provider, given = self._options.provider, self._options.provider_options
        if self._cache is None or not PROVIDERS[provider].cached:
            return given
        from edgebert_runtime.loading.graph_cache import variant_folder

        manifest = self._bundle.manifest
        folder = variant_folder(self._cache, manifest, manifest.variants[name])
        return {**keeping_engines(provider, folder / provider), **given}

    def _beside_graph(self) -> set[str]:
        """What the task reads beside its graph."""
        manifest = self._bundle.manifest
        embedding = manifest.tasks[self._spec.name].embedding
        dense = {step.file for step in (embedding.steps if embedding else ()) if step.file}
        return {manifest.tokenizer.file, *dense}

    def _check_bundle(self, needed: Collection[str]) -> IntegrityCheck:
        self._bundle.fetch(needed)
        files = {path: self._bundle.manifest.files[path] for path in needed}
        return self._started(self._bundle.folder, files)

    def _started(self, folder: Path, files: Mapping[str, FileInfo]) -> IntegrityCheck:
        options = self._options
        check = IntegrityCheck(folder, files, mode=options.verify, cache_dir=options.cache_dir)
        check.start()
        return check


def _wait(checks: Sequence[IntegrityCheck]) -> None:
    for check in checks:
        check.wait()
