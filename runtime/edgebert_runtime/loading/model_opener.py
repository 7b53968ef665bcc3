"""A variant on its way to a model: hashed, opened, or taken from what `warm` kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.external_data import check_external_data
from edgebert_runtime.bundle.integrity import IntegrityCheck
from edgebert_runtime.bundle.manifest import FileInfo, Manifest
from edgebert_runtime.engine.memory import trim_heap
from edgebert_runtime.engine.providers import PROVIDERS, keeping_engines, log
from edgebert_runtime.engine.session import Session
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import BundleError, ProviderUnavailableError, TokenizerError
from edgebert_runtime.storage.cache_dir import CacheDir, find_cache
from edgebert_runtime.tokenization.tokenizer import TextTokenizer

if TYPE_CHECKING:
    from edgebert_runtime.loading.graph_cache import Tuning, WarmGraph
    from edgebert_runtime.tasks.base import Plan

Verify = Literal["always", "once", "never"] | None


class ModelOpener:
    """One variant of a bundle, for one call of `load`.

    Args:
        bundle: what it is of.
        make: the class of the model.
        provider: a name of `PROVIDERS`.
        how: `provider_options`, `threads` and `shared`, as `Session` takes them.
        verify, cache_dir: as `load` takes them.
    """

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
        trim_heap()
        return model

    def _options(self, name: str) -> dict[str, str]:
        """The provider's options, with a folder to keep engines in where it keeps some."""
        given: dict[str, str] = self._how["provider_options"]
        if self._cache is None or not PROVIDERS[self._provider].cached:
            return given
        from edgebert_runtime.loading.graph_cache import variant_folder

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
        from edgebert_runtime.loading.graph_cache import variant_folder

        manifest = self._bundle.manifest
        folder = variant_folder(self._cache, manifest, manifest.variants[name])
        return folder if folder.is_dir() else None

    def _kept(self, name: str, engine: str) -> "WarmGraph | None":
        if self._kept_somewhere(name) is None or self._cache is None:
            return None
        from edgebert_runtime.loading.graph_cache import find_warm

        manifest = self._bundle.manifest
        return find_warm(self._cache, manifest, manifest.variants[name], engine)


def open_tokenizer(bundle: Bundle) -> TextTokenizer:
    """A bundle's tokenizer.

    Raises:
        TokenizerError: it cannot be read.
    """
    info = bundle.manifest.tokenizer
    return TextTokenizer(bundle.path_of(info.file), info)


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
