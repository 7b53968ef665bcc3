"""Search for the cheapest quantized variant within a budget of quality."""

import hashlib
import json
from dataclasses import asdict, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple

from edgebert_quantize._version import __version__
from edgebert_quantize.bundle_quantizer import Made, commit, source_of, variant_of, with_speed
from edgebert_quantize.calibration.text_split import Feeder, TextSplit, read_text_split
from edgebert_quantize.evaluation.agreement import AgreementEvaluator, quality_items
from edgebert_quantize.evaluation.labelled_data import Labelled, require_classifier
from edgebert_quantize.evaluation.pairs import read_evaluation, require_vectors
from edgebert_quantize.evaluation.quality import summarize_quality
from edgebert_quantize.evaluation.quality_meter import QualityMeter
from edgebert_quantize.evaluation.speed import shortened
from edgebert_quantize.evaluation.target_cpu import LARGEST_WEIGHT, CpuName, choose_cpu, this_cpu
from edgebert_quantize.native_variant import native_variant, timed_beside
from edgebert_quantize.new_variant import NewVariant, new_variant
from edgebert_quantize.recipes import FLOAT, Recipe, RecipeName
from edgebert_quantize.rewrite.rewrite import prepare_graph
from edgebert_quantize.search.budget import Budget, parse_budget
from edgebert_quantize.search.explore import (
    COSTS,
    Track,
    assignments,
    explore,
    no_track,
)
from edgebert_quantize.search.measurement_cache import MeasurementCache
from edgebert_quantize.search.native import why_not_native
from edgebert_quantize.search.result import Search
from edgebert_quantize.search.trials import Evaluator, Point, Trials
from edgebert_quantize.similarity import comparison_of
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Variant
from edgebert_runtime.bundle.manifest_values import STOCK
from edgebert_runtime.bundle.staging import staging_area
from edgebert_runtime.engine.onnxruntime import import_engine
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.progress import ProgressCallback, ProgressOption, steps
from edgebert_runtime.storage.cache_dir import default_cache_dir
from edgebert_runtime.tasks.registry import require_task

POINT_FORMAT: Final = 4
"""Rises when a cached point gets other fields, or is measured in another way."""


def quantize_within(
    bundle: Bundle | str | PathLike[str],
    budget: str,
    recipe: RecipeName = "int8",
    *,
    evaluation: str | PathLike[str] | None = None,
    cpu: CpuName | None = None,
    texts: str | PathLike[str] | None = None,
    column: str | None = None,
    force: bool = False,
    name: str | None = None,
    overwrite: bool = False,
    keep_default: bool = False,
    cache_dir: str | PathLike[str] | None = None,
    progress: ProgressOption = None,
    track: Track[Any] = no_track,
) -> Search:
    """Add the cheapest variant that meets a budget; nothing is written if none does.

    The loss of each layer in each scheme is measured on calibration texts. The graphs of the
    resulting frontier are measured on held-out texts. Both measurements are cached, so a second
    search is short.

    Args:
        bundle: the bundle or its folder.
        budget: limits separated by commas, of `cosine>=0.999` (for other tasks `scores>=` or
            `values>=`: mean similarity to fp32), `worst>=0.99` (of a single text),
            `agreement>=0.99` (of the answers with those of fp32), `accuracy_drop<=0.5%` and, for
            vectors, `recall_drop<=3%` (of recall@1). A limit on what rows lose needs as many rows
            that one of them is no more than the limit: 200 rows for 0.5%, where % means
            percentage points.
        recipe: its schemes, and float32, are what a layer can have.
        evaluation: for `accuracy_drop`, a file with columns `text`, `label` and, for pairs,
            `text_pair`; for `recall_drop`, columns `text` and `positive`. None of its texts is
            used for calibration.
        cpu: as in `quantize_bundle`; nothing is timed for another class than this machine's.
        texts: as in `quantize_bundle`.
        column: as in `quantize_bundle`.
        force: accept a variant that is slower than fp32 on this machine.
        name: as in `quantize_bundle`.
        overwrite: as in `quantize_bundle`.
        keep_default: as in `quantize_bundle`.
        cache_dir: where measurements are cached; None is edgebert's cache folder of the user.
        progress: as in `quantize_bundle`.
        track: shows progress within long steps.

    Raises:
        BudgetError: no assignment meets it; the text describes the best.
        ConfigError: the budget is malformed, does not apply to the bundle or the recipe, or needs
            more labelled rows.
        InputError: a file cannot be used.
        BundleExistsError: the bundle has a variant of this name already.
        ExportError: the graph has nothing to quantize, or is quantized already.
        SpeedError: the variant that meets the budget is slower than fp32.
    """
    folder = Bundle.open(bundle).folder
    cpu = choose_cpu(cpu)
    split = read_text_split(texts, column)
    with steps(progress) as tell, staging_area(folder) as staging:
        opened = Bundle.open(folder)
        new = new_variant(recipe, opened, name=name, overwrite=overwrite, keep_default=keep_default)
        chosen = _searchable(new.recipe)
        answers = require_task(opened.manifest.default_task).agreement
        metric = comparison_of(opened.manifest).metric
        limits = parse_budget(budget, metric, answers=answers is not None)
        labelled = _labelled(limits, evaluation, opened)
        task = _Task(opened, staging, new, cpu, without(split, labelled), labelled)
        tell(f"calibrating for {cpu} by recipe {chosen.name}")
        trials = _trials(task, default_cache_dir() if cache_dir is None else Path(cache_dir))
        states = assignments(chosen, trials, track)
        best, frontier = explore(states, trials, limits, tell, track)
        search = Search(
            bundle=opened,
            budget=limits,
            frontier=frontier,
            chosen=best,
            exact=trials.exact,
            source_bytes=opened.size_bytes(task.source),
        )
        found = search.require()
        if found.speed is not None and chosen.must_be_faster and not force:
            found.speed.require(chosen.name)
        tell("adding the variant to the bundle")
        made = _made(task, search, found, trials)
        made |= _native(
            task, search.budget, found, next(iter(made.values())), tell, timed=not force
        )
        commit(opened, new, made, limits.text)
    return replace(search, bundle=Bundle.reopen(bundle))


class _Task(NamedTuple):
    """What is quantized, and on which texts; `staging` is a folder for files."""

    bundle: Bundle
    staging: Path
    new: NewVariant
    cpu: CpuName
    split: TextSplit
    labelled: Labelled | None

    @property
    def recipe(self) -> Recipe:
        """Its schemes are what a layer can have."""
        return self.new.recipe

    @property
    def source(self) -> Variant:
        """The fp32 variant."""
        return source_of(self.bundle, self.recipe)


def _trials(task: _Task, cache_dir: Path | None) -> Trials:
    """Calibrate, and set up the measurements."""
    bundle, split = task.bundle, task.split
    source, feeder = bundle.path_of(task.source.file), Feeder.of(bundle)
    largest, batches = LARGEST_WEIGHT[task.cpu], partial(feeder.calibration, split)
    prepared = prepare_graph(source, task.staging, task.recipe, batches, largest)
    agreements = AgreementEvaluator(bundle, source, split.quality)
    comparison = comparison_of(bundle.manifest)
    evaluator = Evaluator(source, comparison, feeder, split, task.labelled, agreements)
    timed = shortened(feeder.long(split.quality)) if task.cpu == this_cpu() else None
    cache = MeasurementCache(cache_dir, _about(task))
    return Trials(prepared, source, task.staging, evaluator, cache, timed)


def _made(task: _Task, search: Search, found: Point, trials: Trials) -> dict[str, Made]:
    """Write the chosen graph again, and require its threshold."""
    bundle, recipe, split = task.bundle, task.recipe, task.split
    comparison = comparison_of(bundle.manifest)
    outputs = {form: form.output(task.staging) for form in task.new.forms}
    trials.write(found.assignment, list(outputs.values()))
    agreement = found.measured.agreement
    default = recipe.threshold(comparison.metric, None if agreement is None else agreement.metric)
    made = {}
    for form, (graph, _) in outputs.items():
        quality = summarize_quality(
            trials.similarities(graph),
            comparison,
            quality_items(bundle, split.quality),
            threshold=search.budget.threshold(default),
            data=split.source,
            agreement=agreement,
        )
        quality.require()
        variant = variant_of(task.new, form, graph, task.source, quality, split, task.cpu)
        fields = {**(variant.way.quality or {}), **_search_fields(search.budget, found)}
        way = replace(variant.way, quality=fields, scheme=_scheme(found))
        made[form.name] = Made(replace(variant, ways={STOCK: way}), graph)
    name, (variant, graph) = made.popitem()  # of the form that was searched
    made[name] = Made(with_speed(variant, found.speed, task.cpu), graph)
    return made


def _native(
    task: _Task,
    budget: Budget,
    found: Point,
    stock: Made,
    progress: ProgressCallback,
    *,
    timed: bool,
) -> dict[str, Made]:
    """The variant for edgebert-native of the chosen graph, if it has one; says why it has none."""
    form, recipe, bundle = task.new.native, task.recipe, task.bundle
    if form is None:
        return {}
    if reason := why_not_native(found, recipe, budget):
        progress(f"no variant {form.name}: {reason}")
        return {}
    exact = bundle.path_of(task.source.file)
    meter = QualityMeter(bundle, exact, task.split, recipe, budget.threshold)
    feeds = Feeder.of(bundle).long(task.split.quality)
    timer = timed_beside(exact, feeds, recipe.name, wanted=timed and task.cpu == this_cpu())
    native = native_variant(form, *stock, meter, timer, task.cpu, progress)
    return {} if native is None else {form.name: Made(*native)}


def _scheme(found: Point) -> str | None:
    """That of all quantized layers; None where they have several."""
    schemes = found.assignment.counts.keys() - {FLOAT}
    return next(iter(schemes)) if len(schemes) == 1 else None


def without(split: TextSplit, labelled: Labelled | None) -> TextSplit:
    """A split without calibration texts that are labelled texts, too."""
    if labelled is None:
        return split
    items = (item if isinstance(item, tuple) else (item,) for item in labelled.items)
    excluded = {text.strip() for item in items for text in item}
    remaining = tuple(text for text in split.calibration if text not in excluded)
    if not remaining:
        raise ConfigError(
            f"all calibration texts are in {labelled.source}, which quality is measured on; "
            "name a file with other texts (--texts)"
        )
    return replace(split, calibration=remaining, excluded=frozenset(excluded))


def _searchable(recipe: Recipe) -> Recipe:
    if recipe.linears is None or not set(recipe.linears.schemes) <= COSTS.keys():
        raise ConfigError(f"recipe {recipe.name!r} has no schemes to search; use int8")
    return recipe


def _labelled(
    budget: Budget, evaluation: str | PathLike[str] | None, bundle: Bundle
) -> Labelled | None:
    if budget.accuracy_drop is not None:
        require_classifier(bundle)
    if budget.recall_drop is not None:
        require_vectors(bundle)
    if (evaluation is None) != (not budget.drops):
        raise ConfigError(
            "accuracy_drop or recall_drop in the budget and rows to measure it on (--eval) go "
            "together; one of them is missing"
        )
    if evaluation is None:
        return None
    labelled = read_evaluation(evaluation, bundle)
    budget.require_rows(len(labelled.labels), labelled.source)
    return labelled


def _about(task: _Task) -> dict[str, Any]:
    """Everything that measurements depend on."""
    manifest, split, labelled = task.bundle.manifest, task.split, task.labelled
    texts = [split.calibration, split.quality, labelled and asdict(labelled)]
    return {
        "files": [
            manifest.files[path].sha256 for path in (*task.source.files, manifest.tokenizer.file)
        ],
        "recipe": repr(task.recipe),
        "cpu": [task.cpu, usable_cores()],
        "texts": hashlib.sha256(json.dumps(texts).encode()).hexdigest(),
        "point": POINT_FORMAT,
        "versions": [__version__, str(import_engine().__version__)],
    }


def _search_fields(budget: Budget, found: Point) -> dict[str, Any]:
    """Fields that a search adds to the `quality` of a variant (docs/bundle-format.md)."""
    return {
        "budget": budget.text,
        "layers": dict(found.assignment.counts),
        "tables": "int8" if found.assignment.tables else FLOAT,
        **{share: rows.to_manifest() for share, rows in found.measured.on_rows.items()},
    }
