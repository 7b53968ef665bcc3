"""The registry of build specs, by name.

Other packages register theirs with `register_build`, or name the module that does so as an entry
point of the group `edgebert.tasks`.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from edgebert.checkpoints.tasks import CheckpointTasks
from edgebert.tasks.spec import BuildSpec
from edgebert.training.spec import TrainingSpec
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.tasks.registry import BUILT_IN, find_task, task_specs

ENTRY_POINTS: Final = "edgebert.tasks"

_specs: dict[str, BuildSpec] = {}
_discovered: list[str] = []


def register_build(spec: BuildSpec) -> BuildSpec:
    """Add what builds a task; its `TaskSpec` must be registered before.

    Raises:
        ConfigError: there is no `TaskSpec` of its name, or another `BuildSpec`.
    """
    if find_task(spec.name) is None:
        raise ConfigError(
            f"BuildSpec {spec.name!r} has no TaskSpec {spec.name!r} in edgebert_runtime; register "
            "that first, with edgebert_runtime.register_task"
        )
    known = _specs.setdefault(spec.name, spec)
    if known is not spec:
        raise ConfigError(
            f"BuildSpec {spec.name!r} of head {spec.checkpoint.head!r} is already registered, of "
            f"head {known.checkpoint.head!r}; give it another name"
        )
    return spec


def build_specs() -> Mapping[str, BuildSpec]:
    """Task → what builds it, ours first.

    Raises:
        ConfigError: a `TaskSpec` is registered that no `BuildSpec` goes with.
    """
    if not _discovered:
        from importlib.metadata import entry_points

        _discovered.append(ENTRY_POINTS)
        for entry_point in entry_points(group=ENTRY_POINTS):
            import_module(entry_point.module)
    for spec in task_specs():
        if spec.name not in _specs:
            raise ConfigError(
                f"TaskSpec {spec.name!r} of {spec.model.__module__} has no BuildSpec "
                f"{spec.name!r}; register one, with edgebert.tasks.registry.register_build"
            )
    return _specs


def checkpoint_tasks() -> CheckpointTasks:
    """Task → how checkpoints show that they are for it."""
    return {name: spec.checkpoint for name, spec in build_specs().items()}


def training_specs() -> Mapping[str, TrainingSpec]:
    """What `train --task` takes → how it is trained."""
    return {
        name: training
        for spec in build_specs().values()
        for name, training in spec.training.items()
    }


def require_training(task: str) -> TrainingSpec:
    """How a task is trained.

    Raises:
        ConfigError: it is none that can be trained.
    """
    specs = training_specs()
    if task not in specs:
        raise ConfigError(f"task must be one of {', '.join(specs)}; got {task!r}")
    return specs[task]


for _name in BUILT_IN:
    register_build(import_module(f"edgebert.tasks.{_name}").BUILD)
