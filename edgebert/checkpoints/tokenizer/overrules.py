"""What the arguments of a class in `tokenizer_config.json` change in `tokenizer.json`.

An argument that `tokenizer_config.json` states overrules the file, as in transformers. One that it
does not state leaves the file as it is, though transformers would take the class's default: a
cased vocabulary stays cased where nobody says otherwise.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from edgebert.checkpoints.files import setting
from edgebert.checkpoints.tokenizer.classes import Argument, Field, Steps
from edgebert.checkpoints.tokenizer.side_files import CONFIG, SideFiles

Fields = dict[str, Any]

LISTS: Final = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers"}
"""The name of the list in a part of `tokenizer.json` of type Sequence."""


def follow_arguments(
    folder: Path, fields: Fields, side: SideFiles
) -> tuple[Fields, Mapping[str, Any], tuple[str, ...]]:
    """Let stated arguments overrule the file.

    Returns:
        The fields; the arguments that are not stated and whose default the file contradicts, as
        the file has them; and notes.

    Raises:
        CheckpointError: an argument is neither true nor false nor null, which means the default.
    """
    arguments = side.row.arguments if side.row else {}
    changed, kept = [], {}
    for key, argument in arguments.items():
        value = setting(folder / CONFIG, side.settings, key, bool)
        wanted = argument.default if value is None else value
        if key in side.settings:
            after = _applied(fields, argument, wanted)
            changed += [f"{key}={wanted}"] if after != fields else []
            fields = after
        elif (stored := _stored(fields, argument, wanted)) != wanted:
            kept[key] = stored
    return fields, kept, (*_note_changed(changed), *_note_kept(kept, side.class_name))


def _applied(fields: Fields, argument: Argument, value: bool | None) -> Fields:
    for place in argument.places:
        if isinstance(place, Steps):
            fields = _with_steps(fields, place, value)
        elif _holds(fields, place):
            fields = fields | {place.part: fields[place.part] | {place.name: value}}
    return fields


def _stored(fields: Fields, argument: Argument, default: bool | None) -> bool | None:
    """What the file says of an argument; `default` where it says nothing."""
    place = argument.places[0]
    if isinstance(place, Field):
        return fields[place.part].get(place.name) if _holds(fields, place) else default
    there = any(_is_step(step, place) for step in _steps(fields, place.part))
    return place.present_if if there else not place.present_if


def _holds(fields: Fields, place: Field) -> bool:
    stored = fields.get(place.part)
    return isinstance(stored, dict) and stored.get("type") == place.kind


def _with_steps(fields: Fields, place: Steps, value: bool | None) -> Fields:
    """The fields with the steps of an argument where `value` asks for them, else without."""
    stored = list(_steps(fields, place.part))
    others = [step for step in stored if not _is_step(step, place)]
    if (len(others) < len(stored)) == (value == place.present_if):
        return fields
    if value == place.present_if:
        types = [step.get("type") in place.before for step in others]
        at = types.index(True) if any(types) else len(others) if place.before else 0
        others[at:at] = [dict(step) for step in place.steps]
    part = {"type": "Sequence", LISTS[place.part]: others} if others else None
    return fields | {place.part: part}


def _steps(fields: Fields, part: str) -> Iterator[Fields]:
    """The steps of a part of `tokenizer.json`, which may be one, none, or a sequence."""
    stored = fields.get(part)
    if stored is None:
        return
    if stored.get("type") == "Sequence":
        yield from stored[LISTS[part]]
    else:
        yield stored


def _is_step(step: Fields, place: Steps) -> bool:
    return step.get("type") in {wanted["type"] for wanted in place.steps}


def _note_changed(changed: list[str]) -> tuple[str, ...]:
    if not changed:
        return ()
    return (
        f"tokenizer_config.json overrides tokenizer.json, as in transformers: {', '.join(changed)}",
    )


def _note_kept(kept: Mapping[str, Any], class_name: str) -> tuple[str, ...]:
    if not kept:
        return ()
    said = ", ".join(f"{key}={value}" for key, value in kept.items())
    return (
        f"tokenizer_config.json does not state what tokenizer.json says, {said}, which is kept; "
        f"{class_name} of transformers would take its own default",
    )
