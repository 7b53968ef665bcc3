"""One call from a source to a bundle. Heavy imports happen where they are used."""

from collections.abc import Callable, Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.errors import ConfigError, QualityError
from edgebert_runtime.progress import ProgressCallback, ProgressOption, steps
from edgebert_runtime.tasks.registry import TaskName

if TYPE_CHECKING:
    from torch import nn

    from edgebert.checkpoints.token_gate.gate import TokensChoice
    from edgebert_export import ExportSpec
    from edgebert_export.targets import TargetName
    from edgebert_quantize.recipes import RecipeName

ExportTask = Literal["auto", TaskName]
ExportPrecision = Literal["fp32", "int8", "fp16", "bf16"]

PRECISIONS: "Final[Mapping[ExportPrecision, tuple[RecipeName, ...]]]" = {
    "fp32": (),
    "int8": ("int8",),
    "fp16": ("fp16", "fp16-packed"),
    "bf16": ("bf16",),
}
"""Precision an export may be asked for → the recipe that gives it, and others where the bundle has
what they start from."""


def export(
    source: "str | PathLike[str] | nn.Module",
    out: str | PathLike[str],
    task: ExportTask = "auto",
    target: "TargetName" = "cpu",
    spec: "ExportSpec | None" = None,
    tokenizer: str | PathLike[str] | None = None,
    *,
    tokens: "TokensChoice" = "auto",
    max_length: int | None = None,
    min_onnxruntime: str | None = None,
    single_file: bool = False,
    attention: bool = False,
    precision: ExportPrecision | None = None,
    overwrite: bool = False,
    force: bool = False,
    keep_default: bool = False,
    progress: ProgressOption = None,
) -> Bundle:
    """Export a torch encoder to a verified bundle.

    Args:
        source: a Hugging Face or sentence-transformers folder, a Hub id, or an `nn.Module`, which
            stays as it is; docs/how-to/own-module.md says what it takes and returns.
        out: the bundle's folder; must not exist unless `overwrite`.
        task: `"embed"`, `"classify"`, `"tag"`, `"answer"`, `"rank"`, `"fill"`,
            `"next_sentence"`, or `"auto"`, which goes by `modules.json`, `architectures` and the
            heads stored, and says what it found. A registered task is taken by its name, which a
            type checker does not know.
        target: `"cpu"`, `"cuda"` or `"portable"`; the portable graph is written with each, one
            without padding with `"cuda"`, if the model allows it.
        spec: what an `nn.Module` is; only with one.
        tokenizer: folder with the tokenizer of an `nn.Module`; only with one.
        tokens: whose tokens are right. `"auto"`: the folder's `tokenizer.json` and, where it is
            installed, transformers must give those of the bundle. `"file"` or `"transformers"`: the
            bundle gets that one's tokenizer. `"unchecked"`: nothing is compared.
        max_length: where texts are cut, in tokens; the source says when None.
        min_onnxruntime: raises the oldest ONNX Runtime the portable graph is written for.
        single_file: put the weights of the portable graph into its file even above 256 MiB, for
            loaders that read one file; below 2 GiB.
        attention: add the variant `attention`, which gives attention maps, as `add_attention` does.
        precision: `"fp32"` for no more than that; `"int8"`, `"fp16"` or `"bf16"` to quantize as
            well, which makes that variant the bundle's default; None for what the target is for:
            fp16 on `"cuda"`, bf16 where the model overflows in that, fp32 on others.
        overwrite: replace a bundle that is there, once the new one is complete.
        force: with int8, take it even if it is slower than fp32.
        keep_default: leave fp32 the default where another precision is made.
        progress: who sees the steps. None: lines on standard error if it is a terminal. True:
            elsewhere, too, with a line a minute. False: no output. A function is called with each
            line.

    Raises:
        ConfigError: arguments that do not go together.
        CheckpointError: the source cannot be read.
        TokenizerError: its tokenizer cannot be read, does not fit, or is read in more than one way;
            `tokens` chooses.
        BundleExistsError: something is at `out`.
        ExportError: torch cannot trace the module, or it does not do what its spec says.
        FusionError: a promised fusion is missing.
        ParityError: a finished graph differs from torch; nothing is written.
        QualityError, SpeedError: as `quantize`; the bundle is there, in fp32.
    """
    if precision not in (None, *PRECISIONS):
        raise ConfigError(f"precision must be one of {', '.join(PRECISIONS)}; got {precision!r}")
    from edgebert.workflow.checked_tokens import with_checked_tokens
    from edgebert.workflow.plain_torch import plain_torch
    from edgebert.workflow.sources import open_source
    from edgebert_export import add_attention, export_bundle

    with plain_torch(), steps(progress) as tell:
        opened = open_source(
            source, spec=spec, tokenizer=tokenizer, task=task, max_length=max_length
        )
        opened = with_checked_tokens(opened, tokens)
        for note in opened.notes:
            tell(note)
        bundle = export_bundle(
            opened.module,
            opened.spec,
            opened.parts,
            Path(out),
            target=target,
            min_onnxruntime=min_onnxruntime,
            single_file=single_file,
            overwrite=overwrite,
            progress=tell,
        )
        if attention:
            add_attention(bundle, progress=tell)
        quantize = partial(_quantize, bundle, force=force, keep_default=keep_default, progress=tell)
        if precision is None and target == "cuda":
            return _halved(quantize, tell)
        return quantize(precision or "fp32")


def _halved(quantize: Callable[[ExportPrecision], Bundle], progress: ProgressCallback) -> Bundle:
    """In fp16, or in bf16 if that is refused."""
    try:
        return quantize("fp16")
    except QualityError as error:
        progress(f"fp16 is refused, taking bf16: {error}")
        return quantize("bf16")


def _quantize(
    bundle: Bundle,
    precision: ExportPrecision,
    *,
    force: bool,
    keep_default: bool,
    progress: ProgressCallback,
) -> Bundle:
    """The bundle with the variants of a precision."""
    from edgebert_quantize import RECIPES, quantize_bundle

    targets = {variant.target for variant in bundle.manifest.variants.values()}
    for recipe in PRECISIONS[precision]:
        there = not targets.isdisjoint(RECIPES[recipe].source_targets)
        if there or recipe == precision:  # which says what it lacks
            quantize_bundle(
                bundle, recipe, force=force, keep_default=keep_default, progress=progress
            )
    return bundle
