"""The arguments of a training, and what is read and built before its first step."""

import hashlib
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final

from edgebert.checkpoints.history import read_history, with_step
from edgebert.checkpoints.own_settings import MAX_LENGTH, read_own_settings, with_own_settings
from edgebert.training.base_checkpoint import BaseCheckpoint, HeadRequest, open_base
from edgebert.training.config import Problem, TrainingConfig
from edgebert.training.data.encoding import TextEncoder
from edgebert.training.objectives.base import Objective
from edgebert.training.spec import ObjectiveConfig, TrainingSpec
from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.progress import ProgressCallback

CHANGEABLE: Final = frozenset(
    {"learning_rate", "max_gradient_norm", "device", "save_every", "patience"}
)
"""Fields of the config that may be changed when a training is resumed."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The arguments of `train`, as one value.

    Raises:
        ConfigError: the problem is not known, or does not go with the task.
    """

    base: str | PathLike[str]
    data: Path
    validation: Path | None
    task: str
    spec: TrainingSpec
    problem: str
    config: TrainingConfig
    new_head: bool
    from_scratch: bool

    def __post_init__(self) -> None:
        if self.problem not in tuple(Problem):
            raise ConfigError(f"problem must be one of {', '.join(Problem)}; got {self.problem!r}")
        if self.problem not in self.spec.problems:
            raise ConfigError(f"problem={self.problem!r} goes with task classify, not {self.task}")

    @property
    def problem_kind(self) -> Problem:
        """How a classifier's labels are read."""
        return Problem(self.problem)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A training that is ready to start.

    Attributes:
        request: what was asked for.
        base: the model.
        objective: what it is trained on.
        validation: what it is judged by, or None.
    """

    request: Request
    base: BaseCheckpoint
    objective: Objective
    validation: Objective | None

    @property
    def settings(self) -> dict[str, Any]:
        """Keys of `config.json`: what the outputs mean, and what limits the model."""
        settings = self.request.spec.settings(self.base.labels, self.request.problem_kind)
        limit = limit_of_training(self.base, self.request.config)
        limited = with_own_settings(settings, {} if limit is None else {MAX_LENGTH: limit})
        before = read_history(self.base.hf_config, source="config.json of the base")
        done = () if self.request.from_scratch else before
        return with_step(limited, done, "trained", {"task": str(self.request.task)})

    @property
    def identity(self) -> dict[str, Any]:
        """What must not change when a training is resumed; plain values."""
        request = self.request
        numbers = {
            key: value for key, value in asdict(request.config).items() if key not in CHANGEABLE
        }
        return {
            **numbers,
            "autocast": str(request.config.autocast),
            "base": Path(request.base).name,
            **self.base.digests,
            "data": digest_of_file(request.data),
            "validation": None
            if request.validation is None
            else digest_of_file(request.validation),
            "task": request.task,
            "problem": str(request.problem),
            "labels": list(self.base.labels),
            "new_head": request.new_head,
            "from_scratch": request.from_scratch,
        }


def prepare(request: Request, progress: ProgressCallback) -> Job:
    """Read the data and the base model; new weights are drawn from torch's global generator.

    Raises:
        ConfigError, InputError, CheckpointError, TokenizerError: see `train`.
    """
    spec, problem = request.spec, request.problem_kind
    records = spec.read(request.data, problem)
    labels = spec.labels(records, request.data, problem)
    base = open_base(request.base, _wanted(request, labels))
    objective = spec.objective(records, _objective_config(request, base, training=True))
    if objective.examples == 0:
        raise InputError(
            f"{request.data} has no row that can be trained on within "
            f"{base.tokenizer.max_length} tokens; raise max_length"
        )
    if request.config.batch_size < objective.smallest_batch:
        raise ConfigError(
            f"batch_size is {request.config.batch_size}, and task {request.task} needs at least "
            f"{objective.smallest_batch}: rows are compared with the others of their batch",
            shell=f"--batch-size is {request.config.batch_size}, and task {request.task} needs at "
            f"least {objective.smallest_batch}: rows are compared with the others of their batch",
        )
    for note in (*base.notes, *_notes(objective, base, request.config)):
        progress(note)
    return Job(
        request=request, base=base, objective=objective, validation=_validation(request, base)
    )


def _validation(request: Request, base: BaseCheckpoint) -> Objective | None:
    if request.validation is None:
        return None
    read = request.spec.read_validation or request.spec.read
    records = read(request.validation, request.problem_kind)
    return request.spec.objective(records, _objective_config(request, base, training=False))


def _wanted(request: Request, labels: tuple[str, ...]) -> HeadRequest:
    return HeadRequest(
        heads=request.spec.heads,
        outputs=request.spec.outputs,
        labels=labels,
        max_length=request.config.max_length,
        new_head=request.new_head,
        from_scratch=request.from_scratch,
    )


def _objective_config(request: Request, base: BaseCheckpoint, *, training: bool) -> ObjectiveConfig:
    segments = base.encoder.config.token_types > 1
    return ObjectiveConfig(
        encoder=TextEncoder(base.tokenizer, segments=segments),
        labels=base.labels,
        problem=request.problem_kind,
        seed=request.config.seed,
        training=training,
    )


def limit_of_training(base: BaseCheckpoint, config: TrainingConfig) -> int | None:
    """The limit in tokens that trainings gave a model that could take more.

    None where the model's own limit stays.
    """
    limit = base.tokenizer.max_length
    before = read_own_settings(base.hf_config, source="config.json of the base").get(MAX_LENGTH)
    given = config.max_length is not None or before == limit
    return limit if given and limit < base.encoder.config.positions else None


def _notes(objective: Objective, base: BaseCheckpoint, config: TrainingConfig) -> list[str]:
    notes, max_length = [f"{objective.examples} rows to train on"], base.tokenizer.max_length
    if limit_of_training(base, config) is not None:
        notes.append(
            f"the trained model cuts texts to {max_length} tokens, as this training does; its "
            f"encoder takes {base.encoder.config.positions}, with another max_length (--max-length)"
        )
    if objective.truncated:
        notes.append(f"{objective.truncated} texts were cut to {max_length} tokens")
    if objective.left_out:
        notes.append(f"{objective.left_out} rows are left out: their answer or label was truncated")
    return notes


def digest_of_file(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
