"""`run`: the command of the bundle's task, whatever that is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from edgebert_runtime.cli.options import Commands, add_command
from edgebert_runtime.errors import BundleError, ConfigError

if TYPE_CHECKING:
    from edgebert_runtime.tasks.spec import TaskSpec

RUN: Final = "run"


def add_run(commands: Commands) -> None:
    """`run` as it is before there is a bundle; with one it is the command of the task."""
    command = add_command(
        commands,
        RUN,
        "Run the command of the bundle's task; prints a JSON line for each answer",
        example='my-model "a text"',
    )
    command.add_argument("texts", metavar="TEXT", nargs="*", help="what that command takes")
    command.description = (
        f"{command.description}\n\nThe options are those of that command. "
        f"`{command.prog} BUNDLE --help` shows them."
    )


def task_of_first_bundle(arguments: Sequence[str]) -> "TaskSpec":
    """The task of the first argument that is a bundle; options may stand before it.

    Raises:
        BundleError: the first argument is none, nor is another.
        ConfigError: only options and their values are there.
    """
    from edgebert_runtime.loading.model_opener import task_of

    for argument in arguments:
        try:
            return task_of(argument)
        except BundleError:
            continue
    if arguments and not arguments[0].startswith("-"):
        return task_of(arguments[0])
    raise ConfigError("no argument is the folder of a bundle; name it first: run BUNDLE [TEXT ...]")
