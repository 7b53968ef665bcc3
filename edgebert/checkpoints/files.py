"""Reading of small JSON files and of the paths in them, with checks."""

import json
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from edgebert_runtime.errors import CheckpointError
from edgebert_runtime.storage.json_reader import read_json as read_any_json
from edgebert_runtime.storage.json_reader import shown

Parsed = TypeVar("Parsed", dict[str, Any], list[Any])
Value = TypeVar("Value")


def read_json(path: Path, kind: type[Parsed]) -> Parsed:
    """Read a JSON file that holds an object (`dict`) or an array (`list`).

    Raises:
        CheckpointError: it is missing, holds something else, or is no JSON that
            `edgebert_runtime.storage.json_reader` reads.
    """
    value = read_any_json(
        path,
        lambda problem: CheckpointError(f"{path} {problem}; fetch it again"),
        absent=lambda: CheckpointError(
            f"{path} not found; a checkpoint folder is what save_pretrained or save writes"
        ),
    )
    if not isinstance(value, kind):
        wanted = "object" if kind is dict else "array"
        raise CheckpointError(f"{path} holds {type(value).__name__}, expected a JSON {wanted}")
    return value


def read_json_if_present(path: Path) -> dict[str, Any]:
    """Read a JSON object; a missing file is the empty one.

    Raises:
        CheckpointError: the file is there but is not a JSON object.
    """
    return read_json(path, dict) if os.path.exists(path) else {}  # also for a name too long


def json_bytes(value: object) -> bytes:
    """A value as a JSON file: UTF-8, two spaces to a level, a line feed at the end."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def setting(path: Path, fields: Mapping[str, Any], key: str, kind: type[Value]) -> Value | None:
    """The value of `key` in the file `path`; None where it is absent or null.

    Raises:
        CheckpointError: the value is of another type than `kind`.
    """
    value = fields.get(key)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise CheckpointError(f"{path} has {key}={value!r}, expected {kind.__name__}; correct it")
    return value


def folder_inside(root: Path, relative: str, *, named_by: Path) -> Path:
    """The folder `relative` names below `root`; the empty string names `root` itself.

    Raises:
        CheckpointError: the path is absolute, climbs out with `..`, leaves through a link, has a
            control character, or is one that no file can have.
    """
    if relative and not relative.isprintable():
        raise CheckpointError(
            f"{named_by} names {relative!r}, which has a control character; correct it"
        )
    parts = PurePosixPath(relative)
    # Folders only: the files of a Hub cache are links out of it by design.
    folder = root.joinpath(*parts.parts)
    escapes = parts.is_absolute() or ".." in parts.parts or "\\" in relative
    if escapes or not _real(folder, relative, named_by).is_relative_to(root.resolve()):
        raise CheckpointError(
            f"{named_by} names {relative!r}, which is outside {root}; "
            "only folders below the checkpoint are read"
        )
    return folder


def _real(folder: Path, relative: str, named_by: Path) -> Path:
    try:
        folder.exists()  # fails for a name that is too long, which resolve() lets pass
        return folder.resolve()
    except (OSError, RuntimeError) as error:  # or for a loop of links
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(
            f"{named_by} names {shown(relative)}, which cannot be followed ({reason}); correct it"
        ) from error
