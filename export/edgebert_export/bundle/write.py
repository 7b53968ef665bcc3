"""Trace, fuse, verify and write one encoder as a bundle."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn

from edgebert_export._version import __version__
from edgebert_export.bundle.model_card import model_card
from edgebert_export.graph.build import BuiltGraph, build, write_graphs
from edgebert_export.graph.trace import CANONICAL_OPSET, trace
from edgebert_export.spec import ExportSpec
from edgebert_export.targets import DEFAULT_TARGETS, TARGETS, Target, TargetName
from edgebert_export.unpadding.key_masks import StillPaddedError
from edgebert_export.verification.parity import ParityReport, check_parity
from edgebert_export.verification.runnable_equivalents import runnable
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import (
    CARD_NAME,
    MANIFEST_NAME,
    EmbeddingInfo,
    ExternalRange,
    FileInfo,
    Manifest,
    ProvenanceStep,
    TaskInfo,
    TensorInfo,
    TokenizerInfo,
    Variant,
)
from edgebert_runtime.bundle.staging import hash_folder, new_bundle
from edgebert_runtime.bundle.variants import samples_path, with_samples
from edgebert_runtime.engine.onnxruntime import import_engine
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.progress import ProgressOption, steps
from edgebert_runtime.storage.text_file import write_text
from edgebert_runtime.verification.sample_recorder import record


@dataclass(frozen=True, kw_only=True)
class BundleParts:
    """What goes into a bundle beside its graphs.

    Attributes:
        tokenizer: how the runtime tokenizes.
        embedding: for the task `embed`, how token vectors become one.
        config: what goes into `config.json`.
        files: bundle path → content of every further file, `tokenizer.json` among them.
        source: `kind`, `name` and `model_type`, for the manifest.
        provenance: what was done to the model before, for the manifest.
    """

    tokenizer: TokenizerInfo
    embedding: EmbeddingInfo | None
    config: Mapping[str, Any]
    files: Mapping[str, bytes]
    source: Mapping[str, str | None]
    provenance: tuple[ProvenanceStep, ...] = ()


def export_bundle(
    module: nn.Module,
    spec: ExportSpec,
    parts: BundleParts,
    destination: Path,
    *,
    target: TargetName = "cpu",
    min_onnxruntime: str | None = None,
    single_file: bool = False,
    overwrite: bool = False,
    progress: ProgressOption = None,
) -> Bundle:
    """Trace, fuse, verify and write one encoder; `destination` changes only if all steps succeed.

    Args:
        module: takes the spec's inputs in order and returns its outputs.
        spec: what it is.
        parts: what goes beside the graphs.
        destination: the bundle's folder.
        target: `cpu`, `cuda` or `portable`; the portable graph is written with every target, and
            one without padding with `cuda` if the model allows it.
        min_onnxruntime: raises the oldest ONNX Runtime the portable graph is written for.
        single_file: put the weights into the portable graph, however many they are.
        overwrite: replace a bundle that is there.
        progress: who sees the steps. None: lines on standard error if it is a terminal. True:
            elsewhere, too, with a line a minute. False: no output. A function is called with each
            line.

    Raises:
        ConfigError: unknown target or version.
        BundleExistsError: something is at `destination`.
        ExportError: torch cannot trace the module.
        FusionError: a promised fusion is missing.
        ParityError: a finished graph differs from torch.
    """
    chosen = _chosen(target)
    with steps(progress) as tell, new_bundle(destination, overwrite=overwrite) as staging:
        name = parts.source["name"] or type(module).__name__
        tell(f"tracing {name} at opset {CANONICAL_OPSET}")
        canonical = trace(module, spec, name)
        tell(f"fusing for {', '.join(item.name for item in chosen)}")
        floors = {"portable": min_onnxruntime} if min_onnxruntime else {}
        graphs = []
        for item in chosen:
            floor = floors.get(item.name, item.min_onnxruntime)
            try:
                graphs.append(build(canonical, item, spec, floor))
            except StillPaddedError as reason:
                tell(f"skipping target {item.name}: {reason}")
        external = write_graphs(graphs, staging, single_file=single_file)
        reports = {}
        for built in graphs:
            tell(f"verifying {built.target.name} against torch")
            with runnable(built.target, staging / built.target.file) as graph:
                unpadded = built.target.unpadded
                reports[built.target.name] = check_parity(graph, module, spec, unpadded=unpadded)
            reports[built.target.name].require()
        tell("recording samples and writing the bundle")
        variants = {built.target.name: _variant(built, spec, external, reports) for built in graphs}
        _write_parts(staging, spec, parts, variants)
    return Bundle.open(destination)


def _chosen(target: TargetName) -> list[Target]:
    if target not in DEFAULT_TARGETS:
        raise ConfigError(f"target must be one of {', '.join(DEFAULT_TARGETS)}; got {target!r}")
    return [TARGETS[name] for name in DEFAULT_TARGETS[target]]


def _variant(
    built: BuiltGraph,
    spec: ExportSpec,
    external: Mapping[str, tuple[ExternalRange, ...]],
    reports: Mapping[str, ParityReport],
) -> Variant:
    file, ranges = built.target.file, external[built.target.file]
    return Variant(
        tasks=(spec.task,),
        file=file,
        files=(file, *(each.file for each in ranges)),
        external=ranges,
        precision="fp32",
        target=built.target.name,
        recipe=None,
        opset=built.opset,
        ir_version=built.model.ir_version,
        min_onnxruntime=built.min_onnxruntime,
        fusions=built.fusions,
        parity=reports[built.target.name].to_manifest(),
        batch_invariant=True,
        needs=built.target.needs,
        verified=built.target.needs is None,
        capturable=built.capturable,
    )


def _write_parts(
    staging: Path, spec: ExportSpec, parts: BundleParts, variants: Mapping[str, Variant]
) -> None:
    for path, content in parts.files.items():
        (staging / path).parent.mkdir(parents=True, exist_ok=True)
        (staging / path).write_bytes(content)
    config = _config_json(parts.config, variants)
    write_text(staging / "config.json", config)
    manifest = describe(spec, parts, variants, files={})
    write_text(staging / CARD_NAME, model_card(manifest))
    sampled = _record_samples(Bundle(folder=staging, manifest=manifest))
    manifest = describe(spec, parts, sampled, hash_folder(staging))
    write_text(staging / MANIFEST_NAME, manifest.to_json())


def _record_samples(bundle: Bundle) -> dict[str, Variant]:
    """The variants, with the samples of those that run here."""
    sampled = dict(bundle.manifest.variants)
    for name, variant in bundle.manifest.variants.items():
        if not variant.verified:
            continue
        path = samples_path(name)
        (bundle.folder / path).parent.mkdir(exist_ok=True)
        recorded = record(bundle, name, bundle.folder / variant.file)
        write_text(bundle.folder / path, recorded.to_json())
        sampled[name] = with_samples(variant, {bundle.manifest.default_task: path})
    return sampled


def _config_json(config: Mapping[str, Any], variants: Mapping[str, Variant]) -> str:
    """`config.json`, with the key transformers.js needs to fetch external data."""
    files = sorted({path for item in variants.values() for path in item.files})
    data = [path.removesuffix("_data") for path in files if path.endswith("_data")]
    uses = {path.rpartition("/")[2]: 1 for path in data}
    extra = {"transformers.js_config": {"use_external_data_format": uses}} if uses else {}
    return json.dumps({**config, **extra}, indent=2, ensure_ascii=False) + "\n"


def describe(
    spec: ExportSpec,
    parts: BundleParts,
    variants: Mapping[str, Variant],
    files: Mapping[str, FileInfo],
) -> Manifest:
    """The manifest of a model.

    Args:
        spec: what the model is.
        parts: what goes beside its graphs.
        variants: name → graph.
        files: of the bundle.
    """
    batch_sequence = ("batch", "sequence")
    outputs = tuple(
        TensorInfo(name=item.name, dtype="float32", shape=item.shape) for item in spec.outputs
    )
    return Manifest(
        created_by={
            "edgebert-export": __version__,
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "onnxruntime": import_engine().__version__,
        },
        source=parts.source,
        architecture={
            "hidden": spec.hidden,
            "layers": spec.layers,
            "heads": spec.heads,
            "vocabulary": spec.vocabulary,
            "token_types": spec.token_types,
        },
        inputs=tuple(
            TensorInfo(name=item.name, dtype="int64", shape=batch_sequence) for item in spec.inputs
        ),
        tokenizer=parts.tokenizer,
        tasks={spec.task: TaskInfo(outputs=outputs, embedding=parts.embedding, head=spec.head)},
        default_task=spec.task,
        variants=variants,
        default_variant="fp32",
        provenance=parts.provenance,
        files=files,
    )
