"""Whether this machine computes what the one computed that wrote the bundle."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Final

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.integrity import IntegrityCheck
from edgebert_runtime.bundle.samples import Samples, read_samples
from edgebert_runtime.engine.machine import machine_info
from edgebert_runtime.engine.providers import ProviderName, ProviderOptions
from edgebert_runtime.errors import BundleError, SampleError
from edgebert_runtime.inference.reports import Report
from edgebert_runtime.loading.choice import choose
from edgebert_runtime.loading.model_opener import load_model
from edgebert_runtime.loading.options import LoadOptions
from edgebert_runtime.loading.selection import situation_here
from edgebert_runtime.tasks.base import TaskModel
from edgebert_runtime.tasks.open_bundle import open_tokenizer
from edgebert_runtime.tasks.registry import require_task
from edgebert_runtime.tasks.spec import TaskSpec
from edgebert_runtime.verification.probes import COMPARISONS, Deviation, probe

SHOWN_CHARACTERS: Final = 40
SHOWN_TOKENS: Final = 8
NEVER_RUN: Final = (
    "it was made on a machine without provider {!r}: run edgebert verify here instead"
)
NO_ROOM: Final = (
    "its file of samples is empty, because max_length is too small for every sample, and nothing "
    "was compared; export the model again with a larger max_length"
)
AGAIN: Final = "export the model again, and quantize it again, with this version of edgebert"


@dataclass(frozen=True, kw_only=True, repr=False)
class CheckReport(Report):
    """One variant on this machine.

    Attributes:
        variant: its name.
        machine: what runs it: distribution → version, `provider` and `cpu`.
        files: how many files of the bundle were hashed; all of them matched.
        samples: how many stored samples were run.
        worst: how far the worst answer is off; None where nothing was compared, or where it is
            infinitely far, because a number is none.
        worst_at: which answer that is.
        tolerance: how far it may be off; None where there are no samples.
        problem: what was found, what was expected and what to do; None if there is none.
        left_out: why the variant cannot run here; None if it can. Only `check_all` leaves out.
    """

    variant: str
    machine: Mapping[str, str]
    files: int
    samples: int = 0
    worst: float | None = None
    worst_at: str | None = None
    tolerance: float | None = None
    problem: str | None = None
    left_out: str | None = None

    @property
    def passed(self) -> bool:
        """Whether samples were run and every answer is within the tolerance."""
        return self.problem is None and self.left_out is None

    def require(self) -> None:
        """Raise if there is a problem.

        Raises:
            SampleError: a sample has other tokens or another answer, or there is none.
        """
        if self.problem is not None:
            raise SampleError(f"variant {self.variant!r}: {self.problem}")


def check(
    bundle: Bundle | str | PathLike[str],
    variant: str = "auto",
    provider: ProviderName = "auto",
    *,
    provider_options: ProviderOptions | None = None,
    threads: int | None = None,
) -> CheckReport:
    """Hash every file of a bundle, then run its stored samples and compare tokens and answers.

    Args:
        bundle: the folder.
        variant: which, as `load` takes it; its file of samples is that of what then runs.
        provider: where, as `load` takes it.
        provider_options: the provider's own options.
        threads: intra-operator threads; None takes every core the process may use.

    Returns:
        What was found; its `require` raises if a sample is off.

    Raises:
        BundleIntegrityError: a file is not what the manifest says; nothing was run.
        BundleError: the bundle cannot be read, or the variant answers wrong on this CPU.
        ConfigError, EngineMissingError, ProviderUnavailableError: as `load` raises them.
        TokenizerError: the tokenizer cannot be read.
        EngineError: ONNX Runtime cannot run the graph.
    """
    opened = Bundle.open(bundle)
    options = LoadOptions.of(provider, provider_options, threads=threads)
    return _check_variant(opened, check_files(opened), variant, options)


def check_all(
    bundle: Bundle | str | PathLike[str],
    provider: ProviderName = "auto",
    *,
    provider_options: ProviderOptions | None = None,
    threads: int | None = None,
) -> Iterator[CheckReport]:
    """Check each variant in turn; one that cannot run here is left out, and says why.

    Args:
        bundle: the folder; its files are hashed once.
        provider: where, as `load` takes it.
        provider_options: the provider's own options.
        threads: intra-operator threads; None takes every core the process may use.

    Raises:
        EdgebertError: as in `check`.
    """
    opened = Bundle.open(bundle)
    options = LoadOptions.of(provider, provider_options, threads=threads)
    files, where = check_files(opened), machine_info(options.provider)
    options = replace(options, exact=True)
    for name in opened.manifest.variants:
        reason = _why_unchecked(opened, name, options)
        if reason is None:
            yield _check_variant(opened, files, name, options)
        else:
            yield CheckReport(variant=name, machine=where, files=files, left_out=reason)


def check_files(bundle: Bundle | str | PathLike[str]) -> int:
    """Hash every file of a bundle; returns how many there are.

    Raises:
        BundleError: the manifest cannot be read.
        BundleIntegrityError: a file is missing, or is not what the manifest says.
        UnsafePathError: a path leads out of the folder.
    """
    opened = Bundle.open(bundle)
    integrity = IntegrityCheck(opened.folder, opened.manifest.files, mode="always")
    integrity.start()
    integrity.wait()
    return len(opened.manifest.files)


def _check_variant(bundle: Bundle, files: int, variant: str, options: LoadOptions) -> CheckReport:
    """The task that is furthest off, or has a problem, of those that the variant answers."""
    # Hashed just now; and the bundle's own graph, not one that `warm` kept.
    unhashed = replace(options, verify="never", cache_dir=False)
    with load_model(bundle, variant, unhashed) as model:
        report = _check_model(bundle, files, model)
        others = [task for task in model.variant.tasks if task != model.info().task]
        name = model.info().variant
    for task in others:
        with load_model(bundle, name, replace(unhashed, exact=True), task) as model:
            report = _worse(report, _check_model(bundle, files, model))
    return report


def _check_model(bundle: Bundle, files: int, model: TaskModel[Any]) -> CheckReport:
    info = model.info()
    where, path = machine_info(info.provider), model.samples_path
    if path is None:
        problem = _no_samples(bundle, info.variant)
        return CheckReport(variant=info.variant, machine=where, files=files, problem=problem)
    found = _compare(bundle, read_samples(bundle.path_of(path)), model, where)
    return CheckReport(variant=info.variant, machine=where, files=files, **found)


def _worse(first: CheckReport, second: CheckReport) -> CheckReport:
    """The report of two tasks: the one with a problem, else the one nearer to its tolerance."""

    def badness(report: CheckReport) -> tuple[bool, float]:
        used = (report.worst or 0) / report.tolerance if report.tolerance else 0.0
        return report.problem is not None, used

    worse = max(first, second, key=badness)
    return replace(worse, samples=first.samples + second.samples)


def _compare(
    bundle: Bundle, stored: Samples, model: TaskModel[Any], where: Mapping[str, str]
) -> dict[str, Any]:
    """What a report says of tokens and answers; other tokens make every answer another."""
    found: dict[str, Any] = {"samples": len(stored.samples), "tolerance": stored.tolerance}
    if not stored.samples:
        return {**found, "problem": NO_ROOM}
    problem = _other_tokens(bundle, stored, where)
    if problem is not None:
        return {**found, "problem": problem}
    spec = require_task(model.info().task)
    _require_kind(bundle, stored, spec)
    at, off = _worst(spec, stored, model)
    place = f"sample {at} ({_start(stored.samples[at].text)})"
    if off.amount > stored.tolerance:
        found["problem"] = _in_words(off, place, stored, where)
    worst = None if off.amount == float("inf") else off.amount
    return {**found, "worst": worst, "worst_at": f"{place}, {off.at}"}


def _require_kind(bundle: Bundle, stored: Samples, spec: TaskSpec) -> None:
    """Refuse samples of a task that answers otherwise.

    Raises:
        BundleError: a sample has scores where the task answers vectors, or the reverse.
    """
    vectors = spec.probe.measure == "distance"
    for at, sample in enumerate(stored.samples):
        if any(isinstance(each, Mapping) == vectors for each in sample.expected):
            expected = "vector" if vectors else "scores"
            raise BundleError(
                f"{bundle.folder} has task {spec.name!r}, and its sample {at} has "
                f"no {expected} as its answer; export the model again"
            )


def _worst(spec: TaskSpec, stored: Samples, model: Any) -> tuple[int, Deviation]:
    """The number of the sample that is furthest off, and how far."""
    here = probe(spec, model, [sample.text for sample in stored.samples])
    compare = COMPARISONS[spec.probe.measure].deviation
    offs = [
        compare(sample.expected, found) for sample, found in zip(stored.samples, here, strict=True)
    ]
    return max(enumerate(offs), key=lambda numbered: numbered[1].amount)


def _other_tokens(bundle: Bundle, stored: Samples, where: Mapping[str, str]) -> str | None:
    encoded = open_tokenizer(bundle).encode([sample.text for sample in stored.samples])
    for at, (sample, here) in enumerate(zip(stored.samples, encoded, strict=True)):
        if list(here.input_ids) != list(sample.input_ids):
            return (
                f"the tokenizer differs: sample {at} "
                f"({_start(sample.text)}) has tokens {_first_ids(here.input_ids)} here, expected "
                f"{_first_ids(sample.input_ids)}; tokenizers is {where['tokenizers']} here and "
                f"{stored.made_by.get('tokenizers')} there: install that, or {AGAIN}"
            )
    return None


def _in_words(off: Deviation, place: str, stored: Samples, where: Mapping[str, str]) -> str:
    there = stored.made_by
    return (
        f"the tokens are the same, the answers are not: {place} differs by {off.amount:.3g}, "
        f"the tolerance is {stored.tolerance:.3g} ({stored.measure}); {off.at} is {off.found:.6g}, "
        f"expected {off.expected:.6g}. Here: ONNX Runtime {where['onnxruntime']}, "
        f"{where['provider']}, {where['cpu']}; there: {there.get('onnxruntime')}, "
        f"{there.get('provider')}, {there.get('cpu')}. Do not use this variant here; try another "
        f"one, another provider, or the version of ONNX Runtime that recorded it, "
        f"{there.get('onnxruntime')}"
    )


def _no_samples(bundle: Bundle, name: str) -> str:
    why = "its files are intact, but it has no stored samples, so no answers were compared"
    needs = bundle.manifest.variants[name].needs
    return f"{why}; {AGAIN if needs is None else NEVER_RUN.format(needs)}"


def _why_unchecked(bundle: Bundle, name: str, options: LoadOptions) -> str | None:
    """Why a variant cannot be checked here, though nothing is wrong with it."""
    variant = bundle.manifest.variants[name]
    here = situation_here(bundle, options, task=variant.tasks[0], asked=name)
    ((_, way, obstacle),) = choose(bundle.manifest, here)
    if obstacle is not None:
        return obstacle.reason
    unrun = variant.needs is not None and not variant.ways[way].samples
    return NEVER_RUN.format(variant.needs) if unrun else None


def _start(text: str | tuple[str, str]) -> str:
    """The beginning of a sample; of two texts, of the second, which is another in each."""
    last = text if isinstance(text, str) else text[1]
    return repr(last if len(last) <= SHOWN_CHARACTERS else f"{last[:SHOWN_CHARACTERS]}…")


def _first_ids(ids: Sequence[int]) -> str:
    shown = ", ".join(map(str, ids[:SHOWN_TOKENS]))
    return f"[{shown}{', …' if len(ids) > SHOWN_TOKENS else ''}] ({len(ids)})"
