"""Which columns of a file are read, and what a row of it is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from edgebert_runtime.errors import InputError

DEFAULT_COLUMN: Final = "text"

MISSING: Final = object()
"""The value of an optional column that a file, or an object of JSON lines, does not have."""


class Row(NamedTuple):
    """One row of a file.

    Attributes:
        place: the file and the number of the line or row, from 1, as errors name it.
        values: of the columns asked for, in their order; none of a row that is refused.
        problem: why it is refused.
    """

    place: str
    values: tuple[Any, ...]
    problem: InputError | None = None


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which columns of a file are read.

    Attributes:
        required: names; None is `text`, or the only column of a CSV file.
        optional: names of columns that may be missing; their value is then `MISSING`.
        exact: whether to refuse other columns, every name that is there twice, and CSV rows that
            lack cells. Otherwise other columns are ignored, blank lines of CSV are skipped, and
            cells that a row lacks are empty.
    """

    required: Sequence[str | None] = (None,)
    optional: Sequence[str] = ()
    exact: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, in the order of a row's values."""
        return (*(name or DEFAULT_COLUMN for name in self.required), *self.optional)

    @property
    def expected(self) -> str:
        """What a file must have, for errors."""
        needed = ", ".join(name or DEFAULT_COLUMN for name in self.required)
        return f"{needed} and perhaps {', '.join(self.optional)}" if self.optional else needed

    def of_csv(self, header: Sequence[str]) -> "Columns":
        """The same columns, where an unnamed one is a header's only one."""
        alone = header[0] if len(header) == 1 else None
        required = tuple(name or alone for name in self.required)
        return Columns(required=required, optional=self.optional, exact=self.exact)

    def find(self, place: str, there: Sequence[str]) -> list[int | None]:
        """The position of each column among those of a row or a file; None of one that is missing.

        Raises:
            InputError: a required one is missing, or one is there twice; or `exact`, and there are
                others.
        """
        needed = self.names[: len(self.required)]
        problems = [f"no column {name!r}" for name in needed if name not in there]
        if self.exact:
            others = [name for name in there if name not in self.names]
            problems += [f"the unknown column {name!r}" for name in others]
        repeated = [
            name
            for name, times in Counter(there).items()
            if times > 1 and (self.exact or name in self.names)
        ]
        problems += [f"the column {name!r} twice" for name in repeated]
        if problems:
            advice = f"expected {self.expected}" if self.exact else "name one that is there"
            raise InputError(
                f"{place} has {', '.join(problems)}, it has "
                f"{', '.join(map(repr, there)) or 'none'}; {advice}"
            )
        return [there.index(name) if name in there else None for name in self.names]


def chosen(cells: Sequence[Any], places: Sequence[int | None]) -> tuple[Any, ...]:
    """The cells at some places; `MISSING` where there is none."""
    return tuple(MISSING if place is None else cells[place] for place in places)


def wrong_kind(place: str, column: str, value: object, expected: str) -> InputError:
    """The refusal of a value that is not of the kind that its column holds."""
    found = type(value).__name__
    return InputError(
        f"{place} has a {column} of the wrong type, expected {expected}, found {found}"
    )
