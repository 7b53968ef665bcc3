"""One call from a base model and a file to a trained checkpoint."""

from os import PathLike
from pathlib import Path

from edgebert.tasks.registry import require_training
from edgebert.training.config import Problem, ProblemName, TrainingConfig, TrainingTask
from edgebert.training.job import Request
from edgebert.training.report import TrainingReport
from edgebert.training.training import run_training
from edgebert_runtime.progress import ProgressOption


def train(
    base: str | PathLike[str],
    data: str | PathLike[str],
    out: str | PathLike[str],
    *,
    task: TrainingTask,
    validation: str | PathLike[str] | None = None,
    problem: Problem | ProblemName = Problem.SINGLE_LABEL,
    config: TrainingConfig | None = None,
    new_head: bool = False,
    from_scratch: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    progress: ProgressOption = None,
) -> TrainingReport:
    """Train a model and write it as a Hugging Face or sentence-transformers folder.

    While it runs, its state is kept beside `out` in a file of that name with `.state.pt`. A
    training that was interrupted and is resumed has the losses it would have had.

    Args:
        base: folder or Hub id of the checkpoint to begin with.
        data: the file to train on; `docs/how-to/train.md` specifies its format.
        out: the folder to write; must not exist unless `overwrite`.
        task: `"classify"`, `"tag"`, `"answer"`, `"rank"`, `"embed"`, `"fill"` (masked language
            model) or `"pretrain"` (that and next sentences). A registered task is taken by its
            name, which a type checker does not know.
        validation: the file to judge by; the weights it finds best are those written.
        problem: for `classify`, `"single_label"`, `"multi_label"` or `"regression"`.
        config: the numbers.
        new_head: draw the head's weights even if the base has such a head.
        from_scratch: draw all weights; of the base only shape and tokenizer count.
        resume: go on from the state beside `out`, if there is one.
        overwrite: replace a checkpoint at `out`, once the new one is complete.
        progress: who sees the steps. None: lines and a bar on standard error if it is a terminal.
            True: elsewhere, too, with a line a minute. False: no output. A function is called with
            each line; those that count steps have `done` and `total`.

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
        spec=require_training(task),
        problem=problem,
        config=config or TrainingConfig(),
        new_head=new_head,
        from_scratch=from_scratch,
    )
    return run_training(request, Path(out), resume=resume, overwrite=overwrite, progress=progress)
