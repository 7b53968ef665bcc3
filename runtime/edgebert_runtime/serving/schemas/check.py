"""Values of JSON, checked by a schema; an error names the field, what it is and what it should be.

Of JSON Schema (https://json-schema.org/draft/2020-12) this reads what the schemas of this package
have: `type`, `anyOf`, `enum`, `properties`, `required`, `additionalProperties: false`, `items`,
`minItems`, `maxItems`, `minimum` and `maximum`.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from edgebert_runtime.errors import InputError

Schema = Mapping[str, Any]
"""A schema, as JSON has it."""

BODY: Final = "the body"
"""How errors call the whole."""

NAMES: Final = MappingProxyType(
    {
        "string": "a string",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "array": "a list",
        "object": "an object",
        "null": "null",
    }
)
"""How errors call the types of JSON."""

PLURALS: Final = MappingProxyType(
    {"string": "strings", "integer": "whole numbers", "number": "numbers", "object": "objects"}
)
"""How errors call what is in a list."""

JSON_TYPES: Final = MappingProxyType(
    {
        str: "string",
        bool: "boolean",
        int: "integer",
        float: "number",
        list: "array",
        dict: "object",
        type(None): "null",
    }
)
"""Python's types of what a reader of JSON gives."""

SHOWN_CHARACTERS: Final = 40
"""Of a value in an error: a text of a client is not to be repeated at length."""


def check_body(body: Any, schema: Schema) -> dict[str, Any]:
    """The fields of a request, without those that are null.

    Raises:
        InputError: the body does not have the form; the message names the first field that is
            wrong, what was found and what is expected.
    """
    check(body, schema, "")
    return {name: value for name, value in body.items() if value is not None}


def check(value: Any, schema: Schema, name: str) -> None:
    """Refuse a value that a schema does not describe.

    Args:
        value: of JSON.
        schema: what it should be.
        name: of the value, for errors; empty for the whole body.

    Raises:
        InputError: it is something else.
    """
    kind = JSON_TYPES[type(value)]
    choices = [each for each in schema.get("anyOf", (schema,)) if kind in types_of(each)]
    if not choices:
        raise InputError(f"{name or BODY} is {_shown(value, kind)}, expected {describe(schema)}")
    if len(choices) > 1:
        fitting = (each for each in choices if _fits(value, each, kind, name))
        choices = [next(fitting, _nearest(value, choices))]
    _check_by(value, choices[0], kind, name)


def types_of(schema: Schema) -> tuple[str, ...]:
    """The types of JSON that a schema allows; all of them where it names none."""
    if "anyOf" in schema:
        return tuple(kind for each in schema["anyOf"] for kind in types_of(each))
    named = schema.get("type", tuple(NAMES))
    kinds = (named,) if isinstance(named, str) else tuple(named)
    return (*kinds, "integer") if "number" in kinds else kinds


def describe(schema: Schema) -> str:
    """What a schema allows, in words."""
    if "anyOf" in schema:
        return " or ".join(map(describe, schema["anyOf"]))
    if "enum" in schema:
        return f"one of {', '.join(map(repr, filter(None, schema['enum'])))}"
    named = schema.get("type", "value")
    kinds = (named,) if isinstance(named, str) else named
    return " or ".join(_describe_type(kind, schema) for kind in kinds if kind != "null")


def _describe_type(kind: str, schema: Schema) -> str:
    items = schema.get("items", {}).get("type")
    if kind == "array" and items in PLURALS:
        return f"a list of {PLURALS[items]}"
    return NAMES.get(kind, kind)


def _fits(value: Any, schema: Schema, kind: str, name: str) -> bool:
    try:
        _check_by(value, schema, kind, name)
    except InputError:
        return False
    return True


def _nearest(value: Any, choices: Sequence[Schema]) -> Schema:
    """Of schemas that a value does not fit, that whose error says most: items are of its type."""
    first = JSON_TYPES[type(value[0])] if isinstance(value, list) and value else None
    near = (each for each in choices if first in types_of(each.get("items", {})))
    return next(near, choices[0])


def _check_by(value: Any, schema: Schema, kind: str, name: str) -> None:
    """Check a value whose type is allowed."""
    if "anyOf" in schema:
        check(value, schema, name)
        return
    if "enum" in schema and value not in schema["enum"]:
        raise InputError(f"{name} is {_shown(value, kind)}, expected {describe(schema)}")
    if kind in CHECKS:
        CHECKS[kind](value, schema, name)


def _check_list(value: list[Any], schema: Schema, name: str) -> None:
    fewest, most = schema.get("minItems", 0), schema.get("maxItems")
    if len(value) < fewest:
        raise InputError(f"{name} has {len(value)} items, expected at least {fewest}")
    if most is not None and len(value) > most:
        raise InputError(f"{name} has {len(value)} items, expected at most {most}")
    items = schema["items"]
    if items.get("type") == "string" and all(type(each) is str for each in value):
        return  # most lists
    for at, each in enumerate(value):
        check(each, items, f"{name}[{at}]")


def _check_object(value: dict[str, Any], schema: Schema, name: str) -> None:
    whole, fields = name or BODY, schema["properties"]
    for missing in schema.get("required", ()):
        if missing not in value:
            raise InputError(f"{whole} lacks {missing!r}, expected {describe(fields[missing])}")
    for field, each in value.items():
        if field in fields:
            check(each, fields[field], f"{name}.{field}" if name else field)
        elif schema.get("additionalProperties") is False:
            known = ", ".join(fields)
            shown = _shown(field, "string")
            raise InputError(f"{whole} has the unknown field {shown}; it may have {known}")


def _check_number(value: float, schema: Schema, name: str) -> None:
    lowest, highest = schema.get("minimum"), schema.get("maximum")
    if lowest is not None and value < lowest:
        raise InputError(f"{name} is {value}, expected at least {lowest}")
    if highest is not None and value > highest:
        raise InputError(f"{name} is {value}, expected at most {highest}")


def _shown(value: Any, kind: str) -> str:
    """A short value itself, of others their type."""
    text = repr(value)
    short = kind not in ("array", "object") and len(text) <= SHOWN_CHARACTERS
    return text.lower() if kind == "boolean" else text if short and kind != "null" else NAMES[kind]


CHECKS: Final[Mapping[str, Callable[[Any, Schema, str], None]]] = MappingProxyType(
    {
        "array": _check_list,
        "object": _check_object,
        "integer": _check_number,
        "number": _check_number,
    }
)
"""Type → what is checked of it beside the type."""
