"""Comparing every variant of a bundle with torch. Heavy imports happen where they are used."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Final

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Variant
from edgebert_runtime.errors import CheckFailedError, CheckpointError, ConfigError
from edgebert_runtime.inference.reports import Report
from edgebert_runtime.progress import ProgressOption, steps
from edgebert_runtime.reporting.text_table import table_lines

if TYPE_CHECKING:
    from torch import nn

    from edgebert.workflow.accuracy import AccuracyCheck, AccuracyChecks
    from edgebert.workflow.sources import Source
    from edgebert_export import ExportSpec, ParityReport
    from edgebert_quantize import Quality
    from edgebert_quantize.calibration.text_split import TextSplit
    from edgebert_quantize.similarity import QualityThreshold
    from edgebert_runtime.bundle.integrity import IntegrityCheck
    from edgebert_runtime.tasks.agreement import Agreement

COLUMNS: Final = ("variant", "passed", "worst", "where")
COMPARED: Final = ("agreement",)


@dataclass(frozen=True, kw_only=True, repr=False)
class VerifyReport(Report):
    """What verification found.

    Attributes:
        variants: variant → parity (fp32) or quality (quantized), case by case.
        left_out: variant that cannot run here → what it needs.
        accuracy: variant → its accuracy or recall beside torch's on rows; empty without them.
    """

    variants: "Mapping[str, ParityReport | Quality]"
    left_out: Mapping[str, str] = field(default_factory=dict)
    accuracy: "Mapping[str, AccuracyCheck]" = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every variant is within its tolerance or threshold, and its accuracy budget."""
        results = (*self.variants.values(), *self.accuracy.values())
        return all(result.passed for result in results)

    @property
    def worst(self) -> dict[str, float]:
        """Variant → its worst number: largest difference for fp32, smallest cosine for the rest."""
        return {
            name: result.worst if isinstance(result.worst, float) else result.worst.worst
            for name, result in self.variants.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Whether it passed, what the manifest would say of each variant, and what was left out."""
        variants = {name: self._variant(name) for name in self.variants}
        return {"passed": self.passed, "variants": variants, "left_out": dict(self.left_out)}

    def _variant(self, name: str) -> dict[str, Any]:
        result, accuracy = self.variants[name], self.accuracy.get(name)
        found = {"passed": result.passed, **result.to_manifest()}
        if accuracy is None:
            return found
        passed = result.passed and accuracy.passed
        return {**found, "passed": passed, accuracy.share: accuracy.to_dict()}

    def lines(self, width: int | None = None) -> Iterator[str]:
        """A row for each variant."""
        compared = any("agreement" in found for found in self.to_dict()["variants"].values())
        columns = [*COLUMNS, *(COMPARED if compared else ()), *self._of_rows]
        rows = [self._row(name, compared=compared) for name in self.variants]
        blank = [""] * (len(columns) - len(COLUMNS))
        left_out = [
            [name, "left out", "", f"needs {what}", *blank] for name, what in self.left_out.items()
        ]
        return table_lines(columns, [*rows, *left_out], width)

    @property
    def _of_rows(self) -> Sequence[str]:
        from edgebert_quantize.evaluation.accuracy import TITLES, lost_columns

        shares = {check.share for check in self.accuracy.values()}  # one at most
        return [each for share in shares for each in (TITLES[share], *lost_columns(share))]

    def _row(self, name: str, *, compared: bool) -> list[str]:
        found, check = self._variant(name), self.accuracy.get(name)
        cells = [name, str(found["passed"]), f"{found['worst']:.3g}", _where(found)]
        if compared:
            cells.append(_agreement(found))
        if check is not None:
            accuracy = check.accuracy
            cells += [f"{accuracy.quantized:.4f}", str(accuracy), str(accuracy.flipped)]
        return cells

    def require(self) -> None:
        """Raise unless passed.

        Raises:
            CheckFailedError: the first variant that fails, with its worst case.
        """
        for name, result in (*self.variants.items(), *self.accuracy.items()):
            try:
                result.require()
            except CheckFailedError as error:
                raise type(error)(f"variant {name!r}: {error}") from error


def _where(found: Mapping[str, Any]) -> str:
    return str(found.get("worst_case", f"{found.get('samples')} texts"))


def _agreement(found: Mapping[str, Any]) -> str:
    agreement = found.get("agreement")
    return "" if agreement is None else f"{agreement['value']:.4f}"


def verify(
    bundle: Bundle | str | PathLike[str],
    against: "str | PathLike[str] | nn.Module",
    *,
    spec: "ExportSpec | None" = None,
    texts: str | PathLike[str] | None = None,
    column: str | None = None,
    evaluation: str | PathLike[str] | None = None,
    progress: ProgressOption = None,
) -> VerifyReport:
    """Compare every variant of a bundle with its torch source.

    fp32 variants are held to parity on every mask and length, quantized ones to the threshold
    recorded with them, both against torch; one with an optional library runs with it where it is
    here. Answers of quantized variants are compared with those
    of the bundle's own fp32 graph. With rows of right answers, accuracy or recall is measured
    beside torch's, and held to the accuracy budget that the variant was made within. A variant
    that needs a provider which is not here is left out; one that was never run on its own and
    passes is marked as verified in the manifest, which is all that is ever written.

    Args:
        bundle: the bundle or its folder.
        against: what it was exported from.
        spec: what `against` is, for an `nn.Module`.
        texts: the file that quantized variants are measured on; None takes the default texts.
        column: where in the file the texts are.
        evaluation: a file with columns `text`, `label` and, for pairs, `text_pair`, to measure
            accuracy on, for classifiers of one label a text; with columns `text` and `positive`,
            to measure recall@1 on, for vectors.
        progress: who sees the steps. None: lines on standard error if it is a terminal. True:
            elsewhere, too, with a line a minute. False: no output. A function is called with each
            line.

    Raises:
        ConfigError: `against` is another model, by its sizes, labels or task; nothing was run. Or
            `evaluation` is for a bundle without either, or has fewer rows than a budget needs.
        InputError: a file cannot be used.
        BundleError, CheckpointError: something cannot be read.
    """
    from edgebert.workflow.plain_torch import plain_torch
    from edgebert.workflow.same_model import require_same_model
    from edgebert_quantize.calibration.text_split import read_text_split
    from edgebert_runtime.bundle.staging import mark_verified
    from edgebert_runtime.engine.onnxruntime import import_engine
    from edgebert_runtime.engine.providers import has_provider

    split = read_text_split(texts, column)
    opened = Bundle.open(bundle)
    manifest = opened.manifest
    labelled = _accuracy_checks(opened, evaluation)
    check = _started_check(opened)
    results: dict[str, Any] = {}
    accuracy: dict[str, AccuracyCheck] = {}
    left_out: dict[str, str] = {}
    with plain_torch(), steps(progress) as tell:
        source = _open_as(opened, against, spec)
        check.wait()
        require_same_model(opened, against, source)
        limited = replace(source.spec, max_length=manifest.tokenizer.max_length)
        source = replace(source, spec=limited)
        if labelled is not None:
            labelled.run_reference(source.module)
        for name, variant in manifest.variants.items():
            if variant.needs is not None and not has_provider(variant.needs, import_engine()):
                left_out[name] = variant.needs
                continue
            tell(f"verifying {name} against torch")
            results[name] = _verify_variant(opened, variant, source, split)
            if labelled is not None:
                accuracy[name] = labelled.check(variant)
            if results[name].passed and not variant.verified:
                mark_verified(opened, name)
    return VerifyReport(variants=results, left_out=left_out, accuracy=accuracy)


def _open_as(
    bundle: Bundle, against: "str | PathLike[str] | nn.Module", spec: "ExportSpec | None"
) -> "Source":
    """The source, read for the bundle's task."""
    from edgebert.workflow.sources import open_source

    task = bundle.manifest.default_task
    tokenizer = bundle.folder if spec is not None else None
    try:
        return open_source(against, spec=spec, tokenizer=tokenizer, task=task)
    except (CheckpointError, ConfigError) as error:
        name = against if isinstance(against, str | PathLike) else type(against).__name__
        raise type(error)(
            f"{name} cannot be read as a model for task {task!r}, which {bundle.folder} has: "
            f"{error}"
        ) from error


def _started_check(bundle: Bundle) -> "IntegrityCheck":
    """A check of all files that has begun."""
    from edgebert_runtime.bundle.external_data import check_external_data
    from edgebert_runtime.bundle.integrity import IntegrityCheck

    check = IntegrityCheck(bundle.folder, bundle.manifest.files, mode="always")
    check.start()
    for variant in bundle.manifest.variants.values():
        check_external_data(bundle.folder, variant.files, variant.file, variant.external)
    return check


def _accuracy_checks(
    bundle: Bundle, evaluation: str | PathLike[str] | None
) -> "AccuracyChecks | None":
    if evaluation is None:
        return None
    from edgebert.workflow.accuracy import AccuracyChecks

    return AccuracyChecks(bundle, evaluation)


def _verify_variant(
    bundle: Bundle, variant: Variant, source: "Source", split: "TextSplit"
) -> "ParityReport | Quality":
    graph = bundle.path_of(variant.file)
    if variant.way.quality is None:
        from edgebert_export import check_parity
        from edgebert_export.targets import TARGETS

        target = TARGETS.get(variant.target)  # none for the variant that shows attention
        return check_parity(
            graph,
            source.module,
            source.spec,
            provider=target.needs or "cpu" if target else "cpu",
            unpadded=target.unpadded if target else False,
        )
    from edgebert.workflow.torch_reference import torch_runner
    from edgebert_quantize.calibration.text_split import Feeder
    from edgebert_quantize.evaluation.agreement import quality_items
    from edgebert_quantize.evaluation.quality import compare, graph_runner
    from edgebert_quantize.similarity import QualityThreshold, comparison_of
    from edgebert_runtime.loading.selection import library_of

    comparison = comparison_of(bundle.manifest)
    threshold = QualityThreshold(**variant.way.quality["floor"])
    provider, library = variant.needs or "cpu", library_of(variant)
    return compare(
        comparison,
        graph_runner(graph, comparison.outputs, provider, library),
        torch_runner(bundle, source.module),
        Feeder.of(bundle),
        quality_items(bundle, split.quality),
        threshold=threshold,
        data=split.source,
        agreement=_agreement_of(bundle, variant, split, threshold),
    )


def _agreement_of(
    bundle: Bundle, variant: Variant, split: "TextSplit", threshold: "QualityThreshold"
) -> "Agreement | None":
    """How far answers agree with those of fp32, if the variant's floor says so."""
    if threshold.agreement is None:
        return None
    from edgebert_quantize.evaluation.agreement import AgreementEvaluator
    from edgebert_runtime.loading.selection import library_of

    exact = bundle.path_of(_exact(bundle).file)
    agreements = AgreementEvaluator(bundle, exact, split.quality)
    graph = bundle.path_of(variant.file)
    return agreements.measure(graph, variant.needs or "cpu", library_of(variant))


def _exact(bundle: Bundle) -> Variant:
    """A graph in fp32 that runs on every machine; parity holds it to torch."""
    variants = bundle.manifest.variants.values()
    return next(each for each in variants if each.precision == "fp32" and each.needs is None)
