"""What a checkpoint is for: asked for, or inferred from what is in its folder."""

from collections.abc import Mapping
from typing import Any, Final

from torch import Tensor

from edgebert.checkpoints.families.family import Family
from edgebert.checkpoints.families.head_table import HeadTable
from edgebert.checkpoints.sentence_transformers import CROSS_ENCODER, Pipeline
from edgebert_runtime.bundle.manifest import HeadInfo
from edgebert_runtime.errors import CheckpointError, ConfigError

AUTO: Final = "auto"
EMBED: Final = "embed"
TASKS: Final = (EMBED, "classify", "tag", "answer", "rank", "fill", "next_sentence")

ARCHITECTURES: Final = {
    "ForSequenceClassification": "classify",
    "ForTokenClassification": "tag",
    "ForQuestionAnswering": "answer",
    "ForMaskedLM": "fill",
    "ForPreTraining": "fill",
    "ForNextSentencePrediction": "next_sentence",
}
"""End of transformers' class name to the task of its head."""

PROBLEMS: Final = {
    "regression": "none",
    "multi_label_classification": "sigmoid",
    "single_label_classification": "softmax",
}

RANKER_ACTIVATIONS: Final = {
    "sigmoid": "torch.nn.modules.activation.Sigmoid",
    "none": "torch.nn.modules.linear.Identity",
}
"""What becomes of a ranker's score, as sentence-transformers names torch's classes."""


def choose_task(
    asked: str,
    family: Family,
    hf_config: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    *,
    pipeline: Pipeline,
    source: str,
) -> tuple[str, HeadTable | None, tuple[str, ...]]:
    """Decide what to export.

    Args:
        asked: a task, or `auto`.
        family: the checkpoint's.
        hf_config: its `config.json`.
        tensors: its tensors, by the names they are stored under.
        pipeline: what sentence-transformers wrote around it.
        source: the folder to name in errors.

    Returns:
        The task, the table of its head (None for `embed`), and what the user should be told.

    Raises:
        ConfigError: `asked` is no task, or the folder does not say which of several heads counts.
        CheckpointError: the head asked for, or named by `architectures`, is not in the tensors.
    """
    if asked not in (AUTO, *TASKS):
        raise ConfigError(f"task must be one of {', '.join((AUTO, *TASKS))}; got {asked!r}")
    present = [table for table in family.tasks if table.is_in(tensors)]
    if asked != AUTO:
        return asked, _table(asked, present, family, source), ()
    task, why = _inferred(hf_config, present, pipeline, source=source)
    table = _table(task, present, family, f"{source}, which {why},")
    if task == "classify" and _ranks(hf_config, tensors, table):
        task, why = "rank", f"{why} and gives one score"
    return task, table, (f"task {task}: the checkpoint {why}",)


def head_info(
    task: str,
    hf_config: Mapping[str, Any],
    labels: tuple[str, ...],
    pipeline: Pipeline,
    *,
    source: str,
) -> HeadInfo:
    """What the runtime must know of a head.

    Source: transformers v5.23.0, src/transformers/pipelines/text_classification.py, for `classify`;
    sentence-transformers 6.2.0, cross_encoder/model.py, for `rank`.

    Raises:
        CheckpointError: an activation or a problem type is named that edgebert does not compute.
    """
    if task == "classify":
        return HeadInfo(labels=labels, activation=_classifier_activation(hf_config, labels, source))
    if task == "rank":
        return HeadInfo(labels=labels, activation=_ranker_activation(hf_config, pipeline, source))
    return HeadInfo(labels=labels if task == "tag" else (), activation="softmax")


def ranker_keys(activation: str) -> dict[str, Any]:
    """What tells sentence-transformers' CrossEncoder the activation, in `config.json`.

    Source: sentence-transformers 6.2.0, cross_encoder/model.py; versions 4 to 6 read it.
    """
    return {"sentence_transformers": {"activation_fn": RANKER_ACTIVATIONS[activation]}}


def _inferred(
    hf_config: Mapping[str, Any], present: list[HeadTable], pipeline: Pipeline, *, source: str
) -> tuple[str, str]:
    """The task, and what says so."""
    if pipeline.cross_encoder:
        return "classify", f"is a {CROSS_ENCODER}"
    if pipeline.modules is not None:
        return EMBED, "has a modules.json"
    for architecture in hf_config.get("architectures") or ():
        for ending, task in ARCHITECTURES.items():
            if str(architecture).endswith(ending):
                return task, f"is a {architecture}"
        if str(architecture).endswith("Model"):
            return EMBED, f"is a {architecture}"
    tasks = list(dict.fromkeys(table.task for table in present))
    if len(tasks) > 1:
        raise ConfigError(
            f"{source} names {_listed(hf_config)} as its architecture and may have heads for "
            f"{', '.join(tasks)}; say which with task="
        )
    return (tasks[0], "has its head") if tasks else (EMBED, "has no head")


def _listed(hf_config: Mapping[str, Any]) -> str:
    return ", ".join(map(str, hf_config.get("architectures") or ())) or "nothing"


def _table(task: str, present: list[HeadTable], family: Family, source: str) -> HeadTable | None:
    if task == EMBED:
        return None
    wanted = "classify" if task == "rank" else task
    for table in present:
        if table.task == wanted:
            return table
    known = {table.task for table in family.tasks}
    if wanted not in known:
        raise CheckpointError(
            f"edgebert reads no head for {task} of {family.model_type} models; it reads those for "
            f"{', '.join(sorted(known)) or 'nothing'}"
        )
    there = ", ".join(dict.fromkeys(table.task for table in present)) or "none"
    raise CheckpointError(
        f"{source} has no head for {task} among its tensors (heads there: {there}); choose another "
        "task, or save the model with its head"
    )


def _ranks(
    hf_config: Mapping[str, Any], tensors: Mapping[str, Tensor], table: HeadTable | None
) -> bool:
    """Whether a classifier gives one score for a pair instead of labels for a text."""
    if table is None or tensors[f"{table.out}.weight"].shape[0] != 1:
        return False
    return hf_config.get("problem_type") != "regression"


def _classifier_activation(
    hf_config: Mapping[str, Any], labels: tuple[str, ...], source: str
) -> str:
    problem = hf_config.get("problem_type")
    if problem is None:
        return "sigmoid" if len(labels) == 1 else "softmax"
    if problem not in PROBLEMS:
        raise CheckpointError(
            f"{source} has problem_type={problem!r}, expected one of {', '.join(PROBLEMS)}"
        )
    return PROBLEMS[problem]


def _ranker_activation(hf_config: Mapping[str, Any], pipeline: Pipeline, source: str) -> str:
    """The activation sentence-transformers would apply to the one score."""
    newer = hf_config.get("sentence_transformers") or {}
    older = hf_config.get("sbert_ce_default_activation_function")
    named = pipeline.activation or newer.get("activation_fn") or older
    if named is None:
        return "sigmoid"
    kinds = {_class(name): kind for kind, name in RANKER_ACTIVATIONS.items()}
    if _class(named) not in kinds or not str(named).startswith("torch.nn."):
        raise CheckpointError(
            f"{source} has the activation {named!r}, expected torch.nn's {' or '.join(kinds)}"
        )
    return kinds[_class(named)]


def _class(name: object) -> str:
    """Versions of torch have moved the modules that classes are in."""
    return str(name).rpartition(".")[2]
