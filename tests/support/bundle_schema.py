"""`docs/bundle.schema.json`, made from what the reader of the manifest reads.

`python -m tests.support.bundle_schema` writes it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.bundle.manifest import SCHEMA_VERSION, Manifest, Step
from edgebert_runtime.bundle.manifest_values import STEP_NEEDS, RelativePath
from edgebert_runtime.storage.json_values import (
    MOST,
    Anything,
    Array,
    Either,
    Fields,
    Flag,
    Integer,
    Kind,
    Nullable,
    Number,
    Structure,
    Table,
    Text,
    keys_of,
)

Schema = dict[str, Any]

FILE: Final = Path(__file__).parents[2] / "docs" / "bundle.schema.json"

ANY: Final = ("softmax", "sigmoid", "none")
HEADS: Final[Mapping[str, tuple[int, int | None, tuple[str, ...]]]] = {
    "classify": (1, None, ANY),
    "tag": (1, None, ("softmax",)),
    "answer": (0, 0, ("softmax",)),
    "rank": (1, 1, ("sigmoid", "none")),
    "fill": (0, 0, ("softmax",)),
    "next_sentence": (0, 0, ("softmax",)),
}
"""Task → the least and most labels of its head, and its activations; the tasks check it."""


def bundle_schema() -> Schema:
    """The schema of a manifest."""
    record = _record(Manifest)
    record["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    record["required"] = ["schema_version", *record["required"]]
    heads = {
        "embed": {"head": {"type": "null"}, "embedding": {"type": "object"}},
        **{task: _head(*of) for task, of in HEADS.items()},
    }
    heads_only = {task: {"properties": properties} for task, properties in heads.items()}
    record["properties"]["tasks"]["allOf"] = [{"properties": heads_only}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"edgebert bundle manifest, schema version {SCHEMA_VERSION}",
        **record,
    }


def text() -> str:
    """The schema as the file has it."""
    return json.dumps(bundle_schema(), indent=2) + "\n"


def _head(least: int, most: int | None, activations: tuple[str, ...]) -> Schema:
    labels = {"minItems": least} | ({} if most is None else {"maxItems": most})
    properties = {"labels": labels, "activation": {"enum": list(activations)}}
    return {"embedding": {"type": "null"}, "head": {"type": "object", "properties": properties}}


def _record(record: type[Any]) -> Schema:
    keys = keys_of(record)
    return {
        "type": "object",
        "required": [key for key, (_, needed) in keys.items() if needed],
        "properties": {key: schema_of(kind) for key, (kind, _) in keys.items()},
    }


def _step() -> Schema:
    kinds = [
        {"properties": {"kind": {"const": kind}}, "required": list(keys)}
        for kind, keys in STEP_NEEDS.items()
    ]
    return {**_record(Step), "oneOf": kinds}


def schema_of(kind: Kind) -> Schema:
    """The schema of a value."""
    match kind:
        case Integer(least, most):
            return {"type": "integer", "minimum": least, "maximum": most}
        case Number():
            limits = {"minimum": kind.least, "maximum": kind.most, "exclusiveMinimum": kind.above}
            return {"type": "number"} | {k: v for k, v in limits.items() if v is not None}
        case Text():
            return _text(kind)
        case RelativePath():
            return {"type": "string", "pattern": r"^(?!/)(?!.*(^|/)\.\.(/|$))[^\\\u0000]+$"}
        case Flag():
            return {"type": "boolean"}
        case Anything():
            return {}
        case _:
            return _container(kind)


def _container(kind: Kind) -> Schema:
    match kind:
        case Array(of, least, most):
            sizes = {"minItems": least} if least else {}
            sizes |= {"maxItems": most} if most < MOST else {}
            return {"type": "array", "items": schema_of(of), **sizes}
        case Table():
            named: Schema = {"propertyNames": schema_of(kind.keys)} if kind.keys != Text() else {}
            named |= {"minProperties": kind.least} if kind.least else {}
            return {"type": "object", "additionalProperties": schema_of(kind.of), **named}
        case Fields(required, optional):
            both = {**required, **optional}
            properties = {key: schema_of(each) for key, each in both.items()}
            return {"type": "object", "required": list(required), "properties": properties}
        case Structure(of):
            return _step() if of is Step else _record(of)
        case Nullable(of):
            return {"anyOf": [schema_of(of), {"type": "null"}]}
        case Either(kinds):
            return {"anyOf": [schema_of(each) for each in kinds]}
        case _:
            raise TypeError(kind)


def _text(kind: Text) -> Schema:
    if kind.among or kind.known:
        return {"enum": list(kind.among or kind.known)}
    pattern = {} if kind.pattern is None else {"pattern": f"^(?:{kind.pattern})$"}
    return {"type": "string", **pattern}


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
