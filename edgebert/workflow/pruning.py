"""One call from a checkpoint to a narrower one, without training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from edgebert.checkpoints import Checkpoint, read_checkpoint
from edgebert.checkpoints.rewriting import parts_of
from edgebert.checkpoints.saving import check_free, save_checkpoint
from edgebert.checkpoints.tasks import AUTO
from edgebert.compression.distillation.texts import Texts, check_pairs, read_items, split
from edgebert.compression.pruning.pruning import Pruned, Pruning
from edgebert.compression.widths.choice import first_at, least_speedup
from edgebert.compression.widths.costs import LayerCosts, counted_costs
from edgebert.compression.widths.narrowing import Kept, narrowed, widths_in_words
from edgebert.model.config import EncoderConfig
from edgebert.tasks.registry import checkpoint_tasks
from edgebert.training.metrics import require_scikit_learn
from edgebert.workflow.layer_times import Timed, int8_graph, speedups, timed_costs
from edgebert.workflow.plain_torch import plain_torch
from edgebert_runtime.errors import CheckFailedError, ConfigError, InputError
from edgebert_runtime.inference.reports import Report, to_plain
from edgebert_runtime.progress import ProgressCallback, ProgressOption, steps
from edgebert_runtime.tokenization.items import Item

FEWEST: Final = 30
"""Texts to prune by; of fewer, moments say nothing."""

MOST: Final = 2_000
MOST_HELD_OUT: Final = 1_000
"""Texts of a large file that are used: more take memory and time, and change little."""

CORRECTIONS: Final = 2
"""How often widths are chosen again where the model is slower than its layers promised."""

NOISE: Final = 0.02
"""How far a measured speed may be below the one asked for."""


@dataclass(frozen=True, kw_only=True, repr=False)
class PruneReport(Report):
    """A checkpoint that was pruned.

    Attributes:
        out: the folder written.
        task: what it is for.
        heads: of each layer with weights of its own.
        neurons: width of its feed-forward block, likewise.
        heads_before: in all layers together, before.
        neurons_before: likewise.
        multiplications: of a token in the maps of all layers, before over after.
        speed_asked: None where none was asked for.
        speedups: name of a shape → how much faster int8 is than int8 of the whole model, on this
            machine; empty where no speed was asked for.
        texts: that it was pruned by.
        held_out: that it was judged by.
        measured: name of a measure → what was found: against the whole model on the texts held out,
            and on the file with right answers.
    """

    out: Path
    task: str
    heads: tuple[int, ...]
    neurons: tuple[int, ...]
    heads_before: int
    neurons_before: int
    multiplications: float
    speed_asked: float | None
    speedups: Mapping[str, float]
    texts: int
    held_out: int
    measured: Mapping[str, float]


def prune(
    source: str | PathLike[str],
    out: str | PathLike[str],
    *,
    texts: str | PathLike[str],
    speed: float | None = None,
    budget: str | None = None,
    column: str | None = None,
    column_pair: str | None = None,
    evaluation: str | PathLike[str] | None = None,
    task: str = AUTO,
    seed: int = 0,
    overwrite: bool = False,
    progress: ProgressOption = None,
) -> PruneReport:
    """Write a checkpoint with fewer heads and feed-forward neurons, chosen and fitted by texts.

    Nothing is trained. Heads and neurons go that the answers owe least to, for the time that they
    take; then the last map of each block is fitted by least squares, so that it makes up for them.
    Layers keep different widths, which are noted in `config.json`.

    Args:
        source: folder or Hub id of the checkpoint.
        out: the folder to write; must not exist unless `overwrite`.
        texts: a file with texts of the application, without labels, .txt, .csv, .jsonl or .parquet.
            A tenth is held out. At most 2,000 others are used.
        speed: how much faster int8 becomes than int8 of the source on this machine, in the shape
            that gains least; None takes the fastest that keeps the budget, by multiplications.
        budget: limits on what is measured on texts held out, such as `cosine>=0.98`,
            `agreement>=0.99`, or, with `evaluation`, `recall_drop<=1%` or `accuracy_drop<=1%`.
        column: of that file; None takes `text`, or the only column of a CSV file.
        column_pair: where the second texts are, for tasks that take pairs.
        evaluation: a file with right answers: `text` and `positive` for vectors, `text` and
            `label` for classifiers.
        task: what the checkpoint is for, as `export` takes it.
        seed: of the texts held out, and of random directions.
        overwrite: replace a checkpoint at `out`, once the new one is complete.
        progress: who sees the steps. None: lines on standard error if it is a terminal. True:
            elsewhere, too, with a line a minute. False: no output. A function is called with each
            line.

    Raises:
        ConfigError: neither a speed nor a budget, a model of which nothing can go, a speed below 1
            or that no widths reach, a budget that does not apply, or something is at `out`.
        InputError: a file cannot be read, or has too few texts.
        CheckpointError, TokenizerError: the checkpoint cannot be read.
        CheckFailedError: the budget or the speed is not kept; nothing is written.
    """
    _check(speed, budget)
    require_scikit_learn()
    destination = Path(out)
    with plain_torch(), steps(progress) as tell:
        check_free(destination, overwrite=overwrite)
        checkpoint = read_checkpoint(source, tasks=checkpoint_tasks(), task=task)
        for note in checkpoint.notes:
            tell(note)
        check_pairs(checkpoint.task, column_pair)
        found = split(read_items(Path(texts), column, column_pair), None, seed)
        if len(found.training) < FEWEST:
            raise InputError(
                f"{texts} has {len(found.training)} texts to prune by, and {len(found.validation)} "
                f"held out; expected at least {FEWEST}: give more texts"
            )
        some = Texts(_some(found.training, MOST), _some(found.validation, MOST_HELD_OUT))
        right = None if evaluation is None else Path(evaluation)
        pruning = Pruning(checkpoint, some, right, budget, seed)
        tell(f"{pruning.texts} texts to prune by, {pruning.held_out} to judge by")
        pruned, faster = (
            _within_budget(pruning, tell) if speed is None else _at_speed(pruning, speed, tell)
        )
        report = _report(destination, pruning, pruned, speed, faster)
        parts = parts_of(pruned.checkpoint, "pruned", _details(report))
        save_checkpoint(destination, parts, overwrite=overwrite)
    return report


Found = tuple[Pruned, Mapping[str, float]]


def _some(items: list[Item], most: int) -> list[Item]:
    """So many at most, from all over the file."""
    return items[:: -(-len(items) // most)]


def _check(speed: float | None, budget: str | None) -> None:
    if speed is None and budget is None:
        raise ConfigError(
            "nothing says how far to prune; give a speed (--speed), a budget (--budget) or both"
        )
    if speed is not None and not speed > 1:
        raise ConfigError(f"speed is {speed:g}x, expected more than 1x, such as 1.5x")


def _within_budget(pruning: Pruning, tell: ProgressCallback) -> Found:
    """The narrowest that keeps the budget."""
    tell("measuring what answers owe to each head and neuron")
    narrower = pruning.steps(counted_costs(pruning.checkpoint.config))
    return pruning.fastest_within(narrower, tell), {}


def _at_speed(pruning: Pruning, speed: float, tell: ProgressCallback) -> Found:
    """The widths that reach a speed, fitted; they must keep the budget, if there is one."""
    costs = timed_costs(pruning.checkpoint, tell)
    tell("measuring what answers owe to each head and neuron")
    narrower = pruning.steps(costs)
    kept, faster = _reached(pruning, narrower, costs, speed, tell)
    tell("fitting what is left")
    pruned = pruning.made(kept)
    pruning.require(kept, pruned)
    return pruned, faster


def _reached(
    pruning: Pruning,
    narrower: Sequence[list[Kept]],
    costs: LayerCosts,
    speed: float,
    tell: ProgressCallback,
) -> tuple[Sequence[Kept], Mapping[str, float]]:
    """The widths that are as fast as asked when the whole model is timed; weights do not matter."""
    goal = speed
    with TemporaryDirectory() as folder:
        whole = int8_graph(pruning.checkpoint, Path(folder) / "whole")
        for trial in range(1 + CORRECTIONS):
            kept = _first_at(pruning, narrower, costs, goal)
            tell(f"timing {widths_in_words(kept)}")
            faster = _timed(pruning.checkpoint, kept, whole, Path(folder) / f"{trial}")
            reached = min(faster.values())
            if reached >= speed * (1 - NOISE):
                return kept, faster
            goal *= speed / reached
    raise CheckFailedError(
        f"a speed of {speed:g}x was not reached; the best that was timed is {reached:.2f}x, with "
        f"{widths_in_words(kept)}. Ask for less, or time it on a machine that does nothing else"
    )


def _first_at(
    pruning: Pruning, narrower: Sequence[list[Kept]], costs: LayerCosts, goal: float
) -> Sequence[Kept]:
    kept = first_at(narrower, pruning.runs, costs, goal)
    if kept is not None:
        return kept
    most = least_speedup(narrower[-1], narrower[0], pruning.runs, costs)
    raise ConfigError(
        f"no widths reach {goal:.2f}x: with a head and {len(narrower[-1][0].neurons)} neurons a "
        f"layer it is {most:.2f}x; ask for less, or take layers away (edgebert distil)"
    )


def _timed(
    checkpoint: Checkpoint, kept: Sequence[Kept], whole: Timed, folder: Path
) -> dict[str, float]:
    encoder = narrowed(checkpoint.encoder, kept)
    narrow = int8_graph(replace(checkpoint, encoder=encoder, config=encoder.config), folder)
    return speedups(whole, narrow, checkpoint)


def _report(
    out: Path,
    pruning: Pruning,
    pruned: Pruned,
    speed: float | None,
    faster: Mapping[str, float],
) -> PruneReport:
    before = _widths(pruning.checkpoint.config)
    after = _widths(pruned.checkpoint.config)
    counted = counted_costs(pruning.checkpoint.config)
    everywhere = [
        [widths[place] for place, count in enumerate(pruning.runs) for _ in range(count)]
        for widths in (after, before)
    ]
    return PruneReport(
        out=out,
        task=pruning.checkpoint.task,
        heads=tuple(heads for heads, _ in after),
        neurons=tuple(neurons for _, neurons in after),
        heads_before=sum(heads for heads, _ in before),
        neurons_before=sum(neurons for _, neurons in before),
        multiplications=counted.speedups(*everywhere)["multiplications"],
        speed_asked=speed,
        speedups=faster,
        texts=pruning.texts,
        held_out=pruning.held_out,
        measured=pruned.measured,
    )


def _widths(config: EncoderConfig) -> list[tuple[int, int]]:
    found = map(config.widths_of, range(config.distinct_layers))
    return [(len(each.heads), each.intermediate) for each in found]


def _details(report: PruneReport) -> dict[str, Any]:
    """What is noted of it in the history."""
    names = ("heads", "neurons", "speed_asked", "speedups", "texts", "measured")
    return {name: to_plain(getattr(report, name)) for name in names}
