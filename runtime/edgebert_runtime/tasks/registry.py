"""The tasks there are, by name.

Those of this package are imported when they are first asked for: a cold start needs one task.
Other packages register theirs with `register_task`, or name the module that does so as an entry
point of the group `edgebert_runtime.tasks`, which is looked at where a name is unknown
(https://packaging.python.org/en/latest/specifications/entry-points/).
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Final, Literal, get_args

from edgebert_runtime.errors import ConfigError
from edgebert_runtime.tasks.spec import TaskSpec

EMBED: Final = "embed"
"""The task of a model without a head."""

TaskName = Literal["embed", "classify", "tag", "answer", "rank", "fill", "next_sentence"]
"""What a type checker knows of `task`; those that other packages register are taken, too."""

BUILT_IN: Final[tuple[TaskName, ...]] = get_args(TaskName)
"""Tasks of this package; each is the `SPEC` of a module of its name beside this one."""

ENTRY_POINTS: Final = "edgebert_runtime.tasks"

COMMAND_NAMES: Final = frozenset(
    (
        *("batch", "bench", "check", "compare", "diff", "info", "pull", "run", "serve", "warm"),
        *("compress", "default", "distil", "explain", "export", "inspect", "mobile", "page"),
        *("profile", "prune", "push", "quantize", "remove", "report", "train", "trim"),
        *("upgrade", "verify"),
    )
)
"""Commands of `edgebert` and `edgebert-run` that are no task's; a task has another name."""

_registered: dict[str, TaskSpec] = {}
_discovered: list[str] = []


def register_task(spec: TaskSpec) -> TaskSpec:
    """Add a task; every command and function knows it from then on.

    A task that is known stays once where it is added again.

    Raises:
        ConfigError: there is another task of its name, or a command that is no task's.
    """
    if spec.command_name in COMMAND_NAMES:
        raise ConfigError(
            f"task {spec.name!r} of {spec.model.__module__} has the name of the command "
            f"{spec.command_name!r} of edgebert and edgebert-run; give it another name"
        )
    known = _known(spec.name)
    if known is not None and known is not spec:
        raise ConfigError(
            f"task {spec.name!r} of {spec.model.__module__} is already the task of "
            f"{known.model.__module__}; give it another name"
        )
    if known is None:
        _registered[spec.name] = spec
    return spec


def find_task(name: str) -> TaskSpec | None:
    """The task of a name; None if there is none."""
    return _known(name) or (_registered.get(name) if _discover() else None)


def require_task(name: str) -> TaskSpec:
    """The task of a name.

    Raises:
        ConfigError: there is none.
    """
    found = find_task(name)
    if found is None:
        raise ConfigError(f"task must be one of {', '.join(task_names())}; got {name!r}")
    return found


def task_names() -> tuple[str, ...]:
    """Names of all tasks, ours first."""
    _discover()
    return (*BUILT_IN, *_registered)


def task_specs() -> Iterator[TaskSpec]:
    """All tasks, ours first."""
    return map(require_task, task_names())


def _known(name: str) -> TaskSpec | None:
    if name not in BUILT_IN:
        return _registered.get(name)
    spec: TaskSpec = import_module(f"edgebert_runtime.tasks.{name}").SPEC
    return spec


def _discover() -> bool:
    """Import what other packages name as entry points, once."""
    if not _discovered:
        from importlib.metadata import entry_points

        _discovered.append(ENTRY_POINTS)
        for entry_point in entry_points(group=ENTRY_POINTS):
            import_module(entry_point.module)
    return True
