"""What every training does around its loop: its state on disk, and its progress on the screen."""

from pathlib import Path

from torch import nn

from edgebert.training.config import TrainingConfig
from edgebert.training.loop import Loop
from edgebert.training.objectives.base import Objective
from edgebert.training.resume import SUFFIX, StateFile
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.progress import Meter, ProgressCallback, ProgressOption, view_of
from edgebert_runtime.storage.work_dirs import short_name


def state_beside(out: Path, *, resume: bool) -> Path:
    """Where the state of a training of this folder is.

    Raises:
        ConfigError: there is one, and it is not to be resumed.
    """
    state = out.with_name(short_name(out) + SUFFIX)
    if state.exists() and not resume:
        raise ConfigError(
            f"{state} is the state of an interrupted training; pass resume (--resume) to go "
            "on, or remove it to start again"
        )
    return state


def run_loop(
    model: nn.Module,
    objective: Objective,
    validation: Objective | None,
    config: TrainingConfig,
    store: StateFile,
    progress: ProgressOption,
    tell: ProgressCallback,
) -> tuple[Loop, float]:
    """The loop, run to its end, and the seconds that took; it goes on from a state that is there.

    Args:
        model: trained in place.
        objective: what it is trained on.
        validation: what it is judged by, or None.
        config: the numbers.
        store: where the state is saved.
        progress: who sees the steps.
        tell: called with each line.

    Raises:
        CheckFailedError: as `Loop.run`.
        CheckpointError, ConfigError: as `Loop.resume`.
    """

    def on_step(step: int, _: int, loss: float, rate: float) -> None:
        meter.update(step, f"loss {loss:.4f}, rate {rate:.1e}")

    loop = Loop(
        model=model,
        objective=objective,
        validation=validation,
        config=config,
        store=store,
        on_step=on_step,
        tell=tell,
    )
    with Meter(loop.steps, view_of(progress, delay=0), what="steps") as meter:
        if store.path.exists():
            loop.resume()
            tell(f"resumed after step {loop.progress.step} of {loop.steps}")
        return loop, loop.run()
