"""Quantize a bundle's fp32 graph, measure the result, and add it as a variant."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Final

import onnx_ir as ir

from edgebert_quantize.calibration import ActivationStatistics, activation_statistics
from edgebert_quantize.cpus import LARGEST_WEIGHT, choose_cpu
from edgebert_quantize.linear import drop_unused_initializers, linears_by_input
from edgebert_quantize.nearness import nearness_of
from edgebert_quantize.outliers import move_outliers_last
from edgebert_quantize.products import quantize_linears
from edgebert_quantize.quality import Quality, compare, graph_runner
from edgebert_quantize.recipes import RECIPES, LinearRecipe, Recipe
from edgebert_quantize.samples import Samples, calibration_batches, read_samples
from edgebert_quantize.smoothing import smooth
from edgebert_quantize.tables import quantize_tables
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
    cpu: str | None = None,
    texts: str | PathLike[str] | None = None,
    column: str | None = None,
    progress: Progress = lambda _: None,
) -> Bundle:
    """Add a quantized variant to a bundle; nothing is written unless it reaches its floor.

    Args:
        bundle: the bundle or its folder.
        recipe: a name in `RECIPES`.
        cpu: the class to quantize for, `avx512_vnni`, `arm64` or `avx2` (no VNNI: weights have 7
            bits, exact on every CPU); None takes this machine's.
        texts: a file like those the model will see, to calibrate on and to measure on, as
            `read_texts` takes it; None takes English sentences that ship with CPython.
        column: where in the file the texts are.
        progress: told each step.

    Returns:
        The bundle, read anew.

    Raises:
        ConfigError: unknown recipe or class, one that cannot be measured on this CPU, or the
            bundle has no variant to start from.
        InputError: the file of texts cannot be used.
        BundleExistsError: the bundle has this variant already.
        ExportError: the graph has no linear layer to quantize.
        QualityError: the result is below the recipe's floor.
    """
    folder = Bundle.open(bundle).folder
    cpu = choose_cpu(cpu)
    samples = read_samples(texts, column)
    with staging_area(folder) as staging:
        opened = Bundle.open(folder)  # another run may have extended it while this one waited
        chosen = _recipe(recipe, opened)
        source = _source(opened, chosen)
        graph = staging / Path(chosen.file).name
        progress(f"quantizing {source.file} by recipe {chosen.name}, for {cpu}")
        _write_quantized(opened, source, graph, chosen, samples, LARGEST_WEIGHT[cpu])
        progress("measuring its answers against fp32")
        quality = _measure(opened, source, graph, chosen, samples)
        quality.require()
        progress("adding the variant to the bundle")
        extended = _extended(opened.manifest, chosen, source, graph, quality, samples, cpu)
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


def _write_quantized(
    bundle: Bundle,
    source: Variant,
    destination: Path,
    recipe: Recipe,
    samples: Samples,
    largest: int,
) -> None:
    path = bundle.path_of(source.file)
    model = ir.load(path)
    _refuse_quantized(model.graph, path)
    if recipe.linears is not None:
        channels = {
            str(x.name): linears[0].weight.shape[0]
            for x, linears in linears_by_input(model.graph).items()
        }
        if not channels:
            raise ExportError(f"{path} has no linear layer to quantize")
        statistics = activation_statistics(path, channels, calibration_batches(bundle, samples))
        _quantize_linears(model, statistics, recipe.linears, largest)
    tables = quantize_tables(model.graph) if recipe.tables else 0
    if recipe.linears is None and not tables:
        raise ExportError(f"{path} has no embedding table large enough to quantize")
    drop_unused_initializers(model.graph)
    ir.external_data.load_to_model(model)
    ir.save(model, destination)


def _quantize_linears(
    model: ir.Model,
    statistics: Mapping[str, ActivationStatistics],
    recipe: LinearRecipe,
    largest: int,
) -> None:
    statistics, outliers = move_outliers_last(model.graph, statistics, recipe.outliers)
    if recipe.strengths:
        statistics = smooth(
            model, statistics, recipe.strengths, untouched=outliers, largest=largest
        )
    quantize_linears(
        model,
        statistics,
        activations=recipe.activations,
        compensate=recipe.compensate,
        outliers=outliers,
        largest=largest,
        standard=recipe.standard,
    )


def _refuse_quantized(graph: ir.Graph, path: Path) -> None:
    found = sorted({node.op_type for node in graph} & INTEGER_OPERATORS)
    if found:
        raise ExportError(
            f"{path} is quantized already, it has {', '.join(found)}; start from its fp32 graph"
        )


def _measure(
    bundle: Bundle, source: Variant, graph: Path, recipe: Recipe, samples: Samples
) -> Quality:
    return compare(
        bundle,
        graph_runner(bundle, graph),
        graph_runner(bundle, bundle.path_of(source.file)),
        samples.quality,
        floor=recipe.floors[nearness_of(bundle.manifest)],
        data=samples.source,
    )


def _extended(
    manifest: Manifest,
    recipe: Recipe,
    source: Variant,
    graph: Path,
    quality: Quality,
    samples: Samples,
    cpu: str,
) -> Manifest:
    watched = {} if recipe.linears is None else {"calibration": samples.calibration_source}
    variant = replace(
        source,
        file=recipe.file,
        files=(recipe.file,),
        precision=recipe.precision,
        recipe=recipe.name,
        min_onnxruntime=recipe.min_onnxruntime or source.min_onnxruntime,
        parity=None,
        quality={**quality.to_manifest(), **watched},
        batch_invariant=recipe.batch_invariant,
        cpu=None if recipe.linears is None else cpu,
    )
    return replace(
        manifest,
        variants={**manifest.variants, recipe.name: variant},
        files={**manifest.files, recipe.file: hash_file(graph)},
    )
