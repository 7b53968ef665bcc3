"""Quantize a bundle's fp32 graph, measure the result, and add it as a variant."""

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Final

from edgebert_quantize.calibration.text_split import Feeder, TextSplit, read_text_split
from edgebert_quantize.evaluation.agreement import AgreementEvaluator, quality_items
from edgebert_quantize.evaluation.quality import Quality, compare, graph_runner
from edgebert_quantize.evaluation.runnable_equivalent import runnable_equivalent
from edgebert_quantize.evaluation.speed import Speed, require_speedup
from edgebert_quantize.evaluation.target_cpu import LARGEST_WEIGHT, CpuName, choose_cpu
from edgebert_quantize.model_card import updated_card
from edgebert_quantize.new_variant import NewVariant, new_variant
from edgebert_quantize.recipes import CPU_EQUIVALENTS, Recipe, RecipeName
from edgebert_quantize.rewrite.rewrite import rewrite_graph
from edgebert_quantize.similarity import comparison_of
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Variant, hash_file
from edgebert_runtime.bundle.staging import add_to_bundle, replace_in_bundle, staging_area
from edgebert_runtime.bundle.variants import samples_path
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.progress import ProgressOption, steps
from edgebert_runtime.verification.sample_recorder import record

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
    name: str | None = None,
    overwrite: bool = False,
    keep_default: bool = False,
    progress: ProgressOption = None,
) -> Bundle:
    """Add a quantized variant to a bundle; nothing is written if its quality is too low.

    The new variant becomes the bundle's default, which `load` runs where nothing else is asked for.

    Args:
        bundle: the bundle or its folder.
        recipe: a name in `RECIPES`.
        cpu: the class to quantize for, `avx512_vnni`, `arm64` or `avx2` (no VNNI: weights have 7
            bits, exact on every CPU); None takes this machine's.
        texts: a file of typical texts for calibration and for measuring, as `read_texts` takes it;
            None takes English sentences that ship with CPython.
        column: of the texts in the file.
        force: skip the comparison of its speed with fp32.
        name: what the variant is called; None for the recipe's name.
        overwrite: replace a variant of that name.
        keep_default: leave the bundle's default as it is.
        progress: who sees the steps. None: lines on standard error if it is a terminal. True:
            elsewhere, too, with a line a minute. False: no output. A function is called with each
            line.

    Returns:
        The bundle with its new variant; the same object, if one was given.

    Raises:
        ConfigError: unknown recipe or class, one that cannot be measured on this CPU, a name that
            cannot be one, or the bundle has no fp32 variant to start from.
        InputError: the file of texts cannot be used.
        BundleExistsError: the bundle has a variant of this name already.
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
        new = new_variant(recipe, opened, name=name, overwrite=overwrite, keep_default=keep_default)
        chosen = new.recipe
        source = source_of(opened, chosen)
        exact = opened.path_of(_cpu_equivalent(opened, source).file)
        graph = staging / Path(new.file).name
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
        speed = None
        if not force:
            feeds = Feeder.of(opened).long(split.quality)
            exact = opened.path_of(source.file)
            speed = require_speedup(graph, exact, chosen, cpu, feeds, tell)
        tell("adding the variant to the bundle")
        variant = variant_of(new, source, quality, split, cpu, speed)
        if runnable != graph:
            variant = replace(variant, needs="cuda", verified=False)
        commit(opened, new, variant, graph)
    return Bundle.reopen(bundle)


def source_of(bundle: Bundle, recipe: Recipe) -> Variant:
    """The fp32 variant that a recipe starts from."""
    for target in recipe.source_targets:
        for variant in bundle.manifest.variants.values():
            if (variant.precision, variant.target) == ("fp32", target):
                return variant
    first = recipe.source_targets[0]
    target = CPU_EQUIVALENTS.get(first, first)
    lacking = (
        f"recipe {recipe.name!r} starts from the fp32 graph for {first}, which {bundle.folder} "
        "lacks; export with"
    )
    raise ConfigError(f"{lacking} target={target!r}", shell=f"{lacking} --target {target}")


def _cpu_equivalent(bundle: Bundle, source: Variant) -> Variant:
    """The fp32 variant that computes the same on a CPU; `source` if there is none.

    Export has compared a graph without padding with torch in fp32. So the error of half precision
    is measured on the graph with padding.
    """
    target = CPU_EQUIVALENTS.get(source.target, source.target)
    variants = bundle.manifest.variants.values()
    same = (one for one in variants if (one.precision, one.target) == ("fp32", target))
    return next(same, source)


def _measure(bundle: Bundle, exact: Path, graph: Path, recipe: Recipe, split: TextSplit) -> Quality:
    comparison = comparison_of(bundle.manifest)
    agreements = AgreementEvaluator(bundle, exact, split.quality)
    return compare(
        comparison,
        graph_runner(graph, comparison.outputs),
        graph_runner(exact, comparison.outputs),
        Feeder.of(bundle),
        quality_items(bundle, split.quality),
        threshold=recipe.threshold(comparison.metric, agreements.metric),
        data=split.source,
        agreement=agreements.measure(graph),
    )


def commit(bundle: Bundle, new: NewVariant, variant: Variant, graph: Path) -> None:
    """Add a variant to a bundle, with self-test samples if it runs here.

    Args:
        bundle: as it is.
        new: the variant's name and place.
        variant: what is known about its graph.
        graph: the graph, in the staging area.
    """
    staging, names = graph.parent, {new.file: graph.name}
    files = {new.file: hash_file(graph)}
    manifest = new.added_to(bundle.manifest, variant, files)
    if variant.verified:
        draft, path = staging / DRAFT_NAME, samples_path(new.name)
        recorded = record(Bundle(folder=bundle.folder, manifest=manifest), new.name, graph)
        draft.write_text(recorded.to_json(), encoding="utf-8")
        names[path] = draft.name
        manifest = replace(manifest, files={**manifest.files, path: hash_file(draft)})
    put = replace_in_bundle if new.overwrite else add_to_bundle
    put(bundle.folder, staging, names, manifest, updated_card(bundle.folder, manifest))


def variant_of(
    new: NewVariant,
    source: Variant,
    quality: Quality,
    split: TextSplit,
    cpu: str,
    speed: Speed | None,
) -> Variant:
    """What the manifest says of a quantized variant.

    Args:
        new: its name and recipe.
        source: the fp32 variant it was made from.
        quality: as measured.
        split: the texts of calibration and measurement.
        cpu: the class of CPU that it is for.
        speed: as measured beside fp32; None if it was not.
    """
    recipe = new.recipe
    calibrated = recipe.linears is not None and recipe.linears.needs_statistics
    calibration = {"calibration": split.calibration_source} if calibrated else {}
    return replace(
        source,
        file=new.file,
        files=(new.file,),
        precision=recipe.precision,
        recipe=recipe.name,
        min_onnxruntime=recipe.min_onnxruntime or source.min_onnxruntime,
        parity=None,
        quality={**quality.to_manifest(), **calibration},
        batch_invariant=recipe.batch_invariant,
        cpu=None if recipe.linears is None else cpu,
        speed=None if speed is None else speed.to_manifest(cpu),
    )
