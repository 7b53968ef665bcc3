"""The whole distillation: from its arguments to the student's folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edgebert.checkpoints import Checkpoint, read_checkpoint
from edgebert.checkpoints.rewriting import parts_of
from edgebert.checkpoints.saving import check_free, save_checkpoint
from edgebert.checkpoints.tasks import CheckpointTasks
from edgebert.compression.answers import model_of
from edgebert.compression.distillation.dimensions import with_dimensions
from edgebert.compression.distillation.encoding import text_encoder
from edgebert.compression.distillation.losses import DistilLosses
from edgebert.compression.distillation.matryoshka import check_sizes
from edgebert.compression.distillation.objectives import Distillation, Teacher, objective_of
from edgebert.compression.distillation.report import DistilReport
from edgebert.compression.distillation.student import Student, make_student
from edgebert.compression.distillation.texts import Texts, check_pairs, read_items, split
from edgebert.training.base_checkpoint import digest_of_weights
from edgebert.training.config import TrainingConfig
from edgebert.training.job import CHANGEABLE, digest_of_file
from edgebert.training.loop import Loop, evaluate
from edgebert.training.metrics import Scores, require_scikit_learn
from edgebert.training.optimization import choose_mixed_precision
from edgebert.training.resume import StateFile, seeded
from edgebert.training.running import run_loop, state_beside
from edgebert_runtime.progress import ProgressCallback, ProgressOption, steps


@dataclass(frozen=True, kw_only=True)
class Request:
    """The arguments of `distil`, as one value."""

    teacher: str | PathLike[str]
    student: str | PathLike[str]
    data: Path
    column: str | None
    column_pair: str | None
    validation: Path | None
    task: str
    dimensions: int | None
    matryoshka: tuple[int, ...]
    tasks: CheckpointTasks
    losses: DistilLosses
    config: TrainingConfig


@dataclass(frozen=True, kw_only=True)
class Job:
    """A distillation that is ready to start.

    Attributes:
        request: what was asked for.
        teacher: as it was read.
        student: before its first step.
        objective: what it learns.
        validation: what it is judged by.
    """

    request: Request
    teacher: Checkpoint
    student: Student
    objective: Distillation
    validation: Distillation

    @property
    def identity(self) -> dict[str, Any]:
        """What must not change when a distillation is resumed; plain values."""
        request = self.request
        numbers = {
            key: value for key, value in asdict(request.config).items() if key not in CHANGEABLE
        }
        files = {"data": request.data, "validation": request.validation}
        return {
            **numbers,
            **asdict(request.losses),
            **{
                name: None if path is None else digest_of_file(path) for name, path in files.items()
            },
            "autocast": str(request.config.autocast),
            "column": request.column,
            "column_pair": request.column_pair,
            "task": self.teacher.task,
            "dimensions": request.dimensions,
            "matryoshka": list(request.matryoshka),
            "student": fspath(request.student),
            "teacher weights": digest_of_weights(_weights(self.teacher)),
            "student weights": digest_of_weights(_weights(self.student.checkpoint)),
        }

    @property
    def details(self) -> dict[str, Any]:
        """What is noted of it in the student's history."""
        return {
            "teacher": self.teacher.name,
            "layers": [self.teacher.config.layers, self.student.checkpoint.config.layers],
            **self.student.made_of,
            "dimensions": self.request.dimensions,
            "matryoshka": list(self.request.matryoshka),
            "texts": self.objective.examples,
            "losses": asdict(self.request.losses),
        }


def run_distillation(
    request: Request,
    out: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    progress: ProgressOption = None,
) -> DistilReport:
    """Train a student and write it; `edgebert.distil` explains the arguments.

    Raises:
        EdgebertError: as `edgebert.distil`.
    """
    check_free(out, overwrite=overwrite)
    state = state_beside(out, resume=resume)
    require_scikit_learn()
    with steps(progress, beats=False) as tell:
        with seeded(request.config.seed):
            job = prepare(request, tell)
            store = StateFile(path=state, identity=job.identity)
            untrained = _judged(job)
            loop, seconds = run_loop(
                job.student.model,
                job.objective,
                job.validation,
                request.config,
                store,
                progress,
                tell,
            )
        parts = parts_of(job.student.trained(), "distilled", job.details)
        save_checkpoint(out, parts, overwrite=overwrite)
        store.remove()
        tell(f"wrote {out}")
    return _report(out, job, loop, untrained, seconds)


def prepare(request: Request, tell: ProgressCallback) -> Job:
    """Read the data and the teacher, and make the student.

    Raises:
        ConfigError, InputError, CheckpointError, TokenizerError: see `distil`.
    """
    items = read_items(request.data, request.column, request.column_pair)
    given = request.validation
    held = None if given is None else read_items(given, request.column, request.column_pair)
    texts = split(items, held, request.config.seed)
    teacher = read_checkpoint(request.teacher, tasks=request.tasks, task=request.task)
    check_pairs(teacher.task, request.column_pair)
    if request.dimensions is not None:
        teacher = with_dimensions(teacher, request.dimensions, texts.training)
    check_sizes(request.matryoshka, teacher)
    student = make_student(teacher, request.student, texts.training, request.config, tell)
    for note in (*teacher.notes, *student.notes, *_not_compared(student, request.losses)):
        tell(note)
    tell(f"{len(texts.training)} texts to learn from, {len(texts.validation)} to judge by")
    return _job(request, teacher, student, texts)


def _not_compared(student: Student, losses: DistilLosses) -> Iterator[str]:
    if losses.attention and student.matching.unmatched:
        yield f"attention is not compared: {student.matching.unmatched}"


def _job(request: Request, teacher: Checkpoint, student: Student, texts: Texts) -> Job:
    encoder = text_encoder(teacher, student.checkpoint, request.config.max_length)
    model = model_of(teacher).requires_grad_(False).eval()
    activation = None if teacher.head_info is None else teacher.head_info.activation
    kind = objective_of(model, activation)
    known = Teacher(
        model=model,
        matching=student.matching,
        losses=request.losses,
        matryoshka=request.matryoshka,
    )
    return Job(
        request=request,
        teacher=teacher,
        student=student,
        objective=kind(texts.training, encoder, known),
        validation=kind(texts.validation, encoder, known),
    )


def _judged(job: Job) -> Scores:
    """The student before its first step."""
    config = job.request.config
    job.student.model.to(choose_mixed_precision(config).device)
    return evaluate(job.student.model, job.validation, config)


def _weights(checkpoint: Checkpoint) -> dict[str, Tensor | None]:
    """The tensors of encoder, head and dense steps; those that are tied once."""
    named: Mapping[str, torch.nn.Module | None] = {
        "encoder": checkpoint.encoder,
        "head": checkpoint.head,
    }
    found: dict[str, Tensor | None] = {
        f"{part}.{name}": tensor
        for part, module in named.items()
        if module is not None
        for name, tensor in module.state_dict().items()
        if not tensor.is_meta
    }
    for file, dense in checkpoint.dense.items():
        found |= {f"{file}.{name}": tensor for name, tensor in vars(dense).items()}
    return found


def _report(out: Path, job: Job, loop: Loop, untrained: Scores, seconds: float) -> DistilReport:
    progress = loop.progress
    info = job.teacher.head_info
    labels: Sequence[str] = () if info is None else info.labels
    return DistilReport(
        out=out,
        task=job.teacher.task,
        labels=tuple(labels),
        examples=job.objective.examples,
        truncated=job.objective.truncated,
        left_out=0,
        steps=progress.step,
        losses=tuple(progress.losses),
        history=tuple(progress.history),
        best=progress.best,
        stopped_early=loop.stopped_early,
        seconds=seconds,
        teacher_layers=job.teacher.config.layers,
        student_layers=job.student.checkpoint.config.layers,
        held_out=job.validation.examples,
        untrained=untrained.values,
    )
