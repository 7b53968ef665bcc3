"""Search for the cheapest quantized variant within a budget of quality."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple

from edgebert_quantize._version import __version__
from edgebert_quantize.bundle_quantizer import commit, extended, new_recipe, source_of
from edgebert_quantize.calibration.text_split import Feeder, TextSplit, read_text_split
from edgebert_quantize.evaluation.labelled_data import Labelled, read_labelled
from edgebert_quantize.evaluation.quality import summarize_quality
from edgebert_quantize.evaluation.speed import shortened
from edgebert_quantize.evaluation.target_cpu import LARGEST_WEIGHT, CpuName, choose_cpu, this_cpu
from edgebert_quantize.recipes import FLOAT, Recipe, RecipeName, format_counts
from edgebert_quantize.rewrite.rewrite import prepare_graph
from edgebert_quantize.search.budget import (
    ACCURACY_DROP,
    Budget,
    Measured,
    accuracy_drop,
    parse_budget,
)
from edgebert_quantize.search.explore import (
    COSTS,
    Track,
    assignments,
    describe,
    explore,
    no_track,
)
from edgebert_quantize.search.measurement_cache import MeasurementCache
from edgebert_quantize.search.trials import Evaluator, Point, Trials
from edgebert_quantize.similarity import comparison_of
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import Variant
from edgebert_runtime.bundle.staging import staging_area
from edgebert_runtime.engine.onnxruntime import import_engine
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import BudgetError, ConfigError
from edgebert_runtime.inference.reports import Report, aligned, to_plain
from edgebert_runtime.measurement.units import MEBIBYTE
from edgebert_runtime.progress import ProgressOption, steps
from edgebert_runtime.storage.cache_dir import default_cache_dir

COLUMNS: Final = ("layers", "tables", "MiB", "ms", "time over fp32", "similarity", "worst")


@dataclass(frozen=True, kw_only=True, repr=False)
class Search(Report):
    """Result of a search.

    Attributes:
        bundle: the bundle, with the chosen variant.
        budget: the limits.
        frontier: every measured graph, from the cheapest to the most exact.
        chosen: the point that is the variant now; None if none meets the budget.
        exact: quality of fp32.
    """

    bundle: Bundle
    budget: Budget
    frontier: Sequence[Point]
    chosen: Point | None
    exact: Measured

    def to_dict(self) -> dict[str, Any]:
        """The fields by name; the bundle is its folder."""
        shown = ("budget", "frontier", "chosen", "exact")
        return {"bundle": str(self.bundle.folder), **{n: to_plain(getattr(self, n)) for n in shown}}

    def __str__(self) -> str:
        return "\n".join(aligned(self.columns, [self.row(point) for point in self.frontier]))

    @property
    def columns(self) -> Sequence[str]:
        """What stands above the frontier's table."""
        labelled = self.exact.accuracy is not None
        return [*COLUMNS, *(["accuracy lost"] if labelled else []), "meets the budget"]

    def row(self, point: Point) -> Sequence[str]:
        """A point's cells below `columns`; an arrow marks the chosen one."""
        layers = format_counts(point.assignment.counts)
        ratio = None if point.speed is None else sorted(point.speed.ratios)
        labelled = self.exact.accuracy is not None
        return [
            f"→ {layers}" if point == self.chosen else layers,
            "int8" if point.assignment.tables else FLOAT,
            f"{point.size_bytes / MEBIBYTE:.1f}",
            "" if point.milliseconds is None else f"{point.milliseconds:.2f}",
            "" if ratio is None else f"{ratio[len(ratio) // 2]:.2f}",
            f"{point.measured.mean:.5f}",
            f"{point.measured.worst:.5f}",
            *([f"{100 * accuracy_drop(point.measured, self.exact):.2f} %"] if labelled else []),
            "yes" if self.budget.is_met_by(point.measured, self.exact) else "no",
        ]

    def require(self) -> Point:
        """The chosen point.

        Raises:
            BudgetError: none meets the budget; the text describes the best.
        """
        if self.chosen is None:
            raise BudgetError(_describe_best(self), self)
        return self.chosen


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
        budget: limits separated by commas, of `cosine>=0.999` (or `scores>=`, for other tasks: mean
            similarity to fp32), `worst>=0.99` (of a single text) and `accuracy_drop<=0.5%`.
        recipe: its schemes, and float32, are what a layer can have.
        evaluation: for `accuracy_drop`, a file with columns `text`, `label` and, for pairs,
            `text_pair`; none of its texts is used for calibration.
        cpu: as in `quantize_bundle`; nothing is timed for another class than this machine's.
        texts: as in `quantize_bundle`.
        column: as in `quantize_bundle`.
        force: accept a variant that is slower than fp32 on this machine.
        cache_dir: where measurements are cached; None is edgebert's cache folder of the user.
        progress: as in `quantize_bundle`.
        track: shows progress within long steps.

    Raises:
        BudgetError: no assignment meets it; the text describes the best.
        ConfigError: the budget is malformed, or does not apply to the bundle or the recipe.
        InputError: a file cannot be used.
        BundleExistsError: the bundle has this variant already.
        ExportError: the graph has nothing to quantize, or is quantized already.
        SpeedError: the variant that meets the budget is slower than fp32.
    """
    folder = Bundle.open(bundle).folder
    cpu = choose_cpu(cpu)
    split = read_text_split(texts, column)
    with steps(progress) as tell, staging_area(folder) as staging:
        opened = Bundle.open(folder)
        chosen = _searchable(new_recipe(recipe, opened))
        limits = parse_budget(budget, comparison_of(opened.manifest).metric)
        labelled = _labelled(limits, evaluation, opened)
        task = _Task(opened, staging, chosen, cpu, without(split, labelled), labelled)
        tell(f"calibrating for {cpu} by recipe {chosen.name}")
        trials = _trials(task, default_cache_dir() if cache_dir is None else Path(cache_dir))
        states = assignments(chosen, trials, track)
        best, frontier = explore(states, trials, limits, tell, track)
        search = Search(
            bundle=opened, budget=limits, frontier=frontier, chosen=best, exact=trials.exact
        )
        found = search.require()
        if found.speed is not None and chosen.must_be_faster and not force:
            found.speed.require(chosen.name)
        tell("adding the variant to the bundle")
        _add(task, search, found, trials)
    return replace(search, bundle=Bundle.open(folder))


class _Task(NamedTuple):
    """What is quantized, and on which texts; `staging` is a folder for files."""

    bundle: Bundle
    staging: Path
    recipe: Recipe
    cpu: CpuName
    split: TextSplit
    labelled: Labelled | None

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
    evaluator = Evaluator(source, comparison_of(bundle.manifest), feeder, split, task.labelled)
    timed = shortened(feeder.long(split.quality)) if task.cpu == this_cpu() else None
    cache = MeasurementCache(cache_dir, _about(task))
    return Trials(prepared, source, task.staging, evaluator, cache, timed)


def _add(task: _Task, search: Search, found: Point, trials: Trials) -> None:
    """Write the chosen graph again, require its threshold, and add it to the bundle."""
    bundle, recipe, split = task.bundle, task.recipe, task.split
    comparison = comparison_of(bundle.manifest)
    graph = task.staging / Path(recipe.file).name
    trials.write(found.assignment, graph)
    quality = summarize_quality(
        trials.similarities(graph),
        comparison,
        split.quality,
        threshold=search.budget.threshold(recipe.thresholds[comparison.metric]),
        data=split.source,
    )
    quality.require()
    manifest = extended(bundle.manifest, recipe, task.source, graph, quality, split, task.cpu)
    variant = manifest.variants[recipe.name]
    fields = {**(variant.quality or {}), **_search_fields(search.budget, found, search.exact)}
    variants = {**manifest.variants, recipe.name: replace(variant, quality=fields)}
    manifest = replace(manifest, variants=variants)
    commit(Bundle(folder=bundle.folder, manifest=manifest), recipe, graph)


def without(split: TextSplit, labelled: Labelled | None) -> TextSplit:
    """A split without calibration texts that are labelled texts, too."""
    if labelled is None:
        return split
    items = (item if isinstance(item, tuple) else (item,) for item in labelled.items)
    excluded = {text.strip() for item in items for text in item}
    remaining = tuple(text for text in split.calibration if text not in excluded)
    if not remaining:
        raise ConfigError(
            f"all calibration texts are in {labelled.source}, which accuracy is measured on; "
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
    if (evaluation is None) != (budget.accuracy_drop is None):
        raise ConfigError(
            f"{ACCURACY_DROP} in the budget and labelled texts to measure it on (--eval) go "
            "together; one of them is missing"
        )
    return None if evaluation is None else read_labelled(evaluation, bundle)


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
        "versions": [__version__, str(import_engine().__version__)],
    }


def _describe_best(search: Search) -> str:
    points = search.frontier
    best = max(points, key=lambda point: (point.measured.accuracy or 0, point.measured.mean))
    dropped = ""
    if best.measured.accuracy is not None:
        dropped = f", accuracy {100 * accuracy_drop(best.measured, search.exact):.2f} points lower"
    return (
        f"no assignment meets {search.budget.text!r}; the best has {describe(best.assignment)}: "
        f"similarity to fp32 {best.measured.mean:.5f} on average and {best.measured.worst:.5f} at "
        f"worst{dropped}. Nothing was written"
    )


def _search_fields(budget: Budget, found: Point, exact: Measured) -> dict[str, Any]:
    """Fields that a search adds to the `quality` of a variant (docs/bundle-format.md)."""
    fields: dict[str, Any] = {
        "budget": budget.text,
        "layers": dict(found.assignment.counts),
        "tables": "int8" if found.assignment.tables else FLOAT,
    }
    if found.measured.accuracy is not None:
        fields["accuracy"] = {"fp32": exact.accuracy, "quantized": found.measured.accuracy}
    return fields
