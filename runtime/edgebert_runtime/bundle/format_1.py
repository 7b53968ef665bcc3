"""Manifests of schema version 1, as those of version 2; `docs/bundle-format.md` has the table."""

from typing import Any, Final

from edgebert_runtime.bundle.manifest_values import AVX2, DOTPROD, EXACT_SUMS, STOCK
from edgebert_runtime.storage.json_reader import Refusal
from edgebert_runtime.storage.json_values import Anything, Fields, Table, Text, UnfitError

ANYTHING: Final = Anything()
VARIANT: Final = Fields(
    {"precision": Text(), "quality": ANYTHING},
    {"recipe": ANYTHING, "cpu": ANYTHING, "speed": ANYTHING},
)
MOVED: Final = Fields(
    {
        "task": Text(),
        "outputs": ANYTHING,
        "embedding": ANYTHING,
        "variants": Table(VARIANT),
        "files": Table(ANYTHING),
    }
)
"""What the conversion looks at; the reader of version 2 checks the values."""

CLASSES: Final = {"avx512_vnni": DOTPROD, "arm64": DOTPROD}
"""Class of CPU in version 1 → its name in version 2; the others kept theirs."""

SCHEMES: Final = {"int8": "static", "int8-static": "static", "int8-dynamic": "dynamic"}
"""Recipe of version 1 → its scheme, unless a search chose one for each layer."""


def converted(fields: dict[str, Any], refusal: Refusal) -> dict[str, Any]:
    """The fields of version 2 that say the same.

    Args:
        fields: of `edgebert.json`, of schema version 1.
        refusal: makes the error of what is wrong with the file.

    Raises:
        BundleError: what `refusal` makes of a key that is missing or of another type.
    """
    try:
        MOVED.read(fields, "")
    except UnfitError as problem:
        raise refusal(str(problem)) from problem
    found = {key: value for key, value in fields.items() if key not in ("task", "outputs", "head")}
    task = {key: fields.get(key) for key in ("outputs", "embedding", "head")}
    del found["embedding"]
    variants = {
        name: _variant(name, variant, fields) for name, variant in fields["variants"].items()
    }
    return {
        **found,
        "schema_version": 2,
        "tasks": {fields["task"]: task},
        "default_task": fields["task"],
        "variants": variants,
        "provenance": [],
    }


def _variant(name: str, fields: dict[str, Any], manifest: dict[str, Any]) -> dict[str, Any]:
    """A variant, whose keys of one way to run move to `ways`."""
    kept = {key: each for key, each in fields.items() if key not in ("quality", "speed", "cpu")}
    wide = fields["precision"] == "int8" and fields.get("cpu") != AVX2
    samples = f"samples/{name}.json"
    way = {
        "scheme": _scheme(fields),
        "quality": fields["quality"],
        "samples": {manifest["task"]: samples} if samples in manifest["files"] else {},
        "speed": _speed(fields.get("speed")),
    }
    return {
        "needs": None,
        "verified": True,
        "capturable": True,
        **kept,
        "tasks": [manifest["task"]],
        "external": [],
        "instruction_sets": list(EXACT_SUMS) if wide else [],
        "library": None,
        "ways": {STOCK: way},
    }


def _scheme(variant: dict[str, Any]) -> str | None:
    recipe, quality = variant.get("recipe"), variant["quality"]
    searched = isinstance(quality, dict) and "budget" in quality
    return None if searched or not isinstance(recipe, str) else SCHEMES.get(recipe)


def _speed(speed: Any) -> Any:
    if not isinstance(speed, dict) or not isinstance(speed.get("cpu"), str):
        return speed
    return {**speed, "cpu": CLASSES.get(speed["cpu"], speed["cpu"])}
