"""A benchmark, from the user's options to a report."""

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike

from edgebert_runtime.benchmarking import selection
from edgebert_runtime.benchmarking.budget import within
from edgebert_runtime.benchmarking.machine import describe_machine, hash_bundle
from edgebert_runtime.benchmarking.options import BenchOptions, plan
from edgebert_runtime.benchmarking.results import BenchResults
from edgebert_runtime.benchmarking.sweep import Track, sweep
from edgebert_runtime.benchmarking.table import report_lines
from edgebert_runtime.bundle.bundle import Bundle

USUAL: BenchOptions = BenchOptions()


@dataclass(frozen=True, kw_only=True, repr=False)
class BenchReport(BenchResults):
    """A benchmark: `str` is its tables, and `BenchResults` has its attributes."""

    def lines(self, width: int | None = None) -> Iterator[str]:
        """What `bench` prints, line by line."""
        return report_lines(self, width)


def bench(
    bundle: Bundle | str | PathLike[str],
    options: BenchOptions = USUAL,
    *,
    track: Track = iter,
) -> BenchReport:
    """Measure a bundle's variants on this machine, and find the best settings.

    Every variant with every number of threads is measured in its own process, in alternating
    rounds. Let nothing else run on the machine meanwhile. `options.store` only checks that storing
    is possible; `tuning_store.store` does it.

    Args:
        bundle: the folder.
        options: what to measure.
        track: iterates over the measuring processes, and may show progress.

    Raises:
        BundleError: the manifest cannot be read.
        ConfigError: an option makes no sense for this bundle or machine; nothing was measured.
        EngineMissingError: ONNX Runtime is not installed.
        EdgebertError: a measuring process failed; its last line is in the text.
    """
    opened = Bundle.open(bundle)
    planned = plan(opened, options)
    machine = describe_machine(planned.provider)
    timings, starts = sweep(planned, track)
    many = selection.throughput(planned, timings)
    budget_ms = options.budget_ms
    return BenchReport(
        bundle=opened.folder.resolve().name,
        bundle_sha256=hash_bundle(opened),
        task=opened.manifest.default_task,
        default=planned.default,
        machine=machine,
        rounds=planned.rounds,
        seconds=planned.seconds,
        left_out=planned.left_out,
        timings=tuple(timings),
        starts=tuple(starts),
        latency=selection.latency(planned, timings),
        throughput=many,
        tuned=selection.tune(planned, timings, many),
        budget_ms=budget_ms,
        within=() if budget_ms is None else tuple(within(timings, budget_ms)),
    )
