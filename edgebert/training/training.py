"""One call from a base model and a file to a trained checkpoint."""

from os import PathLike
from pathlib import Path

from edgebert.checkpoints.saving import check_free, save_checkpoint
from edgebert.progress import LOGGER, ProgressCallback
from edgebert.training.config import Problem, TrainingConfig
from edgebert.training.job import Job, Request, prepare
from edgebert.training.loop import Loop
from edgebert.training.metrics import require_scikit_learn
from edgebert.training.progress_bar import progress_bar
from edgebert.training.report import TrainingReport
from edgebert.training.resume import SUFFIX, StateFile, seeded
from edgebert_runtime.errors import ConfigError


def train(
    base: str | PathLike[str],
    data: str | PathLike[str],
    out: str | PathLike[str],
    *,
    task: str,
    validation: str | PathLike[str] | None = None,
    problem: str = Problem.SINGLE_LABEL,
    config: TrainingConfig | None = None,
    new_head: bool = False,
    from_scratch: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    progress: ProgressCallback = LOGGER.info,
) -> TrainingReport:
    """Train a model and write it as a Hugging Face or sentence-transformers folder.

    While it runs, its state is kept beside `out` in a file of that name with `.state.pt`. A
    training that was interrupted and is resumed has the losses it would have had.

    Args:
        base: folder or Hub id of the checkpoint to begin with.
        data: the file to train on; `docs/training.md` specifies its format.
        out: the folder to write; must not exist unless `overwrite`.
        task: `"classify"`, `"tag"`, `"answer"`, `"rank"`, `"embed"`, `"fill"` (masked language
            model) or `"pretrain"` (that and next sentences).
        validation: the file to judge by; the weights it finds best are those written.
        problem: for `classify`, `"single_label"`, `"multi_label"` or `"regression"`.
        config: the numbers.
        new_head: draw the head's weights even if the base has such a head.
        from_scratch: draw all weights; of the base only shape and tokenizer count.
        resume: go on from the state beside `out`, if there is one.
        overwrite: replace a checkpoint at `out`, once the new one is complete.
        progress: called at each stage.

    Raises:
        ConfigError: arguments that do not go together, labels that are not the head's, something
            at `out`, or a state of another training.
        InputError: the data cannot be used; file, line and column are named.
        CheckpointError, TokenizerError: the base or the state cannot be read.
        CheckFailedError: the loss is no longer finite; nothing is written.
    """
    request = Request(
        base=base,
        data=Path(data),
        validation=None if validation is None else Path(validation),
        task=task,
        problem=problem,
        config=config or TrainingConfig(),
        new_head=new_head,
        from_scratch=from_scratch,
    )
    destination = Path(out)
    check_free(destination, overwrite=overwrite)
    state = destination.with_name(destination.name + SUFFIX)
    _check_state(state, resume=resume)
    if validation is not None:
        require_scikit_learn()
    with seeded(request.config.seed):
        job = prepare(request, progress)
        store = StateFile(path=state, identity=job.identity)
        loop, seconds = _run(job, store, progress)
    save_checkpoint(destination, job.base.parts(job.settings), overwrite=overwrite)
    store.remove()
    progress(f"wrote {destination}")
    return _report(destination, job, loop, seconds)


def _run(job: Job, store: StateFile, progress: ProgressCallback) -> tuple[Loop, float]:
    """The loop, run to its end, and the seconds that took."""
    with progress_bar() as on_step:
        loop = Loop(
            model=job.base.model,
            objective=job.objective,
            validation=job.validation,
            config=job.request.config,
            store=store,
            on_step=on_step,
            tell=progress,
        )
        if store.path.exists():
            loop.resume()
            progress(f"resumed after step {loop.progress.step} of {loop.steps}")
        return loop, loop.run()


def _check_state(state: Path, *, resume: bool) -> None:
    if state.exists() and not resume:
        raise ConfigError(
            f"{state} is the state of a training that did not end; pass resume (--resume) to go "
            "on, or remove it to begin anew"
        )


def _report(out: Path, job: Job, loop: Loop, seconds: float) -> TrainingReport:
    progress = loop.progress
    return TrainingReport(
        out=out,
        task=job.request.task,
        labels=job.base.labels,
        examples=job.objective.examples,
        truncated=job.objective.truncated,
        left_out=job.objective.left_out,
        steps=progress.step,
        losses=tuple(progress.losses),
        history=tuple(progress.history),
        best=progress.best,
        stopped_early=loop.stopped_early,
        seconds=seconds,
    )
