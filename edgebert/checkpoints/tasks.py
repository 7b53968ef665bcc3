"""The task of a checkpoint: as asked for, or inferred from its folder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from torch import Tensor

from edgebert.checkpoints.diagnosis import few
from edgebert.checkpoints.families.family import Family
from edgebert.checkpoints.families.head_table import HeadTable
from edgebert.checkpoints.sentence_transformers import CROSS_ENCODER, Pipeline
from edgebert_runtime.bundle.manifest import HeadInfo
from edgebert_runtime.errors import CheckpointError, ConfigError, UnsupportedModelError
from edgebert_runtime.storage.json_reader import printable
from edgebert_runtime.tasks.registry import EMBED

AUTO: Final = "auto"

PRETRAINING: Final = "ForPreTraining"
"""End of transformers' classes with the heads of pretraining: masked tokens in some families."""


@dataclass(frozen=True, kw_only=True)
class HeadSource:
    """What says what a head's outputs mean.

    Attributes:
        hf_config: the checkpoint's `config.json`.
        labels: names of the outputs, where they have some.
        pipeline: what sentence-transformers wrote around the model.
        tells_words: whether the tokenizer's tokens tell where words begin.
        folder: to name in errors.
    """

    hf_config: Mapping[str, Any]
    labels: tuple[str, ...]
    pipeline: Pipeline
    tells_words: bool
    folder: str


def softmax_head(source: HeadSource) -> HeadInfo:
    """Head info of tasks whose scores are always a softmax."""
    return HeadInfo(labels=source.labels, activation="softmax")


def never(hf_config: Mapping[str, Any], outputs: int) -> bool:
    """For tasks whose head no other task has."""
    del hf_config, outputs
    return False


def no_keys(head: HeadInfo) -> dict[str, Any]:
    """For tasks without further keys in `config.json`."""
    del head
    return {}


@dataclass(frozen=True, kw_only=True)
class CheckpointTask:
    """How a checkpoint shows that it is for a task, and what its head is.

    Attributes:
        name: of the task.
        head: the head it stands on, as the families' tables name it; None for none.
        architectures: ends of transformers' class names that say so.
        outputs: width of the head: a number, the vocabulary, or None for what is stored.
        head_info: what its outputs mean.
        claims: whether a checkpoint with that head is for this task, although the head is named
            after another: from `config.json` and the head's width.
        config_keys: what other tools read in `config.json`.
    """

    name: str
    head: str | None
    architectures: tuple[str, ...] = ()
    outputs: int | Literal["vocabulary"] | None = None
    head_info: Callable[[HeadSource], HeadInfo] = softmax_head
    claims: Callable[[Mapping[str, Any], int], bool] = never
    config_keys: Callable[[HeadInfo], dict[str, Any]] = no_keys


CheckpointTasks = Mapping[str, CheckpointTask]
"""Name of a task → how checkpoints show that they are for it."""

EMBEDDINGS_ONLY: Final = CheckpointTask(name=EMBED, head=None)
"""A model without a head, or one that is exported for its vectors."""


def choose_task(
    asked: str,
    family: Family,
    hf_config: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    *,
    pipeline: Pipeline,
    source: str,
    tasks: CheckpointTasks,
) -> tuple[CheckpointTask, HeadTable | None, tuple[str, ...]]:
    """Decide what to export.

    Args:
        asked: a task, or `auto`.
        family: the checkpoint's.
        hf_config: its `config.json`.
        tensors: its tensors, by the names they are stored under.
        pipeline: what sentence-transformers wrote around it.
        source: the folder to name in errors.
        tasks: those there are.

    Returns:
        The task, the table of its head (None for `embed`), and what the user should be told.

    Raises:
        ConfigError: `asked` is no task, or the folder does not say which of several heads counts.
        UnsupportedModelError: under `auto`, `architectures` names a head that no task has.
        CheckpointError: the head asked for, or named by `architectures`, is not in the tensors.
    """
    if asked not in (AUTO, *tasks):
        raise ConfigError(f"task must be one of {', '.join((AUTO, *tasks))}; got {asked!r}")
    present = [table for table in family.tasks if table.is_in(tensors)]
    if asked != AUTO:
        return tasks[asked], _table(tasks[asked], tensors, family, source), ()
    name, why = _inferred(hf_config, present, pipeline, tasks, source=source)
    task = tasks[name]
    table = _table(task, tensors, family, f"{source}, which {why},")
    if table is not None:
        outputs = tensors[f"{table.out}.weight"].shape[0] if task.outputs is None else 0
        sharing = [each for each in tasks.values() if each.head == name and each is not task]
        claiming = next((each for each in sharing if each.claims(hf_config, outputs)), None)
        if claiming is not None:
            task, why = claiming, f"{why} and gives one score"
    return task, table, (f"task {task.name}: the checkpoint {why}",)


def _inferred(
    hf_config: Mapping[str, Any],
    present: list[HeadTable],
    pipeline: Pipeline,
    tasks: CheckpointTasks,
    *,
    source: str,
) -> tuple[str, str]:
    """The task, and why it was inferred."""
    if pipeline.cross_encoder:
        return "classify", f"is a {CROSS_ENCODER}"
    if pipeline.modules is not None:
        return EMBED, "has a modules.json"
    endings = {ending: task.name for task in tasks.values() for ending in task.architectures}
    found = list(dict.fromkeys(table.task for table in present))
    for architecture in architectures_of(hf_config):
        for ending, name in endings.items():
            if not architecture.endswith(ending):
                continue
            if ending == PRETRAINING and name not in found:
                return EMBED, f"is {architecture}, whose head no task has"
            return name, f"is a {architecture}"
    _refuse_other_heads(hf_config, source)
    if len(found) > 1:
        several = (
            f"{source} names {_listed(hf_config)} as its architecture and may have heads for "
            f"{', '.join(found)}; say which with"
        )
        raise ConfigError(f"{several} task=", shell=f"{several} --task")
    return (found[0], "has its head") if found else (EMBED, "has no head")


def _refuse_other_heads(hf_config: Mapping[str, Any], source: str) -> None:
    """Refuse classes with a head of another kind: its tensors may be named as a known head's."""
    others = [each for each in architectures_of(hf_config) if "For" in each]
    if others:
        advice = (
            f"{source} is {', '.join(others)}, and no task of edgebert has that head; export the "
            "module with its own code, edgebert.export(module, out, spec=..., tokenizer=...), or "
            "only its encoder's vectors, with"
        )
        raise UnsupportedModelError(f"{advice} task='embed'", shell=f"{advice} --task embed")


def architectures_of(hf_config: Mapping[str, Any]) -> tuple[str, ...]:
    """The classes of transformers that `config.json` names; none where it holds no list."""
    named = hf_config.get("architectures")
    return tuple(map(str, named)) if isinstance(named, list) else ()


def _listed(hf_config: Mapping[str, Any]) -> str:
    return ", ".join(map(printable, architectures_of(hf_config))) or "nothing"


def _table(
    task: CheckpointTask, tensors: Mapping[str, Tensor], family: Family, source: str
) -> HeadTable | None:
    if task.head is None:
        return None
    present = [table for table in family.tasks if table.is_in(tensors)]
    for table in present:
        if table.task == task.head:
            return table
    known = {table.task for table in family.tasks}
    if task.head not in known:
        raise CheckpointError(
            f"edgebert reads no head for {task.name} of {family.model_type} models; it reads those "
            f"for {', '.join(sorted(known)) or 'nothing'}"
        )
    there = ", ".join(dict.fromkeys(table.task for table in present)) or "none"
    raise CheckpointError(
        f"{source} has no head for {task.name} among its tensors (heads there: {there}; tensors "
        f"beside the encoder: {few(sorted(tensors)) or 'none'}); choose another task, or save the "
        "model with its head"
    )
