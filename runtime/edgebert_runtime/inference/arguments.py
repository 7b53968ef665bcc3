"""The types of arguments, checked by the annotations of what takes them."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from edgebert_runtime.errors import ConfigError, EdgebertError

NUMPY: Final = "numpy"

NAMES: Final[Mapping[Any, str]] = {
    NoneType: "None",
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a string",
    os.PathLike: "a path",
    Sequence[str]: "a list of strings",
    Sequence[int]: "a list of whole numbers",
    Mapping: "a dictionary",
}
"""How errors call a type."""


def check_fields(options: Any, error: type[EdgebertError] = ConfigError) -> None:
    """Check what a frozen dataclass was made of; numbers of numpy become those of Python.

    Args:
        options: the dataclass, which is changed.
        error: raised.

    Raises:
        EdgebertError: as `check_arguments`.
    """
    for name, value in check_arguments(type(options), vars(options), error).items():
        object.__setattr__(options, name, value)


def check_arguments(
    of: type | Callable[..., Any],
    arguments: Mapping[str, Any],
    error: type[EdgebertError] = ConfigError,
) -> dict[str, Any]:
    """Arguments, each of the type that its annotation has.

    Args:
        of: a class or a function that takes them.
        arguments: some of its fields or parameters, by name.
        error: raised.

    Raises:
        EdgebertError: one is of another type; the error names it. Of a string that is to be one of
            several only the type is checked.
    """
    hints = _hints(of)
    return {name: _check(name, value, hints[name], error) for name, value in arguments.items()}


def _check(name: str, value: Any, expected: Any, error: type[EdgebertError]) -> Any:
    plain, choices = _plain(value), _choices(expected)
    if not any(_fits(plain, choice) for choice in choices):
        wanted = " or ".join(dict.fromkeys(map(_name, choices)))
        raise error(f"{name} must be {wanted}, got {value!r} ({type(value).__name__})")
    return plain


def _name(choice: Any) -> str:
    return NAMES.get(choice, str(getattr(choice, "__name__", choice)))


@cache
def _hints(of: Any) -> dict[str, Any]:
    return get_type_hints(of)


@cache
def _choices(expected: Any) -> tuple[Any, ...]:
    """The types of an annotation, each alone; of a flag its value, of a list what it holds."""
    origin = get_origin(expected)
    if origin in (Union, UnionType):
        return tuple(each for part in get_args(expected) for each in _choices(part))
    if origin is Literal:
        return tuple(each if isinstance(each, bool) else type(each) for each in get_args(expected))
    return (expected if origin is Sequence else origin or expected,)


def _fits(value: Any, choice: Any) -> bool:
    if isinstance(choice, bool):
        return value is choice
    if choice in (int, float):
        return isinstance(value, int | choice) and not isinstance(value, bool)
    if get_origin(choice) is Sequence:
        (item,) = get_args(choice)
        listed = isinstance(value, Sequence) and not isinstance(value, str)
        return listed and all(_fits(each, item) for each in value)
    return isinstance(value, choice)


def _plain(value: Any) -> Any:
    """Numbers of numpy as Python's, alone and in a list; nothing is imported for that."""
    if type(value) in (list, tuple):
        return type(value)(map(_plain, value))
    is_number = type(value).__module__ == NUMPY and getattr(value, "shape", None) == ()
    return value.item() if is_number else value
