"""Texts and table cells of a report, the same in a terminal and on a page."""

from collections.abc import Iterator, Sequence
from typing import Final

from edgebert_runtime.benchmarking.disturbance import disturbance
from edgebert_runtime.benchmarking.ranking import FEWEST_RANKED
from edgebert_runtime.benchmarking.results import (
    BenchResults,
    Choice,
    Quartiles,
    Setting,
    Timing,
    TunedSettings,
)
from edgebert_runtime.measurement.units import MEBIBYTE

EXACT_BELOW: Final = 100
"""Numbers below this have two decimals."""

TIMINGS: Final = (
    *("variant", "threads", "texts", "tokens each", "ms", "quartiles", "spread"),
    *("runs", "texts/s", "tokens/s", "peak MiB"),
)
STARTS: Final = ("variant", "MiB", "start ms", "quartiles", "spread", "cached graph")
FITTING: Final = ("variant", "texts", "tokens each", "threads", "ms")

BUSY: Final = 0.5
"""Load for each core beyond which something else was running."""

Cells = tuple[str, ...]


def timing_rows(report: BenchResults) -> list[Cells]:
    """All timings, under `TIMINGS`."""
    return [
        (
            *(timing.variant, str(timing.threads), str(timing.batch), str(timing.sequence)),
            *quartile_cells(timing.quartiles_ms),
            str(timing.samples),
            number(timing.texts_per_second),
            f"{timing.tokens_per_second:,.0f}",
            number(timing.peak_memory_bytes / MEBIBYTE) if timing.peak_memory_bytes else "?",
        )
        for timing in report.timings
    ]


def start_rows(report: BenchResults) -> list[Cells]:
    """All starts, under `STARTS`."""
    return [
        (
            start.variant,
            number(start.size_bytes / MEBIBYTE),
            *quartile_cells(start.quartiles_ms),
            "yes" if start.warm else "no",
        )
        for start in report.starts
    ]


def fitting_rows(report: BenchResults) -> list[Cells]:
    """The largest inputs within the budget, under `FITTING`; if none, the nearest input."""
    rows: list[Cells] = []
    for each in report.within:
        kept = ((each.variant, *_place(timing), number(timing.slow_ms)) for timing in each.frontier)
        rows.extend(kept)
        if each.nearest is not None:
            missed = f"{number(each.nearest.slow_ms)}, over budget"
            rows.append((each.variant, *_place(each.nearest), missed))
    return rows


def quartile_cells(quartiles: Quartiles) -> Cells:
    """Median, quartiles and spread."""
    between = f"{number(quartiles.low)}…{number(quartiles.high)}"
    return number(quartiles.median), between, f"{100 * quartiles.spread:.0f} %"


def number(value: float) -> str:
    """With as many digits as are worth reading."""
    return f"{value:.2f}" if value < EXACT_BELOW else f"{value:,.0f}"


def heading(report: BenchResults) -> str:
    """What was measured, and in how many rounds."""
    return (
        f"{report.bundle}, task {report.task}: {report.rounds} rounds, about {report.seconds:g} s "
        "per shape; each setting is measured in its own process"
    )


def machine_line(report: BenchResults) -> str:
    """The machine that measured."""
    found = report.machine
    cores = f"{found['cores']} core{'' if found['cores'] == 1 else 's'}"
    flags = f" ({', '.join(found['flags'])})" if found["flags"] else ""
    load = "" if found["load"] is None else f", load {found['load']:g} before"
    governor = "" if found["governor"] is None else f", governor {found['governor']}"
    versions = f"ONNX Runtime {found['onnxruntime']}, numpy {found['numpy']}"
    return (
        f"{found['cpu']}{flags}, {cores}{load}{governor}; {versions}, "
        f"tokenizers {found['tokenizers']}, provider {found['provider']}"
    )


def notes(report: BenchResults) -> Iterator[str]:
    """Other load on the machine before and meanwhile, and variants that were not measured."""
    load, cores = report.machine["load"], report.machine["cores"]
    if load is not None and load > BUSY * cores:
        yield (
            f"the machine was busy (load {load:g} before the measurement), which slows settings "
            "with many threads most; measure again when it is idle"
        )
    found = disturbance(report)
    if found.disturbed:
        yield (
            f"another program slowed the machine in {found.disturbed} of {found.rounds} "
            "measurements, as the fixed product that is timed beside each shows; measure again "
            "when it is idle"
        )
    for name, reason in report.left_out.items():
        yield f"{name} was not measured: it {reason}"


def ranking_title(choice: Choice) -> str:
    """Which measurements a ranking is of."""
    texts = f"{choice.batch} text{'' if choice.batch == 1 else 's'}"
    return f"fastest on batches of {texts}, over all sequence lengths"


def ranking_lines(report: BenchResults, choice: Choice) -> list[str]:
    """The groups, the wins within them, and the best choice."""
    if report.rounds < FEWEST_RANKED:
        return [f"no ranking: it needs at least {FEWEST_RANKED} rounds, got {report.rounds}"]
    leads = {lead.setting: lead.slower for lead in choice.leads}
    lines = []
    for place, group in enumerate(choice.groups, 1):
        known = [one for one in group if one in leads]
        lines.append(f"{place}. {_listed(group)}{_relation(group, known)}")
        lines += [f"   {one} was faster than {_listed(leads[one])}" for one in known]
    if choice.best is None:
        return lines
    level = f", tied with {_listed(choice.level_with)}" if choice.level_with else ""
    return [*lines, f"best choice: {choice.best}{level}"]


def _relation(group: Sequence[Setting], known: Sequence[Setting]) -> str:
    if len(group) == 1:
        return ""
    return ": tied, except" if known else ": tied"


def _listed(settings: Sequence[Setting]) -> str:
    """Numbers of threads of the same variant are joined."""
    threads: dict[str, list[str]] = {}
    for setting in settings:
        threads.setdefault(setting.variant, []).append(str(setting.threads))
    return "; ".join(
        f"{variant} with {' or '.join(numbers)} thread{'' if numbers == ['1'] else 's'}"
        for variant, numbers in threads.items()
    )


def tuned_lines(tuned: TunedSettings) -> list[str]:
    """The best settings for few texts and for many."""
    single = Setting(variant=tuned.variant, threads=tuned.latency_threads)
    return [f"few texts: {single}", f"many texts: {tuned.variant}, {_many(tuned)}"]


def budget_title(budget_ms: float) -> str:
    """The rule of the budget, as a sentence."""
    return (
        f"Largest measured inputs whose 95th percentile is below {budget_ms:g} ms in at least "
        "three quarters of the rounds."
    )


def _many(tuned: TunedSettings) -> str:
    tokens = (
        f"micro-batches of {tuned.micro_batch_tokens} padded tokens, "
        f"at most {tuned.max_padding:.0%} padding"
    )
    threads = "one thread" if tuned.threads == 1 else f"{tuned.threads} threads"
    if not tuned.workers:
        return f"{tokens}, one after the other on {threads}"
    return f"{tokens}, {tuned.threads} in parallel, each on one thread"


def _place(timing: Timing) -> Cells:
    return str(timing.batch), str(timing.sequence), str(timing.threads)
