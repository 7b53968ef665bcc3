"""Whether a source is the model that a bundle was exported from, by what both say of themselves."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

from torch import nn

from edgebert.checkpoints.families.registry import FAMILIES
from edgebert.tasks.registry import checkpoint_tasks
from edgebert.workflow.sources import Source
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.errors import ConfigError


def require_same_model(
    bundle: Bundle, against: str | PathLike[str] | nn.Module, source: Source
) -> None:
    """Refuse a source whose description is not that of the bundle; nothing is run for it.

    Args:
        bundle: whose manifest is compared.
        against: what was asked for, to be named in the error.
        source: the same, read for the bundle's task.

    Raises:
        ConfigError: it is another model; all that differs is named.
    """
    there, here = _of_bundle(bundle), _of_source(bundle, source)
    differing = [
        f"{name} {_shown(here[name])} instead of {_shown(there[name])}"
        for name in there
        if here[name] != there[name] and None not in (here[name], there[name])
    ]
    if differing:
        name = type(against).__name__ if isinstance(against, nn.Module) else against
        raise ConfigError(
            f"{name} is another model than that of {bundle.folder}: it has {'; '.join(differing)}. "
            "Name the checkpoint that the bundle was exported from"
        )


def _of_bundle(bundle: Bundle) -> dict[str, Any]:
    manifest = bundle.manifest
    return {
        "task": manifest.default_task,
        **manifest.architecture,
        "positions": manifest.tokenizer.max_positions,
        "labels": () if manifest.task.head is None else manifest.task.head.labels,
    }


def _of_source(bundle: Bundle, source: Source) -> dict[str, Any]:
    spec = source.spec
    return {
        "task": _named_task(source.parts.config, spec.model_type, spec.task),
        **{name: getattr(spec, name, None) for name in bundle.manifest.architecture},
        "positions": spec.max_positions,
        "labels": () if spec.head is None else spec.head.labels,
    }


def _named_task(config: Mapping[str, Any], model_type: str | None, read_for: str) -> str:
    """The task that `architectures` names, where its head is stored as that of the one read for.

    A tagger of BERT can be read as a classifier: both keep their last map in `classifier`.
    """
    tasks = checkpoint_tasks()
    family = FAMILIES.get(model_type or "")
    stored = {table.task: table.out for table in family.tasks} if family else {}
    mine = tasks[read_for].head
    for architecture in config.get("architectures") or ():
        for task in tasks.values():
            named = any(str(architecture).endswith(ending) for ending in task.architectures)
            alike = stored.get(task.head or "") == stored.get(mine or "", task)
            if named and task.head != mine and alike:
                return task.name
    return read_for


def _shown(value: object) -> str:
    return (", ".join(value) or "none") if isinstance(value, tuple) else str(value)
