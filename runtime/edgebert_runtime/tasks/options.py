"""Arguments of a task's method, which are options of its command, too."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, get_args

from edgebert_runtime.errors import InputError
from edgebert_runtime.inference.arguments import check_fields
from edgebert_runtime.tokenization.sliding_window import Long, check_long


def option(default: Any, help: str | None = None, **argparse: Any) -> Any:
    """A field of a `TaskOptions`; with a help text it is an option of the command line, too.

    Args:
        default: its value where the caller says nothing.
        help: one line for `--help`; None keeps it off the command line.
        argparse: what `ArgumentParser.add_argument` takes beside that.
    """
    return field(default=default, metadata={"help": help, "argparse": argparse})


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """Arguments of a task's method, all but its items.

    Attributes:
        long: what to do with texts beyond the bundle's limit: `truncate` cuts them, `error` refuses
            them, `window` runs them in overlapping windows.
        stride: tokens that neighbouring windows share; None is half a window, at most 128.

    Raises:
        ConfigError: unknown `long`, or `window` for a task that has none.
        InputError: an argument is of another type than its field.
    """

    WINDOWS: ClassVar[bool] = True

    long: Long = option(
        "truncate", "what to do with texts beyond the model's limit", choices=get_args(Long)
    )
    stride: int | None = option(
        None,
        "tokens that neighbouring windows of a long text share "
        "(default: half a window, at most 128)",
        type=int,
        metavar="N",
    )

    def __post_init__(self) -> None:
        check_fields(self, InputError)
        check_long(self.long, windows=self.WINDOWS)


@dataclass(frozen=True, kw_only=True)
class ShortTextOptions(TaskOptions):
    """Arguments of a task that runs no windows."""

    WINDOWS: ClassVar[bool] = False

    long: Long = option(
        "truncate", "what to do with texts beyond the model's limit", choices=("truncate", "error")
    )
    stride: None = option(None)
