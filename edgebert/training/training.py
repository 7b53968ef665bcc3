"""The whole training: from its arguments to a trained checkpoint."""

from pathlib import Path

from edgebert.checkpoints.saving import check_free, save_checkpoint
from edgebert.training.job import Job, Request, prepare
from edgebert.training.loop import Loop
from edgebert.training.metrics import require_scikit_learn
from edgebert.training.report import TrainingReport
from edgebert.training.resume import StateFile, seeded
from edgebert.training.running import run_loop, state_beside
from edgebert_runtime.progress import ProgressOption, steps


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
    state = state_beside(out, resume=resume)
    if request.validation is not None:
        require_scikit_learn()
    with steps(progress, beats=False) as tell:
        with seeded(request.config.seed):
            job = prepare(request, tell)
            store = StateFile(path=state, identity=job.identity)
            loop, seconds = run_loop(
                job.base.model,
                job.objective,
                job.validation,
                request.config,
                store,
                progress,
                tell,
            )
        save_checkpoint(out, job.base.parts(job.settings), overwrite=overwrite)
        store.remove()
        tell(f"wrote {out}")
    return _report(out, job, loop, seconds)


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
