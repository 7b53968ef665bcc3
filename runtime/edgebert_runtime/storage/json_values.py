"""What a value of JSON may be, declared beside the attribute that holds it.

An annotation says it: `Annotated[int, Integer(0, 7)]`, `Mapping[str, float]`, another dataclass.
`read_structure` makes the typed value and names the key that does not fit. Keys that no attribute
has are ignored, so that older readers read newer files.
"""

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Protocol, TypeVar, Union, get_args, get_origin

from edgebert_runtime.storage.json_reader import Refusal, inside, shown

Record = TypeVar("Record")

MOST: Final = 2**31 - 1
"""Largest integer that is read, unless a key says otherwise: of 32 bits, as engines have them."""


class UnfitError(Exception):
    """A value does not fit its key; says found and expected."""

    def __init__(self, place: str, value: object, expected: str) -> None:
        super().__init__(f"{place or 'the file'} is {shown(value)}, expected {expected}")


class MissingError(UnfitError):
    """An object lacks a key."""

    def __init__(self, place: str, key: str) -> None:
        Exception.__init__(self, f"{place} lacks {key!r}".strip())


class Kind(Protocol):
    """What a value may be."""

    @property
    def expected(self) -> str:
        """In words, after "expected"."""
        ...

    def read(self, value: Any, place: str) -> Any:
        """The typed value.

        Raises:
            UnfitError: it is none of this kind.
        """
        ...


@dataclass(frozen=True)
class Integer:
    """A whole number; true and false are none."""

    least: int = 0
    most: int = MOST

    @property
    def expected(self) -> str:
        """In words."""
        return f"an integer from {self.least} to {self.most}"

    def read(self, value: Any, place: str) -> int:
        """The number."""
        if type(value) is not int or not self.least <= value <= self.most:
            raise UnfitError(place, value, self.expected)
        return value


@dataclass(frozen=True)
class Number:
    """A finite number."""

    least: float | None = None
    most: float | None = None
    above: float | None = None

    @property
    def expected(self) -> str:
        """In words."""
        bounds = {"of at least": self.least, "of at most": self.most, "above": self.above}
        said = [f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None]
        return " ".join(["a finite number", " and ".join(said)]).strip()

    def read(self, value: Any, place: str) -> float:
        """The number."""
        fits = type(value) in (int, float) and math.isfinite(value)
        fits = fits and (self.least is None or value >= self.least)
        fits = fits and (self.most is None or value <= self.most)
        if not fits or (self.above is not None and value <= self.above):
            raise UnfitError(place, value, self.expected)
        found: float = value
        return found


@dataclass(frozen=True)
class Text:
    """A string.

    Attributes:
        among: the strings it may be; none for any.
        known: the strings of this version; a later one may write others, which are read.
        pattern: regular expression for the whole string, and what it is in words.
    """

    among: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    pattern: str | None = None
    words: str = "a string"

    @property
    def expected(self) -> str:
        """In words."""
        return " or ".join(map(repr, self.among)) if self.among else self.words

    def read(self, value: Any, place: str) -> str:
        """The string."""
        fits = isinstance(value, str) and (not self.among or value in self.among)
        if not fits or (self.pattern is not None and not re.fullmatch(self.pattern, value)):
            raise UnfitError(place, value, self.expected)
        found: str = value
        return found


@dataclass(frozen=True)
class Flag:
    """True or false."""

    expected: str = "true or false"

    def read(self, value: Any, place: str) -> bool:
        """The flag."""
        if not isinstance(value, bool):
            raise UnfitError(place, value, self.expected)
        return value


@dataclass(frozen=True)
class Anything:
    """A value that others check."""

    expected: str = "a value"

    def read(self, value: Any, place: str) -> Any:
        """The value as it is."""
        del place
        return value


@dataclass(frozen=True)
class Array:
    """An array, as a tuple."""

    of: Kind
    least: int = 0
    most: int = MOST

    @property
    def expected(self) -> str:
        """In words."""
        size = f" of {self.least} to {self.most}" if self.most < MOST else ""
        size = f" of at least {self.least}" if not size and self.least else size
        return f"an array{size}, each {self.of.expected}"

    def read(self, value: Any, place: str) -> tuple[Any, ...]:
        """Each element."""
        if not isinstance(value, list) or not self.least <= len(value) <= self.most:
            raise UnfitError(place, value, self.expected)
        read = self.of.read
        return tuple([read(each, inside(place, at)) for at, each in enumerate(value)])


@dataclass(frozen=True)
class Table:
    """An object with keys of the writer's choice."""

    of: Kind
    keys: Kind = field(default_factory=Text)
    least: int = 0

    @property
    def expected(self) -> str:
        """In words."""
        return "an object" if not self.least else f"an object with at least {self.least} key"

    def read(self, value: Any, place: str) -> dict[str, Any]:
        """Each value."""
        if not isinstance(value, dict) or len(value) < self.least:
            raise UnfitError(place, value, self.expected)
        return {
            self.keys.read(key, f"a key of {place or 'the file'}"): self.of.read(
                each, inside(place, key)
            )
            for key, each in value.items()
        }


@dataclass(frozen=True)
class Fields:
    """An object with keys of the format's choice, as a dictionary; others are kept as they are."""

    required: Mapping[str, Kind]
    optional: Mapping[str, Kind] = field(default_factory=dict)
    expected: str = "an object"

    def read(self, value: Any, place: str) -> dict[str, Any]:
        """The object, every known key checked."""
        _require(value, self.required, place, self.expected)
        known = {**self.required, **self.optional}
        return {
            key: known[key].read(each, inside(place, key)) if key in known else each
            for key, each in value.items()
        }


@dataclass(frozen=True)
class Structure:
    """An object that becomes a dataclass."""

    of: type[Any]
    expected: str = "an object"

    def read(self, value: Any, place: str) -> Any:
        """The dataclass; an attribute with a default need not be there."""
        keys = keys_of(self.of)
        required = [key for key, (_, needed) in keys.items() if needed]
        _require(value, required, place, self.expected)
        return self.of(
            **{
                key: kind.read(value[key], inside(place, key))
                for key, (kind, _) in keys.items()
                if key in value
            }
        )


@dataclass(frozen=True)
class Nullable:
    """A value or null."""

    of: Kind

    @property
    def expected(self) -> str:
        """In words."""
        return f"{self.of.expected} or null"

    def read(self, value: Any, place: str) -> Any:
        """The value, or None."""
        return None if value is None else self.of.read(value, place)


@dataclass(frozen=True)
class Either:
    """The first of several kinds that fits."""

    kinds: tuple[Kind, ...]

    @property
    def expected(self) -> str:
        """In words."""
        return " or ".join(kind.expected for kind in self.kinds)

    def read(self, value: Any, place: str) -> Any:
        """As the first kind that fits has it."""
        for kind in self.kinds:
            with suppress(UnfitError):
                return kind.read(value, place)
        raise UnfitError(place, value, self.expected)


REQUIRED: Final = {"required": True}
"""Metadata of an attribute that has a default for Python, while the key must be there."""

SIMPLE: Final[Mapping[Any, Kind]] = {
    int: Integer(),
    float: Number(),
    str: Text(),
    bool: Flag(),
    Any: Anything(),
}


def read_structure(kind: type[Record], value: object, refusal: Refusal) -> Record:
    """A dataclass from a value of JSON.

    Args:
        kind: the dataclass; its annotations say what each key may be.
        value: what `read_json` gave.
        refusal: as `read_json` takes it.

    Raises:
        EdgebertError: what `refusal` makes of a key that is missing or does not fit.
    """
    try:
        record: Record = Structure(kind).read(value, "")
    except UnfitError as problem:
        raise refusal(str(problem)) from problem
    return record


def keys_of(record: type[Any]) -> dict[str, tuple[Kind, bool]]:
    """Attribute of a dataclass → what it may be, and whether it must be there."""
    if record not in _KEYS:
        _KEYS[record] = {
            each.name: (kind_of(each.type), _is_required(each))
            for each in dataclasses.fields(record)
        }
    return _KEYS[record]


def _is_required(attribute: "dataclasses.Field[Any]") -> bool:
    bare = attribute.default is dataclasses.MISSING is attribute.default_factory
    return bare or attribute.metadata == REQUIRED


_KEYS: Final[dict[type[Any], dict[str, tuple[Kind, bool]]]] = {}
"""What `keys_of` has found: a bundle has many files."""


def kind_of(annotation: Any) -> Kind:
    """What an annotation says that a value may be."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        kind: Kind = arguments[1]
        return Nullable(kind) if NoneType in get_args(arguments[0]) else kind
    if annotation in SIMPLE:
        return SIMPLE[annotation]
    if origin in (tuple, Sequence):
        return Array(kind_of(arguments[0]))
    if origin is Mapping:
        return Table(kind_of(arguments[1]))
    if origin in (Union, UnionType):
        return Nullable(kind_of(arguments[0]))
    return Structure(annotation)


def _require(value: object, keys: Iterable[str], place: str, expected: str) -> None:
    """Refuse what is no object, or lacks a key."""
    if not isinstance(value, dict):
        raise UnfitError(place, value, expected)
    for key in keys:
        if key not in value:
            raise MissingError(place, key)
