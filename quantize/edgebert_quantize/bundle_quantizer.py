"""Quantize a bundle's fp32 graph, measure the result, and add it as a variant."""

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Final, NamedTuple

import onnx

from edgebert_quantize.calibration.text_split import Feeder, TextSplit, read_text_split
from edgebert_quantize.evaluation.quality import Quality
from edgebert_quantize.evaluation.quality_meter import QualityMeter
from edgebert_quantize.evaluation.runnable_equivalent import runnable_equivalent
from edgebert_quantize.evaluation.speed import Speed, require_speedup
from edgebert_quantize.evaluation.target_cpu import (
    INSTRUCTION_SETS,
    LARGEST_WEIGHT,
    CpuName,
    choose_cpu,
    this_cpu,
)
from edgebert_quantize.model_card import updated_card
from edgebert_quantize.native_variant import native_variant, timed_beside
from edgebert_quantize.new_variant import Form, NewVariant, new_variant
from edgebert_quantize.recipes import CPU_EQUIVALENTS, Recipe, RecipeName
from edgebert_quantize.rewrite.rewrite import Output, rewrite_graph
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Variant, Way, hash_file
from edgebert_runtime.bundle.manifest_values import STOCK
from edgebert_runtime.bundle.staging import add_to_bundle, replace_in_bundle, staging_area
from edgebert_runtime.bundle.variants import samples_path, with_samples
from edgebert_runtime.bundle.weight_sharing import external_ranges
from edgebert_runtime.engine.opsets import oldest_engine
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.progress import ProgressCallback, ProgressOption, steps
from edgebert_runtime.storage.text_file import write_text
from edgebert_runtime.verification.sample_recorder import record

DRAFT_NAME: Final = "samples-{}.json"
"""File of a variant's self-test samples in the staging area."""


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
        cpu: the class to quantize for, `dotprod` (x86 with VNNI, arm64) or `avx2` (no VNNI:
            weights have 7 bits, exact on every CPU); None takes this machine's.
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
        outputs = {form: form.output(staging) for form in new.forms}
        of_a_class = f", for {cpu}" if chosen.linears else ""
        tell(f"quantizing {source.file} by recipe {chosen.name}{of_a_class}")
        rewrite_graph(
            opened.path_of(source.file),
            list(outputs.values()),
            chosen,
            lambda: Feeder.of(opened).calibration(split),
            LARGEST_WEIGHT[cpu],
        )
        exact = opened.path_of(_cpu_equivalent(opened, source).file)
        meter = QualityMeter(opened, exact, split, chosen)
        made = _measured(outputs, new, exact, meter, source, split, cpu, tell)
        fp32, feeds = opened.path_of(source.file), Feeder.of(opened).long(split.quality)
        if not force:
            name, (variant, graph) = made.popitem()  # the one that runs here
            speed = require_speedup(graph, fp32, chosen, cpu, feeds, tell)
            made[name] = Made(with_speed(variant, speed, cpu), graph)
        if new.native is not None:
            first = next(iter(made.values()))
            timed = timed_beside(fp32, feeds, chosen.name, wanted=not force and cpu == this_cpu())
            native = native_variant(new.native, *first, meter, timed, cpu, tell)
            made |= {} if native is None else {new.native.name: Made(*native)}
        tell("adding the variant to the bundle")
        commit(opened, new, made)
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


def _measured(
    outputs: Mapping[Form, Output],
    new: NewVariant,
    exact: Path,
    meter: QualityMeter,
    source: Variant,
    split: TextSplit,
    cpu: CpuName,
    progress: ProgressCallback,
) -> dict[str, "Made"]:
    """Name → variant, each measured against fp32.

    Raises:
        QualityError: one is below the recipe's threshold.
    """
    recipe = new.recipe
    if meter.uncompared is not None:
        progress(
            f"fp32 gives no {meter.uncompared} for these texts: only scores are compared; "
            "give texts that have some to compare these, too"
        )
    made = {}
    for form, (graph, _) in outputs.items():
        progress(f"measuring the quality of {form.name} against fp32")
        runnable = runnable_equivalent(graph, exact, recipe, source.target)
        quality = meter.measure(runnable)
        quality.require()
        variant = variant_of(new, form, graph, source, quality, split, cpu)
        if runnable != graph:
            variant = replace(variant, needs="cuda", verified=False)
        made[form.name] = Made(variant, graph)
    return made


class Made(NamedTuple):
    """What is known about a variant that was made, and its graph in the staging area."""

    variant: Variant
    graph: Path


def commit(
    bundle: Bundle, new: NewVariant, made: Mapping[str, Made], budget: str | None = None
) -> None:
    """Add variants to a bundle, with self-test samples if they run here.

    Args:
        bundle: as it is.
        new: their names and places.
        made: name → variant; their graphs are in one staging area.
        budget: of a search, as it was given.
    """
    staging = next(iter(made.values())).graph.parent
    names = {variant.file: graph.name for variant, graph in made.values()}
    files = {variant.file: hash_file(graph) for variant, graph in made.values()}
    variants = {name: variant for name, (variant, _) in made.items()}
    manifest = new.added_to(bundle.manifest, variants, files, budget)
    for name, (variant, graph) in made.items():
        if not variant.verified:
            continue
        for way in variant.ways:
            draft, path = staging / DRAFT_NAME.format(f"{name}-{way}"), samples_path(name, way)
            drafted = Bundle(folder=bundle.folder, manifest=manifest)
            recorded = record(drafted, name, graph, way=way)
            write_text(draft, recorded.to_json())
            names[path] = draft.name
            before, samples = manifest.variants[name], {manifest.default_task: path}
            manifest = replace(
                manifest,
                variants={**manifest.variants, name: with_samples(before, samples, way)},
                files={**manifest.files, path: hash_file(draft)},
            )
    put = replace_in_bundle if new.overwrite else add_to_bundle
    put(bundle.folder, staging, names, manifest, updated_card(bundle.folder, manifest))


def variant_of(
    new: NewVariant,
    form: Form,
    graph: Path,
    source: Variant,
    quality: Quality,
    split: TextSplit,
    cpu: CpuName,
) -> Variant:
    """What the manifest says of a quantized variant.

    Args:
        new: its recipe.
        form: which of its graphs.
        graph: the graph's file.
        source: the fp32 variant it was made from.
        quality: as measured.
        split: the texts of calibration and measurement.
        cpu: the class of CPU that it is for.
    """
    recipe = new.recipe
    calibrated = recipe.linears is not None and recipe.linears.needs_statistics
    calibration = {"calibration": split.calibration_source} if calibrated else {}
    model = onnx.load(graph, load_external_data=False)
    opset = max(each.version for each in model.opset_import if not each.domain)
    least = recipe.min_onnxruntime or source.min_onnxruntime
    external = external_ranges(graph, form.file)
    return replace(
        source,
        file=form.file,
        files=(form.file, *(each.file for each in external)),
        external=external,
        precision=recipe.precision,
        recipe=recipe.name,
        target=form.target or source.target,
        opset=opset,
        ir_version=model.ir_version,
        min_onnxruntime=oldest_engine(opset) if form.lowered else least,
        fusions={**source.fusions, "attention": 0} if form.lowered else source.fusions,
        parity=None,
        batch_invariant=recipe.batch_invariant,
        instruction_sets=INSTRUCTION_SETS[cpu] if recipe.precision == "int8" else (),
        ways={STOCK: Way(scheme=recipe.scheme, quality={**quality.to_manifest(), **calibration})},
    )


def with_speed(variant: Variant, speed: Speed | None, cpu: CpuName) -> Variant:
    """A variant with its speed beside fp32; as it is if nothing was measured."""
    way = replace(variant.way, speed=None if speed is None else speed.to_manifest(cpu))
    return replace(variant, ways={STOCK: way})
