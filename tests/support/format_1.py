"""Manifests as edgebert wrote them in format 1, for bundles of one task."""

import json
from pathlib import Path
from typing import Any

from edgebert_runtime.bundle.manifest import read_manifest

ABSENT = (("embedding", "similarity"), ("head", "aggregation"), ("tokenizer", "tokens"))
"""Keys that format 1 left out where they said nothing."""


def as_format_1(folder: Path) -> dict[str, Any]:
    """What the manifest of a bundle would have been."""
    fields: dict[str, Any] = json.loads(read_manifest(folder).to_json())
    del fields["provenance"]
    name = fields.pop("default_task")
    task = fields.pop("tasks")[name]
    former = {**fields, **task, "schema_version": 1, "task": name}
    former["variants"] = {key: _variant(each) for key, each in fields["variants"].items()}
    for group, key in ABSENT:
        if former[group] is not None and former[group][key] is None:
            del former[group][key]
    return former


def write_format_1(folder: Path) -> None:
    """Replace the manifest of a bundle by one in format 1."""
    text = json.dumps(as_format_1(folder), indent=2, ensure_ascii=False) + "\n"
    (folder / "edgebert.json").write_text(text, encoding="utf-8")


def _variant(fields: dict[str, Any]) -> dict[str, Any]:
    way = fields.pop("ways")["stock"]
    for key in ("tasks", "external", "library"):
        del fields[key]
    wide = fields.pop("instruction_sets")
    narrow = "avx2" if fields["precision"] == "int8" else None
    speed = way["speed"] and {**way["speed"], "cpu": _class(way["speed"]["cpu"])}
    cpu = "avx512_vnni" if wide else narrow
    return {**fields, "quality": way["quality"], "cpu": cpu, "speed": speed}


def _class(name: str) -> str:
    return "avx512_vnni" if name == "dotprod" else name
