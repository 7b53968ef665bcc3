"""Cached graphs, optimised for this machine: processes start faster and take less memory.

ONNX Runtime optimises a graph and packs its weights for the CPU each time it opens it. `warm` does
both once and writes the result to the user's cache. `load` maps the weights instead
of copying them. Where `edgebert-native` runs a variant, the bundle's graph is opened as it is, and
the weights that the library packs are kept instead.
https://onnxruntime.ai/docs/performance/model-optimizations/graph-optimizations.html
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import FileInfo, hash_file
from edgebert_runtime.engine.native import NAME, NativeLibrary, register
from edgebert_runtime.engine.onnxruntime import cpu_session, import_engine, session_options
from edgebert_runtime.engine.session import Session
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import ConfigError, EngineError, ExportError
from edgebert_runtime.inference.feeds import make_feeds
from edgebert_runtime.loading.graph_cache import (
    ENTRY,
    GRAPH,
    PACKED,
    Tuning,
    WarmGraph,
    find_warm,
    place_of,
)
from edgebert_runtime.loading.load import load
from edgebert_runtime.storage.atomic_write import write_whole
from edgebert_runtime.storage.cache_dir import CacheDir, find_cache
from edgebert_runtime.storage.fsync import sync_tree
from edgebert_runtime.storage.renaming import rename_folder
from edgebert_runtime.storage.text_file import write_text
from edgebert_runtime.storage.work_dirs import discard, remove_stale, work_folder
from edgebert_runtime.warmup.tensor_alignment import align
from edgebert_runtime.warmup.tuning import best_tuning

DATA: Final = "graph.onnx_data"

SMALLEST_MAPPED_BYTES: Final = 1024

SESSION_ENTRIES: Final = {
    "session.save_external_prepacked_constant_initializers": "1",
    "session.optimized_model_external_initializers_file_name": DATA,
    "session.optimized_model_external_initializers_min_size_in_bytes": str(SMALLEST_MAPPED_BYTES),
}
"""Session configuration entries to write packed weights to a file that is mapped later."""


def warm(
    bundle: Bundle | str | os.PathLike[str],
    variant: str = "auto",
    *,
    cache_dir: CacheDir = None,
    tune: bool = True,
) -> WarmGraph:
    """Cache a variant's graph as ONNX Runtime's CPU provider optimizes it; `load` uses the cache.

    Args:
        bundle: the bundle or its folder; every file that is read is hashed first.
        variant: as `load` takes it.
        cache_dir: None takes the user's cache, `EDGEBERT_CACHE` if that is set.
        tune: whether to measure the fastest micro-batches, which takes up to a minute.

    Returns:
        The cached graph, new or existing.

    Raises:
        BundleError: the bundle is not what its manifest says.
        ConfigError: caches are switched off, the folder cannot be written, or as `load`.
        EngineError: ONNX Runtime cannot write the graph, or the cached graph gives other outputs.
    """
    cache = find_cache(cache_dir)
    if cache is None:
        raise ConfigError(
            "caches are switched off; name a folder with cache_dir, or EDGEBERT_CACHE"
        )
    opened = Bundle.open(bundle, complete=False)
    with load(opened, variant, "cpu", verify="always", cache_dir=False) as model:
        chosen, library = model.variant, model.session.library
    engine = import_engine()
    kept = find_warm(cache, opened.manifest, chosen, engine.__version__, library)
    if kept is not None and (kept.tunings or not tune) and _is_whole(kept):
        return kept
    place = place_of(cache, opened.manifest, chosen, engine.__version__, library)
    try:
        if place.exists():  # without tunings, or damaged
            discard(place, place)
        remove_stale(place.parent, place)
        with work_folder(place.parent, place) as staging:
            limit = opened.manifest.tokenizer.max_length
            source = opened.path_of(chosen.file)
            written = _written(engine, source, staging, library)
            tunings = {written.session.threads: best_tuning(written.session, limit)} if tune else {}
            _describe(staging, written.files, tunings)
            _give_name(staging, place)
    except (OSError, ExportError) as error:
        raise ConfigError(
            f"{cache} cannot be written ({error}); choose another cache_dir, or make space"
        ) from error
    found = find_warm(cache, opened.manifest, chosen, engine.__version__, library)
    if found is None:
        raise EngineError(f"{place} cannot be read back; remove it and try again")
    return found


def keep_tuning(kept: WarmGraph, threads: int, tuning: Tuning) -> WarmGraph:
    """Store the fastest settings for a number of threads with a cached graph, for `load` to use.

    Args:
        kept: as `warm` returns it; settings for other numbers of threads stay.
        threads: number of threads.
        tuning: the fastest settings.

    Returns:
        The same graph, with the settings.

    Raises:
        OutputError: it cannot be written.
    """
    tunings = {**kept.tunings, threads: tuning}
    write_whole(kept.folder / ENTRY, _entry(kept.files, tunings))
    return replace(kept, tunings=tunings)


def _is_whole(kept: WarmGraph) -> bool:
    try:
        return all(hash_file(kept.folder / name) == info for name, info in kept.files.items())
    except OSError:
        return False


class _Written(NamedTuple):
    """Names of files in the staging area, and a session that starts from them."""

    files: Sequence[str]
    session: Session


def _written(engine: Any, source: Path, staging: Path, library: NativeLibrary | None) -> _Written:
    """Optimize and align a graph, or pack its weights, and compare answers with its source's."""
    if library is None:
        files = write_optimized(engine, source, staging)
        if DATA in files:
            align(staging / GRAPH, staging / DATA)
        session = Session(staging / GRAPH, provider="cpu", optimized=True)
    else:
        files, packed = [PACKED], staging / PACKED
        write_packed(engine, source, library, packed)
        session = Session(source, provider="cpu", library=library, packed=packed)
    _require_same(Session(source, provider="cpu", threads=1, library=library), session)
    return _Written(files, session)


def write_packed(engine: Any, source: Path, library: NativeLibrary, packed: Path) -> None:
    """Let the library write the weights of a graph as it packs them.

    Args:
        engine: the module `onnxruntime`.
        source: an ONNX file with its operators.
        library: that has them.
        packed: where to write.

    Raises:
        EngineError: the library has written nothing.
    """
    options = session_options(engine, usable_cores())
    register(options, library, usable_cores(), pack_to=packed)
    cpu_session(source, options)
    if not packed.is_file():
        raise EngineError(
            f"{NAME} {library.version} has not packed the weights of {source}; run the bundle "
            "without warm"
        )


def write_optimized(engine: Any, source: Path, staging: Path) -> list[str]:
    """A graph as ONNX Runtime optimizes it, weights packed; returns the names of the files.

    The weights lie where ONNX Runtime puts them, which is not where kernels may load them.

    Args:
        engine: the module `onnxruntime`.
        source: an ONNX file.
        staging: a folder, where the files are written.

    Raises:
        EngineError: ONNX Runtime cannot write the graph.
    """
    options = session_options(engine, usable_cores())
    options.optimized_model_filepath = str(staging / GRAPH)
    for key, value in SESSION_ENTRIES.items():
        options.add_session_config_entry(key, value)
    try:
        cpu_session(source, options)
    except Exception as error:  # ONNX Runtime's exceptions share no narrower base
        raise EngineError(
            f"ONNX Runtime {engine.__version__} cannot cache {source}: {error}"
        ) from error
    return [name for name in (GRAPH, DATA) if (staging / name).is_file()]


def _describe(staging: Path, files: Sequence[str], tunings: Mapping[int, Tuning]) -> None:
    hashed = {name: hash_file(staging / name) for name in files}
    write_text(staging / ENTRY, _entry(hashed, tunings))
    sync_tree(staging)


def _entry(files: Mapping[str, FileInfo], tunings: Mapping[int, Tuning]) -> str:
    described = {name: vars(info) for name, info in files.items()}
    measured = {threads: tuning._asdict() for threads, tuning in tunings.items()}
    return json.dumps({"files": described, "tunings": measured}, indent=1)


def _require_same(original: Session, kept: Session) -> None:
    """Refuse a cached graph whose outputs are not bitwise equal to those of its source."""
    import numpy as np

    written = kept.with_threads(1)
    ids = np.arange(16, dtype=np.int64).reshape(2, 8) % 8
    mask = np.ones_like(ids)
    mask[1, 5:] = 0
    feeds = make_feeds(ids, mask, original.inputs)
    outputs = original.outputs
    pairs = zip(original.run(outputs, feeds), written.run(outputs, feeds), strict=True)
    if not all(np.array_equal(first, second, equal_nan=True) for first, second in pairs):
        raise EngineError(
            f"the cached graph of {original.graph} gives other outputs, so it is not kept; "
            "run the bundle without warm"
        )


def _give_name(staging: Path, place: Path) -> None:
    """Rename the folder to its place, unless another process was faster."""
    try:
        rename_folder(staging, place)
    except OSError:
        if not (place / ENTRY).is_file():
            raise
