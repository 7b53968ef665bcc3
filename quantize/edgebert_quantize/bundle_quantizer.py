"""Quantize a bundle's fp32 graph, measure the result, and add it as a variant."""

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Final

from edgebert_quantize.calibration.text_split import Feeder, TextSplit, read_text_split
from edgebert_quantize.evaluation.quality import Quality, compare, graph_runner
from edgebert_quantize.evaluation.runnable_equivalent import runnable_equivalent
from edgebert_quantize.evaluation.speed import require_speedup
from edgebert_quantize.evaluation.target_cpu import LARGEST_WEIGHT, CpuName, choose_cpu
from edgebert_quantize.model_card import updated_card
from edgebert_quantize.recipes import CPU_EQUIVALENTS, Recipe, RecipeName, find_recipe
from edgebert_quantize.rewrite.rewrite import rewrite_graph
from edgebert_quantize.similarity import comparison_of
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Manifest, Variant
from edgebert_runtime.bundle.staging import add_to_bundle, hash_file, staging_area
from edgebert_runtime.errors import BundleExistsError, ConfigError
from edgebert_runtime.progress import ProgressOption, steps
from edgebert_runtime.verification.sample_recorder import record
from edgebert_runtime.verification.samples import samples_path

DRAFT_NAME: Final = "samples.json"
"""File of the self-test samples in the staging area."""


def quantize_bundle(
    bundle: Bundle | str | PathLike[str],
    recipe: RecipeName = "int8",
    *,
    cpu: CpuName | None = None,
    texts: str | PathLike[str] | None = None,
    column: str | None = None,
    force: bool = False,
    progress: ProgressOption = None,
) -> Bundle:
    """Add a quantized variant to a bundle; nothing is written if its quality is too low.

    Args:
        bundle: the bundle or its folder.
        recipe: a name in `RECIPES`.
        cpu: the class to quantize for, `avx512_vnni`, `arm64` or `avx2` (no VNNI: weights have 7
            bits, exact on every CPU); None takes this machine's.
        texts: a file of typical texts for calibration and for measuring, as `read_texts` takes it;
            None takes English sentences that ship with CPython.
        column: of the texts in the file.
        force: skip the comparison of its speed with fp32.
        progress: who sees the steps. None: lines on standard error if it is a terminal. True:
            elsewhere, too, with a line a minute. False: nobody. A function is called with each
            line.

    Returns:
        The bundle with its new variant.

    Raises:
        ConfigError: unknown recipe or class, one that cannot be measured on this CPU, or the
            bundle has no fp32 variant to start from.
        InputError: the file of texts cannot be used.
        BundleExistsError: the bundle has this variant already.
        ExportError: the graph has nothing to quantize, or is quantized already.
        QualityError: the result is below the recipe's threshold.
        SpeedError: the recipe is meant to be faster than fp32 and is slower on this machine. Not
            measured for another class of CPU than this machine's.
    """
    folder = Bundle.open(bundle).folder
    cpu = choose_cpu(cpu)
    split = read_text_split(texts, column)
    with steps(progress) as tell, staging_area(folder) as staging:
        opened = Bundle.open(folder)  # another run may have extended it while this one waited
        chosen = new_recipe(recipe, opened)
        source = source_of(opened, chosen)
        exact = opened.path_of(_cpu_equivalent(opened, source).file)
        graph = staging / Path(chosen.file).name
        of_a_class = f", for {cpu}" if chosen.linears else ""
        tell(f"quantizing {source.file} by recipe {chosen.name}{of_a_class}")
        rewrite_graph(
            opened.path_of(source.file),
            graph,
            chosen,
            lambda: Feeder.of(opened).calibration(split),
            LARGEST_WEIGHT[cpu],
        )
        runnable = runnable_equivalent(graph, exact, chosen, source.target)
        tell("measuring its quality against fp32")
        quality = _measure(opened, exact, runnable, chosen, split)
        quality.require()
        if not force:
            feeds = Feeder.of(opened).long(split.quality)
            require_speedup(graph, opened.path_of(source.file), chosen, cpu, feeds, tell)
        tell("adding the variant to the bundle")
        manifest = extended(opened.manifest, chosen, source, graph, quality, split, cpu)
        if runnable != graph:
            manifest = _unverified(manifest, chosen.name)
        commit(Bundle(folder=opened.folder, manifest=manifest), chosen, graph)
    return Bundle.open(folder)


def new_recipe(name: str, bundle: Bundle) -> Recipe:
    """The recipe of that name, for a bundle that lacks its variant."""
    recipe = find_recipe(name)
    if name in bundle.manifest.variants:
        raise BundleExistsError(
            f"{bundle.folder} has a variant {name!r} already; export the model again to remake it"
        )
    return recipe


def source_of(bundle: Bundle, recipe: Recipe) -> Variant:
    """The fp32 variant that a recipe starts from."""
    for target in recipe.source_targets:
        for variant in bundle.manifest.variants.values():
            if (variant.precision, variant.target) == ("fp32", target):
                return variant
    first = recipe.source_targets[0]
    raise ConfigError(
        f"recipe {recipe.name!r} starts from the fp32 graph for {first}, which {bundle.folder} "
        f"lacks; export with target={CPU_EQUIVALENTS.get(first, first)!r}"
    )


def _cpu_equivalent(bundle: Bundle, source: Variant) -> Variant:
    """The fp32 variant that computes the same on a CPU; `source` if there is none.

    Export has compared a graph without padding with torch in fp32. So the error of half precision
    is measured on the graph with padding.
    """
    target = CPU_EQUIVALENTS.get(source.target, source.target)
    variants = bundle.manifest.variants.values()
    same = (one for one in variants if (one.precision, one.target) == ("fp32", target))
    return next(same, source)


def _unverified(manifest: Manifest, name: str) -> Manifest:
    """Mark a variant as never run."""
    variant = replace(manifest.variants[name], needs="cuda", verified=False)
    return replace(manifest, variants={**manifest.variants, name: variant})


def _measure(bundle: Bundle, exact: Path, graph: Path, recipe: Recipe, split: TextSplit) -> Quality:
    comparison = comparison_of(bundle.manifest)
    return compare(
        comparison,
        graph_runner(graph, comparison.outputs),
        graph_runner(exact, comparison.outputs),
        Feeder.of(bundle),
        split.quality,
        threshold=recipe.thresholds[comparison.metric],
        data=split.source,
    )


def commit(bundle: Bundle, recipe: Recipe, graph: Path) -> None:
    """Add a variant to a bundle, with self-test samples if it runs here.

    Args:
        bundle: its folder, and its new manifest.
        recipe: of the new variant.
        graph: the variant's graph, in the staging area.
    """
    staging, manifest, files = graph.parent, bundle.manifest, {recipe.file: graph.name}
    if manifest.variants[recipe.name].verified:
        draft, path = staging / DRAFT_NAME, samples_path(recipe.name)
        draft.write_text(record(bundle, recipe.name, graph).to_json(), encoding="utf-8")
        files[path] = draft.name
        manifest = replace(manifest, files={**manifest.files, path: hash_file(draft)})
    card = updated_card(bundle.folder, manifest)
    add_to_bundle(bundle.folder, staging, files, manifest, card)


def extended(
    manifest: Manifest,
    recipe: Recipe,
    source: Variant,
    graph: Path,
    quality: Quality,
    split: TextSplit,
    cpu: str,
) -> Manifest:
    """A bundle's manifest with a recipe's variant."""
    calibrated = recipe.linears is not None and recipe.linears.needs_statistics
    calibration = {"calibration": split.calibration_source} if calibrated else {}
    variant = replace(
        source,
        file=recipe.file,
        files=(recipe.file,),
        precision=recipe.precision,
        recipe=recipe.name,
        min_onnxruntime=recipe.min_onnxruntime or source.min_onnxruntime,
        parity=None,
        quality={**quality.to_manifest(), **calibration},
        batch_invariant=recipe.batch_invariant,
        cpu=None if recipe.linears is None else cpu,
    )
    return replace(
        manifest,
        variants={**manifest.variants, recipe.name: variant},
        files={**manifest.files, recipe.file: hash_file(graph)},
    )
