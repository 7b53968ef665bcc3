"""Parts that several schemas share."""

from types import MappingProxyType
from typing import Any, Final

from edgebert_runtime.serving.schemas.check import Schema

TEXT: Final[Schema] = MappingProxyType({"type": "string"})
TEXTS: Final[Schema] = MappingProxyType({"type": "array", "items": TEXT, "minItems": 1})
ONE_OR_MORE: Final[Schema] = MappingProxyType({"anyOf": (TEXT, TEXTS)})
NUMBER: Final[Schema] = MappingProxyType({"type": "number"})
COUNT: Final[Schema] = MappingProxyType({"type": "integer", "minimum": 0})
VECTOR: Final[Schema] = MappingProxyType({"type": "array", "items": NUMBER})


def said(schema: Schema, description: str) -> Schema:
    """A schema with a sentence about what it is for."""
    return {**schema, "description": description}


def optional(schema: Schema, description: str) -> Schema:
    """What may be left out, or null."""
    if "anyOf" in schema:
        return said({"anyOf": (*schema["anyOf"], {"type": "null"})}, description)
    kinds = schema["type"] if isinstance(schema["type"], tuple) else (schema["type"],)
    more = {"enum": (*schema["enum"], None)} if "enum" in schema else {}
    return said({**schema, **more, "type": (*kinds, "null")}, description)


def flag(description: str) -> Schema:
    """A field that is true or false, or left out."""
    return optional({"type": "boolean"}, description)


def positive(description: str) -> Schema:
    """A count from 1, or left out."""
    return optional({"type": "integer", "minimum": 1}, description)


def choice(*values: str, description: str) -> Schema:
    """One of several words, or left out."""
    return optional({"type": "string", "enum": values}, description)


def listed(items: Schema) -> Schema:
    """A list of any length."""
    return {"type": "array", "items": items}


def several(schema: Schema) -> Schema:
    """One, or a list of at least one."""
    return {"anyOf": (schema, {"type": "array", "items": schema, "minItems": 1})}


def record(**fields: Schema) -> Schema:
    """An object of an answer, which has all of its fields."""
    return {"type": "object", "properties": fields, "required": tuple(fields)}


def closed(*required: str, **fields: Schema) -> Schema:
    """An object that a client sends, which has no other fields.

    Args:
        required: names of the fields that must be there.
        fields: all of them.
    """
    return {
        "type": "object",
        "properties": fields,
        "required": required,
        "additionalProperties": False,
    }


MODEL: Final = optional(TEXT, "Name of the bundle; needed where several could answer.")


def request(*required: str, **fields: Schema) -> Schema:
    """A whole body, which may name the bundle beside its own fields."""
    return closed(*required, **fields, model=MODEL)


def plain(schema: Any) -> Any:
    """A schema as JSON writes it: dicts and lists."""
    if hasattr(schema, "items"):
        return {name: plain(each) for name, each in schema.items()}
    if isinstance(schema, tuple | list):
        return [plain(each) for each in schema]
    return schema
