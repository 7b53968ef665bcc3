"""Schemas of Python's types: of a task's options, and of its answers."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from edgebert_runtime.serving.schemas.check import Schema
from edgebert_runtime.serving.schemas.parts import NUMBER, TEXT, VECTOR, listed, optional, record
from edgebert_runtime.tasks.options import TaskOptions
from edgebert_runtime.tasks.spec import Columns, VectorType

PLAIN: Final[Mapping[Any, Schema]] = MappingProxyType(
    {str: TEXT, int: {"type": "integer"}, float: NUMBER, bool: {"type": "boolean"}}
)
"""Type → schema."""


def schema_of(type_: Any) -> Schema:
    """The schema of an annotation.

    Args:
        type_: a text, a number, a flag, a list of one, a choice of words, a dataclass, or a
            `VectorType`.
    """
    if isinstance(type_, VectorType):
        return VECTOR
    if type_ in PLAIN:
        return PLAIN[type_]
    if is_dataclass(type_):
        return record(**{name: schema_of(each) for name, each in _fields(type_).items()})
    return _of_generic(get_origin(type_), get_args(type_))


def _of_generic(origin: Any, inner: Sequence[Any]) -> Schema:
    if origin is Literal:
        return {"type": "string", "enum": tuple(inner)}
    if origin in (Union, UnionType):
        (wanted,) = (each for each in inner if each is not NoneType)
        return schema_of(wanted)
    return listed(schema_of(inner[0]))


def _fields(type_: Any) -> dict[str, Any]:
    hints = get_type_hints(type_)
    return {field.name: hints[field.name] for field in fields(type_)}


def options_schema(options: type[TaskOptions]) -> dict[str, Schema]:
    """The fields of a task's options, each of which may be left out."""
    helps = {field.name: field.metadata["help"] for field in fields(options)}
    return {
        name: optional(schema_of(type_), _sentence(name, helps[name]))
        for name, type_ in _fields(options).items()
        if type_ is not NoneType
    }


def _sentence(name: str, help_text: str | None) -> str:
    text = help_text or f"as the argument {name!r} of the task's method"
    return f"{text[0].upper()}{text[1:]}."


def columns_schema(columns: Columns) -> Schema:
    """The record of an answer."""
    return record(**{name: schema_of(type_) for name, type_ in columns.items()})
