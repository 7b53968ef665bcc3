"""One call from a checkpoint to a bundle that is as fast or small as is asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Final

from edgebert._version import __version__
from edgebert.checkpoints import Checkpoint, read_checkpoint
from edgebert.checkpoints.tasks import AUTO
from edgebert.search.aims import Aims
from edgebert.search.corpus import unseen_texts, write_corpus
from edgebert.search.deadline import TimeOverError, until
from edgebert.search.grid import Knowledge, Levels, combinations, offers
from edgebert.search.making import EXACT, TRIED, Maker
from edgebert.search.measuring import Meter, answers_of
from edgebert.search.result import CompressReport, keeps
from edgebert.search.steps import STEPS, Situation
from edgebert.search.trial import Trial
from edgebert.search.work import Work, digest_of_files, digest_of_folder, key_of, opened
from edgebert.search.writing import write_bundle
from edgebert.tasks.registry import checkpoint_tasks
from edgebert.training.metrics import require_scikit_learn
from edgebert_quantize.calibration.readers import read_column
from edgebert_quantize.evaluation.accuracy import ACCURACY, RECALL
from edgebert_quantize.evaluation.pairs import read_evaluation
from edgebert_quantize.evaluation.target_cpu import this_cpu
from edgebert_quantize.search.budget import DROPS, Budget, parse_drops
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.staging import new_bundle
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.progress import ProgressCallback, ProgressOption, steps

TASKS: Final = {ACCURACY: "classify", RECALL: "embed"}
"""What a budget limits the loss of → the task that has it."""


def compress(
    source: str | PathLike[str],
    out: str | PathLike[str],
    *,
    budget: str,
    evaluation: str | PathLike[str],
    speed: float | None = None,
    latency_ms: float | None = None,
    size_mb: float | None = None,
    texts: str | PathLike[str] | None = None,
    column: str | None = None,
    task: str = AUTO,
    minutes: float | None = None,
    work: str | PathLike[str] | None = None,
    overwrite: bool = False,
    progress: ProgressOption = None,
) -> CompressReport:
    """Search for a model that reaches the aims within a budget, and write its bundle.

    The vocabulary is trimmed, heads, neurons or layers go, and what is left learns. Every model is
    measured in fp32 and int8: its right answers on the same rows, its size, and its time on this
    machine beside the unchanged model. Cheap steps come first. The search ends with the first model
    that succeeds. What was made and measured stays in a folder, so that the same search, or one
    with another budget or other aims, repeats none of it.

    Args:
        source: folder or Hub id of the checkpoint.
        out: the bundle's folder; must not exist unless `overwrite`.
        budget: `recall_drop<=3%` for vectors, or `accuracy_drop<=1%` for a classifier of one label
            a text: points that may be lost against the unchanged model in fp32.
        evaluation: the file that it is measured on, as `quantize_within` takes it.
        speed: how many times as fast as the unchanged model in the same precision, for the shape
            that gains least.
        latency_ms: most time of one text of 32 tokens.
        size_mb: most size of the graph's files, in 10⁶ bytes.
        texts: a file of typical texts, .txt, .csv, .jsonl or .parquet, to choose tokens by, to
            learn from and to calibrate on. Texts that `evaluation` has too are left out. None
            changes the precision alone.
        column: of the texts in the file.
        task: what the checkpoint is for, as `export` takes it.
        minutes: the search ends after this time; None takes as long as it needs.
        work: the folder that keeps what was made; None is beside `out`, with `.work` behind its
            name.
        overwrite: replace a bundle that is at `out`, once the new one is complete.
        progress: who sees the steps. None: lines on standard error if it is a terminal. True:
            elsewhere, too, with a line a minute. False: no output. A function is called with each
            line.

    Raises:
        BudgetError: nothing reaches the aims within the budget, or the time was over; `search` is
            the report. Nothing is written.
        ConfigError: no aim is given, the budget does not fit the task or needs more rows, or the
            folder of work is of another search.
        InputError: a file cannot be used.
        BundleExistsError: something is at `out`.
        CheckpointError, TokenizerError, ExportError: the checkpoint cannot be read or exported.
    """
    aims = Aims(speed=speed, latency_ms=latency_ms, size_mb=size_mb)
    limits = parse_drops(budget)
    destination, rows = Path(out), Path(evaluation)
    if minutes is not None and not minutes > 0:
        raise ConfigError(f"minutes is {minutes:g}, expected more than 0")
    with steps(progress) as tell, new_bundle(destination, overwrite=overwrite) as staging:
        checkpoint = read_checkpoint(source, tasks=checkpoint_tasks(), task=task)
        share = _share(limits, checkpoint)
        limits.require_rows(len(read_column(rows, "text")), rows.name)
        corpus = [] if texts is None else unseen_texts(Path(texts), column, rows)
        folder = destination.with_name(f"{destination.name}.work") if work is None else Path(work)
        with opened(folder, _job(checkpoint, rows, corpus)) as kept:
            job = _Job(
                source=source,
                checkpoint=checkpoint,
                evaluation=rows,
                corpus=corpus,
                limits=limits,
                share=share,
                aims=aims,
                work=kept,
            )
            report, chosen = _search(job, minutes, tell)
            report.require()
            write_bundle(chosen, staging, report)
        tell(f"{folder} keeps what was made and measured; remove it when you need it no more")
    return replace(report, out=destination)


@dataclass(frozen=True, kw_only=True)
class _Job:
    """The arguments of `compress`, read."""

    source: str | PathLike[str]
    checkpoint: Checkpoint
    evaluation: Path
    corpus: Sequence[str]
    limits: Budget
    share: str
    aims: Aims
    work: Work

    def situation(self, unchanged: Sequence[Trial]) -> Situation:
        """What the levels of steps depend on."""
        config = self.checkpoint.config
        return Situation(
            layers=config.layers,
            vocabulary=config.vocabulary,
            max_length=self.checkpoint.max_length,
            factor=self.aims.factor(unchanged),
            texts=len(self.corpus),
        )

    def maker(self) -> Maker:
        """Makes models; the corpus is written for it."""
        path = self.work.folder / "texts.jsonl"
        if self.corpus and not path.exists():
            write_corpus(path, list(self.corpus))
        return Maker(
            work=self.work,
            source=self.source,
            name=Path(self.checkpoint.name).name,
            task=self.checkpoint.task,
            corpus=path if self.corpus else None,
        )


def _share(limits: Budget, checkpoint: Checkpoint) -> str:
    """What the budget limits the loss of, which the task must have."""
    shares = list(limits.drops)
    fitting = [share for share, task in TASKS.items() if task == checkpoint.task]
    if shares != fitting:
        use = f"write {DROPS[fitting[0]]}<=3%" if fitting else "it has neither"
        raise ConfigError(
            f"budget {limits.text!r} does not fit {checkpoint.name}, whose task is "
            f"{checkpoint.task}: accuracy_drop is for classify, recall_drop for embed; {use}"
        )
    return shares[0]


def _job(checkpoint: Checkpoint, evaluation: Path, corpus: Sequence[str]) -> dict[str, str]:
    """What measurements depend on, in words."""
    return {
        "edgebert": __version__,
        "checkpoint": digest_of_folder(checkpoint.folder),
        "task": checkpoint.task,
        "evaluation": digest_of_files([evaluation]),
        "texts": key_of(list(corpus)) if corpus else "none",
        "CPU": f"{this_cpu()}, {usable_cores()} cores",
    }


def _search(
    job: _Job, minutes: float | None, tell: ProgressCallback
) -> tuple[CompressReport, Bundle]:
    """Measure models until one succeeds; the bundle is that of the chosen one, or the unchanged."""
    maker, limited = job.maker(), until(minutes, tell)
    bundle = maker.bundle((), EXACT, tell)
    labelled = read_evaluation(job.evaluation, bundle)
    reference = job.work.remembered("reference", lambda: answers_of(bundle, EXACT, labelled))
    meter = Meter(unchanged=bundle, labelled=labelled, reference=reference)
    trials, left_out, ended = list[Trial](), list[str](), True
    chosen: Trial | None = None
    try:
        for each in _models(job, maker, meter, tell, limited):
            left_out += each.refused
            trials += each.trials
            chosen = _best(job, each.trials)
            if chosen is not None:
                bundle = each.maker.bundle(each.levels, chosen.precision, tell)
                break
    except TimeOverError:
        ended = False
    report = CompressReport(
        out=None,
        budget=job.limits,
        aims=job.aims,
        share=job.share,
        trials=tuple(trials),
        chosen=chosen,
        left_out=tuple(left_out),
        ended=ended,
    )
    return report, bundle


@dataclass(frozen=True, kw_only=True)
class _Model:
    """A combination of steps, and what was measured of it."""

    maker: Maker
    levels: Levels
    trials: Sequence[Trial]
    refused: Sequence[str]


def _models(
    job: _Job, maker: Maker, meter: Meter, tell: ProgressCallback, limited: ProgressCallback
) -> Iterator[_Model]:
    """The unchanged model, whatever time it takes, and then those that may succeed."""
    unchanged = _measured(maker, (), meter, tell)
    yield unchanged
    offered = tuple(offers(STEPS, job.situation(unchanged.trials)))
    if offered:
        require_scikit_learn()  # of distillation, before minutes are spent
    maker = replace(maker, offered=offered)
    known, none = Knowledge(offered=offered), (0,) * len(offered)
    _learn(known, job, none, unchanged.trials)
    for levels in combinations(offered):
        if known.is_hopeless(levels):
            continue
        model = _measured(maker, levels, meter, limited)
        _learn(known, job, levels, model.trials)
        yield model


def _measured(maker: Maker, levels: Levels, meter: Meter, tell: ProgressCallback) -> _Model:
    found = {each: maker.tried(levels, each, meter, tell) for each in TRIED}
    return _Model(
        maker=maker,
        levels=levels,
        trials=[each for each in found.values() if isinstance(each, Trial)],
        refused=[f"{name}: {each}" for name, each in found.items() if isinstance(each, str)],
    )


def _learn(known: Knowledge, job: _Job, levels: Levels, trials: Sequence[Trial]) -> None:
    for trial in trials:
        kept = keeps(job.limits, job.share, trial)
        known.learn(levels, trial.precision, job.aims.missed(trial), keeps=kept)


def _best(job: _Job, trials: Sequence[Trial]) -> Trial | None:
    """The fastest of those that succeed."""
    succeeding = [
        trial
        for trial in trials
        if keeps(job.limits, job.share, trial) and not job.aims.missed(trial)
    ]
    return min(succeeding, key=lambda trial: trial.milliseconds, default=None)
