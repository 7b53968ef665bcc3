"""The whole training: from its arguments to a trained checkpoint."""

from pathlib import Path

from edgebert.checkpoints.saving import check_free, save_checkpoint
from edgebert.training.job import Job, Request, prepare
from edgebert.training.loop import Loop
from edgebert.training.metrics import require_scikit_learn
from edgebert.training.report import TrainingReport
from edgebert.training.resume import SUFFIX, StateFile, seeded
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.progress import Meter, ProgressCallback, ProgressOption, steps, view_of
from edgebert_runtime.storage.work_dirs import short_name


def run_training(
    request: Request,
    out: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    progress: ProgressOption = None,
) -> TrainingReport:
    """Train a model and write it; `edgebert.train` explains the arguments.

    Raises:
        EdgebertError: as `edgebert.train`.
    """
    check_free(out, overwrite=overwrite)
    state = out.with_name(short_name(out) + SUFFIX)
    _check_state(state, resume=resume)
    if request.validation is not None:
        require_scikit_learn()
    with steps(progress, beats=False) as tell:
        with seeded(request.config.seed):
            job = prepare(request, tell)
            store = StateFile(path=state, identity=job.identity)
            loop, seconds = _run(job, store, progress, tell)
        save_checkpoint(out, job.base.parts(job.settings), overwrite=overwrite)
        store.remove()
        tell(f"wrote {out}")
    return _report(out, job, loop, seconds)


def _run(
    job: Job, store: StateFile, progress: ProgressOption, tell: ProgressCallback
) -> tuple[Loop, float]:
    """The loop, run to its end, and the seconds that took."""

    def on_step(step: int, _: int, loss: float, rate: float) -> None:
        meter.update(step, f"loss {loss:.4f}, rate {rate:.1e}")

    loop = Loop(
        model=job.base.model,
        objective=job.objective,
        validation=job.validation,
        config=job.request.config,
        store=store,
        on_step=on_step,
        tell=tell,
    )
    with Meter(loop.steps, view_of(progress, delay=0), what="steps") as meter:
        if store.path.exists():
            loop.resume()
            tell(f"resumed after step {loop.progress.step} of {loop.steps}")
        return loop, loop.run()


def _check_state(state: Path, *, resume: bool) -> None:
    if state.exists() and not resume:
        raise ConfigError(
            f"{state} is the state of an interrupted training; pass resume (--resume) to go "
            "on, or remove it to start again"
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
