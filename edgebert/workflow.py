"""The one-call path: export, quantize, verify. Heavy imports happen where they are used."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Variant
from edgebert_runtime.errors import CheckFailedError, ConfigError, QualityError

if TYPE_CHECKING:
    from torch import nn

    from edgebert.sources import Source
    from edgebert_export import ExportSpec, ParityReport
    from edgebert_quantize import Quality, Search
    from edgebert_quantize.calibration.text_split import TextSplit
    from edgebert_quantize.search.explore import Track

LOGGER: Final = logging.getLogger(__name__)

Progress = Callable[[str], None]

PRECISIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "fp32": (),
    "int8": ("int8",),
    "fp16": ("fp16", "fp16-packed"),
    "bf16": ("bf16",),
}
"""Precision an export may be asked for → the recipe that gives it, and others where the bundle has
what they start from."""


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
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


def export(
    source: "str | PathLike[str] | nn.Module",
    out: str | PathLike[str],
    task: str = "auto",
    target: str = "cpu",
    spec: "ExportSpec | None" = None,
    tokenizer: str | PathLike[str] | None = None,
    *,
    max_length: int | None = None,
    min_onnxruntime: str | None = None,
    precision: str | None = None,
    overwrite: bool = False,
    force: bool = False,
    progress: Progress = LOGGER.info,
) -> Bundle:
    """Export a torch encoder to a verified bundle.

    Args:
        source: a Hugging Face or sentence-transformers folder, a Hub id, or an `nn.Module` that
            returns `last_hidden_state`, or its task's logits, for the spec's inputs.
        out: the bundle's folder; must not exist unless `overwrite`.
        task: `"embed"`, `"classify"`, `"tag"`, `"answer"`, `"rank"`, `"fill"`,
            `"next_sentence"`, or `"auto"`, which goes by `modules.json`, `architectures` and the
            heads stored, and says what it found.
        target: `"cpu"`, `"cuda"` or `"portable"`; the portable graph is written with each, one
            without padding with `"cuda"`, if the model allows it.
        spec: what an `nn.Module` is; only with one.
        tokenizer: folder with the tokenizer of an `nn.Module`; only with one.
        max_length: where texts are cut, in tokens; the source says when None.
        min_onnxruntime: raises the oldest ONNX Runtime the portable graph is written for.
        precision: `"fp32"` for no more than that; `"int8"`, `"fp16"` or `"bf16"` to quantize as
            well; None for what the target is for: fp16 on `"cuda"`, bf16 where the model
            overflows in that, fp32 on others.
        overwrite: replace a bundle that is there, once the new one is complete.
        force: with int8, take it even if it is slower than fp32.
        progress: told each step.

    Raises:
        ConfigError: arguments that do not go together.
        CheckpointError: the source cannot be read.
        TokenizerError: its tokenizer cannot be read or does not fit.
        BundleExistsError: something is at `out`.
        ExportError: torch cannot trace the module.
        FusionError: a promised fusion is missing.
        ParityError: a finished graph differs from torch; nothing is written.
        QualityError, SpeedError: as `quantize`; the bundle is there, in fp32.
    """
    if precision not in (None, *PRECISIONS):
        raise ConfigError(f"precision must be one of {', '.join(PRECISIONS)}; got {precision!r}")
    from edgebert.sources import open_source
    from edgebert_export import export_bundle

    opened = open_source(source, spec=spec, tokenizer=tokenizer, task=task, max_length=max_length)
    for note in opened.notes:
        progress(note)
    bundle = export_bundle(
        opened.module,
        opened.spec,
        opened.parts,
        Path(out),
        target=target,
        min_onnxruntime=min_onnxruntime,
        overwrite=overwrite,
        progress=progress,
    )
    if precision is None and target == "cuda":
        return _halved(bundle, progress)
    return _in_precision(bundle, precision or "fp32", force=force, progress=progress)


def _halved(bundle: Bundle, progress: Progress) -> Bundle:
    """In fp16, or in bf16 if that is refused."""
    try:
        return _in_precision(bundle, "fp16", force=False, progress=progress)
    except QualityError as error:
        progress(f"fp16 is refused, taking bf16: {error}")
        return _in_precision(bundle, "bf16", force=False, progress=progress)


def _in_precision(bundle: Bundle, precision: str, *, force: bool, progress: Progress) -> Bundle:
    from edgebert_quantize.recipes import RECIPES

    targets = {variant.target for variant in bundle.manifest.variants.values()}
    for recipe in PRECISIONS[precision]:
        there = not targets.isdisjoint(RECIPES[recipe].source_targets)
        if there or recipe == precision:  # which says what it lacks
            bundle = quantize(bundle, recipe, force=force, progress=progress)
    return bundle


def quantize(
    bundle: Bundle | str | PathLike[str],
    recipe: str = "int8",
    *,
    cpu: str | None = None,
    texts: str | PathLike[str] | None = None,
    column: str | None = None,
    force: bool = False,
    progress: Progress = LOGGER.info,
) -> Bundle:
    """Add a quantized variant to a bundle; see `edgebert_quantize.quantize_bundle`."""
    from edgebert_quantize import quantize_bundle

    return quantize_bundle(
        bundle, recipe, cpu=cpu, texts=texts, column=column, force=force, progress=progress
    )


def quantize_within(
    bundle: Bundle | str | PathLike[str],
    budget: str,
    recipe: str = "int8",
    *,
    evaluation: str | PathLike[str] | None = None,
    cpu: str | None = None,
    texts: str | PathLike[str] | None = None,
    column: str | None = None,
    force: bool = False,
    cache_dir: str | PathLike[str] | None = None,
    progress: Progress = LOGGER.info,
    track: "Track[Any] | None" = None,
) -> "Search":
    """Add the cheapest variant that keeps a budget; see `edgebert_quantize.quantize_within`."""
    from edgebert_quantize import quantize_within
    from edgebert_quantize.search.explore import no_track

    return quantize_within(
        bundle,
        budget,
        recipe,
        evaluation=evaluation,
        cpu=cpu,
        texts=texts,
        column=column,
        force=force,
        cache_dir=cache_dir,
        progress=progress,
        track=track or no_track,
    )


def quantize_file(
    source: str | PathLike[str],
    out: str | PathLike[str],
    recipe: str = "int8",
    *,
    tokenizer: str | PathLike[str] | None = None,
    cpu: str | None = None,
    texts: str | PathLike[str] | None = None,
    column: str | None = None,
    overwrite: bool = False,
    force: bool = False,
    progress: Progress = LOGGER.info,
) -> "Quality":
    """Quantize anybody's ONNX encoder; see `edgebert_quantize.quantize_file`."""
    from edgebert_quantize import quantize_file

    return quantize_file(
        source,
        out,
        recipe,
        tokenizer=tokenizer,
        cpu=cpu,
        texts=texts,
        column=column,
        overwrite=overwrite,
        force=force,
        progress=progress,
    )


def verify(
    bundle: Bundle | str | PathLike[str],
    against: "str | PathLike[str] | nn.Module",
    *,
    spec: "ExportSpec | None" = None,
    texts: str | PathLike[str] | None = None,
    column: str | None = None,
    progress: Progress = LOGGER.info,
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
        progress: told each step.

    Raises:
        InputError: the file of texts cannot be used.
        BundleError, CheckpointError, ConfigError: something cannot be read.
    """
    from edgebert.sources import open_source
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
        max_length=manifest.tokenizer.max_length,
    )
    check.wait()
    results: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for name, variant in manifest.variants.items():
        if variant.needs is not None and not has_provider(variant.needs, import_engine()):
            left_out[name] = variant.needs
            continue
        progress(f"verifying {name} against torch")
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

        provider, unpadded = variant.needs or "cpu", TARGETS[variant.target].unpadded
        return check_parity(graph, source.module, source.spec, provider=provider, unpadded=unpadded)
    from edgebert.torch_reference import torch_runner
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
