"""One call from a checkpoint to a smaller one that has learnt its answers."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from edgebert.checkpoints.tasks import AUTO
from edgebert.compression.distillation.distilling import Request, run_distillation
from edgebert.compression.distillation.losses import DistilLosses
from edgebert.compression.distillation.matryoshka import as_sizes, read_sizes
from edgebert.compression.distillation.report import DistilReport
from edgebert.tasks.registry import checkpoint_tasks
from edgebert.training.config import TrainingConfig
from edgebert_runtime.progress import ProgressOption

__all__ = ["DistilLosses", "DistilReport", "distil", "read_sizes"]


def distil(
    teacher: str | PathLike[str],
    out: str | PathLike[str],
    *,
    student: str | PathLike[str],
    data: str | PathLike[str],
    column: str | None = None,
    column_pair: str | None = None,
    validation: str | PathLike[str] | None = None,
    task: str = AUTO,
    dimensions: int | None = None,
    matryoshka: Sequence[int] = (),
    losses: DistilLosses | None = None,
    config: TrainingConfig | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: ProgressOption = None,
) -> DistilReport:
    """Teach a smaller model to answer as a checkpoint does, and write it as such a folder.

    The data need no labels. Before the student learns, texts are held out: it is judged by them,
    and the weights that are best there are written. While it runs, its state is kept beside `out`
    in a file of that name with `.state.pt`.

    Args:
        teacher: folder or Hub id of the checkpoint to learn from.
        out: the folder to write; must not exist unless `overwrite`.
        student: `"layers=N"` for the teacher with its first layer, its last, and others evenly
            between; `"width=SHARE"`, above 0 and below 1, for all layers with heads and
            feed-forward neurons of that share of the multiplications, those that the answers to the
            texts owe most to; `"layers=N,width=SHARE"` for both; or folder or Hub id of another
            checkpoint with the same tokens.
        data: a file with texts to learn from, .txt, .csv, .jsonl or .parquet.
        column: of that file; None takes `text`, or the only column of a CSV file.
        column_pair: where the second texts are, for tasks that take pairs: the context of a
            question, the document of a query.
        validation: a file of the same columns to judge by; None holds out a tenth of the data.
        task: what the teacher is for, as `export` takes it.
        dimensions: of the student's vectors; None keeps the teacher's. The teacher's are mapped to
            the directions in which those of the data differ most, and the student learns these.
        matryoshka: how many first numbers of a vector are learnt as vectors, too, such as
            `(128, 64)`, each fewer than the one before and than `dimensions` (Kusupati et al.
            2022). Losses of vectors become their mean over these sizes and the whole.
        losses: how much each difference from the teacher counts.
        config: the numbers of the training; None takes those of `TrainingConfig`.
        resume: go on from the state beside `out`, if there is one.
        overwrite: replace a checkpoint at `out`, once the new one is complete.
        progress: who sees the steps. None: lines and a bar on standard error if it is a terminal.
            True: elsewhere, too, with a line a minute. False: no output. A function is called with
            each line; those that count steps have `done` and `total`.

    Raises:
        ConfigError: arguments that do not go together, a student of no or of more layers than the
            teacher, or with an empty layer, sizes that vectors cannot be cut to, something at
            `out`, or a state of another training.
        InputError: the data cannot be read, or have too few texts.
        CheckpointError: a model or the state cannot be read.
        TokenizerError: the student has other tokens than the teacher.
        CheckFailedError: the loss is no longer finite; nothing is written.
    """
    request = Request(
        teacher=teacher,
        student=student,
        data=Path(data),
        column=column,
        column_pair=column_pair,
        validation=None if validation is None else Path(validation),
        task=task,
        dimensions=dimensions,
        matryoshka=as_sizes(matryoshka),
        tasks=checkpoint_tasks(),
        losses=losses or DistilLosses(),
        config=config or TrainingConfig(),
    )
    return run_distillation(
        request, Path(out), resume=resume, overwrite=overwrite, progress=progress
    )
