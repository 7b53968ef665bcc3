"""What a job was asked for: all that its answers depend on, beside its sources."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, get_args

from edgebert_runtime.errors import ConfigError
from edgebert_runtime.storage.json_values import Integer, Text

OnBad = Literal["null", "skip", "fail"]
"""What becomes of a row that cannot be answered: null answers, no row, or the end of the job."""

SHARD_ROWS: Final = 32_768
MOST_SHARD_ROWS: Final = 10_000_000
MAX_CHARS: Final = 1_000_000
KEEP_ALL: Final = "all"
KEEP_NONE: Final = "none"


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """What a job was asked for.

    Attributes:
        task: of the bundle.
        manifest: SHA-256 of the bundle's manifest, which has those of its files; `plan_job` fills
            it in.
        variant: as `load` takes it.
        provider: likewise.
        provider_options: likewise.
        options: arguments of the task's method that are not as usual.
        column: where texts are.
        column_pair: where second texts are; None where items are one text.
        question: the first text of every item; None where there is none.
        keep: columns of the source that are kept, with commas, or `all` or `none`.
        on_bad: what becomes of a row that cannot be answered.
        max_chars: longest text that is run, in characters.
        shard_rows: rows of a unit, about; a unit has a shard.
    """

    task: str
    manifest: str = ""
    variant: str = "auto"
    provider: str = "auto"
    provider_options: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    column: str = "text"
    column_pair: str | None = None
    question: str | None = None
    keep: str = KEEP_ALL
    on_bad: Annotated[OnBad, Text(among=get_args(OnBad))] = "null"
    max_chars: Annotated[int, Integer(1)] = MAX_CHARS
    shard_rows: Annotated[int, Integer(1, MOST_SHARD_ROWS)] = SHARD_ROWS

    def __post_init__(self) -> None:
        if not 1 <= self.shard_rows <= MOST_SHARD_ROWS:
            raise ConfigError(
                f"shard_rows must be from 1 to {MOST_SHARD_ROWS:,}, got {self.shard_rows}"
            )
        if self.max_chars < 1:
            raise ConfigError(f"max_chars must be at least 1, got {self.max_chars}")

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Columns that an item is made of."""
        return (self.column,) if self.column_pair is None else (self.column, self.column_pair)

    def kept(self, there: tuple[str, ...]) -> tuple[str, ...]:
        """Columns that are kept, of those that are there.

        Raises:
            ConfigError: one is asked for twice.
        """
        if self.keep == KEEP_ALL:
            return there
        if self.keep == KEEP_NONE:
            return ()
        names = tuple(self.keep.split(","))
        if len(set(names)) != len(names):
            raise ConfigError(f"--keep {self.keep} has a column twice; name each once")
        return names
