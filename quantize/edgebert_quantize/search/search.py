"""Quantize a bundle as far as a budget allows, and show what there was to choose from."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from edgebert_quantize._version import __version__
from edgebert_quantize.calibration.samples import Feeder, Samples, read_samples
from edgebert_quantize.evaluation.labelled_data import Labelled, read_labelled
from edgebert_quantize.evaluation.quality import quality_of
from edgebert_quantize.evaluation.speed import shortened
from edgebert_quantize.evaluation.target_cpu import LARGEST_WEIGHT, choose_cpu, this_cpu
from edgebert_quantize.quantize_bundle import commit, extended, new_recipe, source_of
from edgebert_quantize.recipes import FLOAT, Recipe
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
    Progress,
    Track,
    assignments,
    explore,
    in_words,
    no_track,
)
from edgebert_quantize.search.measurement_cache import Ledger
from edgebert_quantize.search.trials import Evaluator, Point, Trials
from edgebert_quantize.similarity import comparison_of
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.staging import staging_area
from edgebert_runtime.engine.onnxruntime import import_engine
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import BudgetError, ConfigError
from edgebert_runtime.storage.cache_dir import default_cache_dir


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a search found.

    Attributes:
        bundle: the bundle, with the variant that was chosen.
        budget: what was to be kept.
        frontier: every graph that was measured, from the cheapest to the most exact.
        chosen: that of them which is the variant now; None if none keeps the budget.
        exact: what fp32's answers are worth.
    """

    bundle: Bundle
    budget: Budget
    frontier: Sequence[Point]
    chosen: Point | None
    exact: Measured

    def require(self) -> Point:
        """What was chosen.

        Raises:
            BudgetError: nothing was; says what the best is.
        """
        if self.chosen is None:
            raise BudgetError(_best_in_words(self), self)
        return self.chosen


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
    progress: Progress = lambda _: None,
    track: Track[Any] = no_track,
) -> Search:
    """Add the cheapest variant that keeps a budget; nothing is written if none does.

    What each layer loses in each scheme is measured on texts that calibration saw, the graphs that
    follow from it on texts it did not see. Both are remembered: a second search is short.

    Args:
        bundle: the bundle or its folder.
        budget: limits separated by commas, of `cosine>=0.999` (or `scores>=`, for other tasks: mean
            nearness to fp32), `worst>=0.99` (of a single text) and `accuracy_drop<=0.5%`.
        recipe: whose schemes layers may have, besides staying float32; it needs more than none.
        evaluation: for `accuracy_drop`, a file with columns `text`, `label` and perhaps
            `text_pair`; none of its texts is calibrated on.
        cpu: as in `quantize_bundle`; for another class than this machine's nothing is timed.
        texts: as in `quantize_bundle`.
        column: as in `quantize_bundle`.
        force: take what keeps the budget even if it is slower than fp32 here.
        cache_dir: where measurements are remembered; None takes the user's cache of edgebert.
        progress: told each step.
        track: shows how far long steps are.

    Raises:
        BudgetError: no assignment keeps it; the text has the best that was found.
        ConfigError: the budget is none, or goes not with the bundle or the recipe.
        InputError: a file cannot be used.
        BundleExistsError: the bundle has this variant already.
        ExportError: the graph has nothing to quantize, or is quantized already.
        SpeedError: what keeps the budget is slower than fp32.
    """
    folder = Bundle.open(bundle).folder
    cpu = choose_cpu(cpu)
    samples = read_samples(texts, column)
    with staging_area(folder) as staging:
        opened = Bundle.open(folder)
        chosen = _searchable(new_recipe(recipe, opened))
        limits = parse_budget(budget, comparison_of(opened.manifest).nearness)
        labelled = _labelled(limits, evaluation, opened)
        samples = without(samples, labelled)
        ledger = Ledger(
            default_cache_dir() if cache_dir is None else Path(cache_dir),
            _about(opened, chosen, cpu, samples, labelled),
        )
        progress(f"calibrating for {cpu} by recipe {chosen.name}")
        trials = _trials(opened, staging, chosen, cpu, samples, labelled, ledger)
        search = _search(opened, chosen, limits, trials, progress, track)
        found = search.require()
        if found.speed is not None and chosen.fast and not force:
            found.speed.require(chosen.name)
        progress("adding the variant to the bundle")
        _add(search, found, staging, chosen, cpu, samples, trials)
    return replace(search, bundle=Bundle.open(folder))


def _trials(
    bundle: Bundle,
    staging: Path,
    recipe: Recipe,
    cpu: str,
    samples: Samples,
    labelled: Labelled | None,
    ledger: Ledger,
) -> Trials:
    """Calibrate, and make ready to measure."""
    source, feeder = bundle.path_of(source_of(bundle, recipe).file), Feeder.of(bundle)
    prepared = prepare_graph(
        source, staging, recipe, lambda: feeder.calibration(samples), LARGEST_WEIGHT[cpu]
    )
    evaluator = Evaluator(source, comparison_of(bundle.manifest), feeder, samples, labelled)
    timed = shortened(feeder.long(samples.quality)) if cpu == this_cpu() else None
    return Trials(prepared, source, staging, evaluator, ledger, timed)


def _search(
    bundle: Bundle,
    recipe: Recipe,
    budget: Budget,
    trials: Trials,
    progress: Progress,
    track: Track[Any],
) -> Search:
    states = assignments(recipe, trials, track)
    found, frontier = explore(states, trials, budget, progress, track)
    return Search(bundle=bundle, budget=budget, frontier=frontier, chosen=found, exact=trials.exact)


def _add(
    search: Search,
    found: Point,
    staging: Path,
    recipe: Recipe,
    cpu: str,
    samples: Samples,
    trials: Trials,
) -> None:
    """Make what was found once more, hold it to its floor, and add it to the bundle."""
    bundle, comparison = search.bundle, comparison_of(search.bundle.manifest)
    graph = staging / Path(recipe.file).name
    trials.write(found.assignment, graph)
    quality = quality_of(
        trials.nearness(graph),
        comparison,
        samples.quality,
        floor=search.budget.floor(recipe.floors[comparison.nearness]),
        data=samples.source,
    )
    quality.require()
    source = source_of(bundle, recipe)
    manifest = extended(bundle.manifest, recipe, source, graph, quality, samples, cpu)
    variant = manifest.variants[recipe.name]
    recorded = {**(variant.quality or {}), **_record(search.budget, found, search.exact)}
    variants = {**manifest.variants, recipe.name: replace(variant, quality=recorded)}
    manifest = replace(manifest, variants=variants)
    commit(Bundle(folder=bundle.folder, manifest=manifest), recipe, graph)


def without(samples: Samples, labelled: Labelled | None) -> Samples:
    """Samples that share no text with labelled ones to calibrate on."""
    if labelled is None:
        return samples
    items = (item if isinstance(item, tuple) else (item,) for item in labelled.items)
    judged = {text.strip() for item in items for text in item}
    kept = tuple(text for text in samples.calibration if text not in judged)
    if not kept:
        raise ConfigError(
            f"all texts to calibrate on are in {labelled.source}, which accuracy is measured on; "
            "give others with texts (--texts)"
        )
    return replace(samples, calibration=kept, judged=frozenset(judged))


def _searchable(recipe: Recipe) -> Recipe:
    if recipe.linears is None or not set(recipe.linears.schemes) <= COSTS.keys():
        raise ConfigError(f"recipe {recipe.name!r} leaves nothing to search; use int8")
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


def _about(
    bundle: Bundle,
    recipe: Recipe,
    cpu: str,
    samples: Samples,
    labelled: Labelled | None,
) -> dict[str, Any]:
    """Everything that what is measured depends on."""
    source = source_of(bundle, recipe)
    texts = [samples.calibration, samples.quality, labelled and asdict(labelled)]
    return {
        "files": [
            bundle.manifest.files[path].sha256
            for path in (*source.files, bundle.manifest.tokenizer.file)
        ],
        "recipe": repr(recipe),
        "cpu": [cpu, usable_cores()],
        "texts": hashlib.sha256(json.dumps(texts).encode()).hexdigest(),
        "versions": [__version__, str(import_engine().__version__)],
    }


def _best_in_words(search: Search) -> str:
    points = search.frontier
    best = max(points, key=lambda point: (point.measured.accuracy or 0, point.measured.mean))
    dropped = ""
    if best.measured.accuracy is not None:
        dropped = f", accuracy {100 * accuracy_drop(best.measured, search.exact):.2f} points lower"
    return (
        f"no assignment keeps {search.budget.text!r}; the best has {in_words(best.assignment)}: "
        f"nearness to fp32 {best.measured.mean:.5f} on average and {best.measured.worst:.5f} at "
        f"worst{dropped}. Nothing was written"
    )


def _record(budget: Budget, found: Point, exact: Measured) -> dict[str, Any]:
    """What the manifest says of a search."""
    record: dict[str, Any] = {
        "budget": budget.text,
        "layers": dict(found.assignment.counts),
        "tables": "int8" if found.assignment.tables else FLOAT,
    }
    if found.measured.accuracy is not None:
        record["accuracy"] = {"fp32": exact.accuracy, "quantized": found.measured.accuracy}
    return record
