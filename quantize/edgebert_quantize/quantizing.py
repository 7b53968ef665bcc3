"""Quantize a bundle's fp32 graph, measure the result, and add it as a variant."""

from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Final

import onnx_ir as ir

from edgebert_quantize.calibration import activation_statistics
from edgebert_quantize.linear import drop_unused_initializers, linears_by_input
from edgebert_quantize.nearness import nearness_of
from edgebert_quantize.outliers import move_outliers_last
from edgebert_quantize.products import quantize_linears
from edgebert_quantize.quality import Quality, compare, graph_runner
from edgebert_quantize.recipes import RECIPES, Recipe
from edgebert_quantize.samples import CALIBRATION, calibration_batches, quality_texts
from edgebert_quantize.smoothing import smooth
from edgebert_quantize.tables import quantize_tables
from edgebert_quantize.texts import SOURCE
from edgebert_runtime.bundle import Bundle
from edgebert_runtime.errors import BundleExistsError, ConfigError, ExportError
from edgebert_runtime.manifest import Manifest, Variant
from edgebert_runtime.staging import add_to_bundle, hash_file, staging_area

Progress = Callable[[str], None]

INTEGER_OPERATORS: Final = frozenset(
    {
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "MatMulInteger",
        "MatMulIntegerToFloat",
        "MatMulNBits",
        "QAttention",
        "QGemm",
        "QLinearMatMul",
        "QuantizeLinear",
    }
)
"""What only a graph that somebody has quantized has."""


def quantize_bundle(
    bundle: Bundle | str | PathLike[str],
    recipe: str = "int8",
    *,
    progress: Progress = lambda _: None,
) -> Bundle:
    """Add a quantized variant to a bundle; nothing is written unless it reaches its floor.

    Args:
        bundle: the bundle or its folder.
        recipe: a name in `RECIPES`.
        progress: told each step.

    Returns:
        The bundle, read anew.

    Raises:
        ConfigError: unknown recipe, or the bundle has no variant to start from.
        BundleExistsError: the bundle has this variant already.
        ExportError: the graph has no linear layer to quantize.
        QualityError: the result is below the recipe's floor.
    """
    folder = Bundle.open(bundle).folder
    with staging_area(folder) as staging:
        opened = Bundle.open(folder)  # another run may have extended it while this one waited
        chosen = _recipe(recipe, opened)
        source = _source(opened, chosen)
        graph = staging / Path(chosen.file).name
        progress(f"calibrating and quantizing {source.file} by recipe {chosen.name}")
        _write_quantized(opened, source, graph, chosen)
        progress("measuring its answers against fp32")
        quality = _measure(opened, source, graph, chosen)
        quality.require()
        progress("adding the variant to the bundle")
        extended = _extended(opened.manifest, chosen, source, graph, quality)
        add_to_bundle(opened.folder, staging, {chosen.file: graph.name}, extended)
    return Bundle.open(folder)


def _recipe(name: str, bundle: Bundle) -> Recipe:
    if name not in RECIPES:
        raise ConfigError(f"recipe must be one of {', '.join(RECIPES)}; got {name!r}")
    if name in bundle.manifest.variants:
        raise BundleExistsError(
            f"{bundle.folder} has a variant {name!r} already; export the model again to remake it"
        )
    return RECIPES[name]


def _source(bundle: Bundle, recipe: Recipe) -> Variant:
    for variant in bundle.manifest.variants.values():
        if (variant.precision, variant.target) == ("fp32", recipe.source_target):
            return variant
    raise ConfigError(
        f"recipe {recipe.name!r} starts from the fp32 graph for {recipe.source_target}, which "
        f"{bundle.folder} lacks; export with target={recipe.source_target!r}"
    )


def _write_quantized(bundle: Bundle, source: Variant, destination: Path, recipe: Recipe) -> None:
    path = bundle.path_of(source.file)
    model = ir.load(path)
    _refuse_quantized(model.graph, path)
    channels = {
        str(x.name): linears[0].weight.shape[0]
        for x, linears in linears_by_input(model.graph).items()
    }
    if not channels:
        raise ExportError(f"{path} has no linear layer to quantize")
    statistics = activation_statistics(path, channels, calibration_batches(bundle))
    statistics, outliers = move_outliers_last(model.graph, statistics, recipe.outliers)
    if recipe.strengths:
        statistics = smooth(model, statistics, recipe.strengths, untouched=outliers)
    quantize_linears(
        model,
        statistics,
        activations=recipe.activations,
        compensate=recipe.compensate,
        outliers=outliers,
    )
    if recipe.tables:
        quantize_tables(model.graph)
    drop_unused_initializers(model.graph)
    ir.external_data.load_to_model(model)
    ir.save(model, destination)


def _refuse_quantized(graph: ir.Graph, path: Path) -> None:
    found = sorted({node.op_type for node in graph} & INTEGER_OPERATORS)
    if found:
        raise ExportError(
            f"{path} is quantized already, it has {', '.join(found)}; start from its fp32 graph"
        )


def _measure(bundle: Bundle, source: Variant, graph: Path, recipe: Recipe) -> Quality:
    return compare(
        bundle,
        graph_runner(bundle, graph),
        graph_runner(bundle, bundle.path_of(source.file)),
        quality_texts(),
        floor=recipe.floors[nearness_of(bundle.manifest)],
        data=SOURCE,
    )


def _extended(
    manifest: Manifest, recipe: Recipe, source: Variant, graph: Path, quality: Quality
) -> Manifest:
    variant = replace(
        source,
        file=recipe.file,
        files=(recipe.file,),
        precision=recipe.precision,
        recipe=recipe.name,
        min_onnxruntime=recipe.min_onnxruntime,
        parity=None,
        quality={**quality.to_manifest(), "calibration": CALIBRATION},
        batch_invariant=recipe.batch_invariant,
    )
    return replace(
        manifest,
        variants={**manifest.variants, recipe.name: variant},
        files={**manifest.files, recipe.file: hash_file(graph)},
    )
