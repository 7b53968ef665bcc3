"""Columns of a source that its answers keep."""

from base64 import b64decode, b64encode
from typing import Any, Final

from edgebert_runtime.errors import ConfigError
from edgebert_runtime.tasks.spec import Columns

ERROR: Final = "_error"
"""The column of a shard that says what is wrong with a row; null of a good one."""


def kept_schema(text: str) -> Any:
    """The Arrow schema that a job's record holds."""
    import pyarrow

    return pyarrow.ipc.read_schema(pyarrow.py_buffer(b64decode(text)))


def schema_text(schema: Any) -> str:
    """An Arrow schema as a job's record holds it."""
    return b64encode(schema.remove_metadata().serialize().to_pybytes()).decode("ascii")


def check_names(schema: Any, answers: Columns) -> None:
    """Refuse kept columns with the names of answers.

    Raises:
        ConfigError: there are some.
    """
    taken = [name for name in schema.names if name in answers or name == ERROR]
    if taken:
        raise ConfigError(
            f"the source has a column {taken[0]!r}, which is the name of a column of answers; "
            "leave it out with --keep, or rename it"
        )
