"""Store the best settings for `load`."""

from os import PathLike

from edgebert_runtime.benchmarking.results import TunedSettings
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.loading.graph_cache import Tuning, WarmGraph
from edgebert_runtime.storage.cache_dir import CacheDir
from edgebert_runtime.warmup.warm import keep_tuning, warm


def store(
    bundle: Bundle | str | PathLike[str], tuned: TunedSettings, cache_dir: CacheDir = None
) -> WarmGraph:
    """Cache a variant's graph, and beside it the best settings; `load` finds both.

    Args:
        bundle: what was measured, or its folder.
        tuned: the best settings.
        cache_dir: as `load` takes it.

    Returns:
        The cached graph, with the settings.

    Raises:
        BundleError: the bundle is not what its manifest says.
        ConfigError: caches are switched off, or the folder cannot be written.
        EngineError: ONNX Runtime cannot write the graph, or the cached graph gives other outputs.
        OutputError: the folder cannot be written.
    """
    kept = warm(bundle, tuned.variant, cache_dir=cache_dir, tune=False)
    found = Tuning(
        tuned.micro_batch_tokens, tuned.workers, tuned.latency_threads, tuned.max_padding
    )
    return keep_tuning(kept, tuned.threads, found)
