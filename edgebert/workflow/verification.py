"""Comparing every variant of a bundle with torch. Heavy imports happen where they are used."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Final

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Variant
from edgebert_runtime.errors import CheckFailedError
from edgebert_runtime.inference.reports import Report, aligned
from edgebert_runtime.progress import ProgressOption, steps

if TYPE_CHECKING:
    from torch import nn

    from edgebert.workflow.sources import Source
    from edgebert_export import ExportSpec, ParityReport
    from edgebert_quantize import Quality
    from edgebert_quantize.calibration.text_split import TextSplit

COLUMNS: Final = ("variant", "passed", "worst", "where")


@dataclass(frozen=True, kw_only=True, repr=False)
class VerifyReport(Report):
    """What verification found.

    Attributes:
        variants: variant → parity (fp32) or quality (quantized), case by case.
        left_out: variant that cannot run here → what it needs.
    """

    variants: "Mapping[str, ParityReport | Quality]"
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every variant is within its tolerance or reaches its threshold."""
        return all(result.passed for result in self.variants.values())

    @property
    def worst(self) -> dict[str, float]:
        """Variant → its worst number: largest difference for fp32, smallest cosine for the rest."""
        return {
            name: result.worst if isinstance(result.worst, float) else result.worst.worst
            for name, result in self.variants.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Whether it passed, what the manifest would say of each variant, and what was left out."""
        variants = {
            name: {"passed": result.passed, **result.to_manifest()}
            for name, result in self.variants.items()
        }
        return {"passed": self.passed, "variants": variants, "left_out": dict(self.left_out)}

    def __str__(self) -> str:
        rows = [
            (name, str(found["passed"]), f"{found['worst']:.3g}", _where(found))
            for name, found in self.to_dict()["variants"].items()
        ]
        left_out = [(name, "left out", "", f"needs {what}") for name, what in self.left_out.items()]
        return "\n".join(aligned(COLUMNS, [*rows, *left_out]))

    def require(self) -> None:
        """Raise unless passed.

        Raises:
            CheckFailedError: the first variant that fails, with its worst case.
        """
        for name, result in self.variants.items():
            try:
                result.require()
            except CheckFailedError as error:
                raise type(error)(f"variant {name!r}: {error}") from error


def _where(found: Mapping[str, Any]) -> str:
    return str(found.get("worst_case", f"{found.get('samples')} texts"))


def verify(
    bundle: Bundle | str | PathLike[str],
    against: "str | PathLike[str] | nn.Module",
    *,
    spec: "ExportSpec | None" = None,
    texts: str | PathLike[str] | None = None,
    column: str | None = None,
    progress: ProgressOption = None,
) -> VerifyReport:
    """Compare every variant of a bundle with its torch source.

    fp32 variants are held to parity on every mask and length, quantized ones to the threshold
    recorded with them, both against torch. A variant that needs a provider which is not here is
    left out; one that was never run on its own and passes is marked as verified in the manifest,
    which is all that is ever written.

    Args:
        bundle: the bundle or its folder.
        against: what it was exported from.
        spec: what `against` is, for an `nn.Module`.
        texts: the file that quantized variants are measured on; None takes the default texts.
        column: where in the file the texts are.
        progress: who sees the steps. None: lines on standard error if it is a terminal. True:
            elsewhere, too, with a line a minute. False: nobody. A function is called with each
            line.

    Raises:
        ConfigError: `against` is another model, by its sizes, labels or task; nothing was run.
        InputError: the file of texts cannot be used.
        BundleError, CheckpointError, ConfigError: something cannot be read.
    """
    from edgebert.workflow.same_model import require_same_model
    from edgebert.workflow.sources import open_source
    from edgebert_quantize.calibration.text_split import read_text_split
    from edgebert_runtime.bundle.external_data import check_external_data
    from edgebert_runtime.bundle.integrity import IntegrityCheck
    from edgebert_runtime.bundle.staging import mark_verified
    from edgebert_runtime.engine.onnxruntime import import_engine
    from edgebert_runtime.engine.providers import has_provider

    split = read_text_split(texts, column)
    opened = Bundle.open(bundle)
    manifest = opened.manifest
    check = IntegrityCheck(opened.folder, manifest.files, mode="always")
    check.start()
    for variant in manifest.variants.values():
        check_external_data(opened.folder, variant.files, variant.file)
    source = open_source(
        against,
        spec=spec,
        tokenizer=opened.folder if spec is not None else None,
        task=manifest.task,
    )
    check.wait()
    require_same_model(opened, against, source)
    limited = replace(source.spec, max_length=manifest.tokenizer.max_length)
    source = replace(source, spec=limited)
    results: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    with steps(progress) as tell:
        for name, variant in manifest.variants.items():
            if variant.needs is not None and not has_provider(variant.needs, import_engine()):
                left_out[name] = variant.needs
                continue
            tell(f"verifying {name} against torch")
            results[name] = _verify_variant(opened, variant, source, split)
            if results[name].passed and not variant.verified:
                mark_verified(opened, name)
    return VerifyReport(variants=results, left_out=left_out)


def _verify_variant(
    bundle: Bundle, variant: Variant, source: "Source", split: "TextSplit"
) -> "ParityReport | Quality":
    graph = bundle.path_of(variant.file)
    if variant.quality is None:
        from edgebert_export import check_parity
        from edgebert_export.targets import TARGETS

        target = TARGETS[variant.target]
        return check_parity(
            graph,
            source.module,
            source.spec,
            provider=target.needs or "cpu",
            unpadded=target.unpadded,
        )
    from edgebert.workflow.torch_reference import torch_runner
    from edgebert_quantize.calibration.text_split import Feeder
    from edgebert_quantize.evaluation.quality import compare, graph_runner
    from edgebert_quantize.similarity import QualityThreshold, comparison_of

    comparison = comparison_of(bundle.manifest)
    return compare(
        comparison,
        graph_runner(graph, comparison.outputs, variant.needs or "cpu"),
        torch_runner(bundle, source.module),
        Feeder.of(bundle),
        split.quality,
        threshold=QualityThreshold(**variant.quality["floor"]),
        data=split.source,
    )
