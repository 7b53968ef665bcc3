"""Lay out the data of a cached graph so that kernels can load from where they are mapped.

ONNX Runtime maps packed weights and hands the addresses to kernels that load whole vectors, some of
them by instructions that fault unless the address is a multiple of the vector's size. It aligns
what takes more than a mebibyte; the rest follows whatever was written before.
https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/graph/model_saving_options.h
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from edgebert_runtime.bundle.protobuf_reader import (
    ENTRY,
    ENTRY_KEY,
    ENTRY_VALUE,
    MESSAGES,
    fields,
    varint,
)

ALIGNMENT: Final = 64
"""Bytes of the widest vector."""

LARGE: Final = 2**20
LARGE_ALIGNMENT: Final = 2**16
"""What ONNX Runtime aligns by itself, and to what."""

PACKED: Final = b"prepacked_"
PACKED_PLACE: Final = re.compile(rb"(?<=\|)(\d+);(\d+)")
"""Offset and size of a packed weight, behind its key."""


def align(graph: Path, data: Path) -> bool:
    """Move a graph's data where something in it is not aligned; says whether it was so.

    Args:
        graph: an ONNX file that ONNX Runtime wrote, all its external data in one file.
        data: that file.
    """
    model = graph.read_bytes()
    places = sorted(set(_places(model, "ModelProto", 0, len(model))))
    if all(offset % ALIGNMENT == 0 for offset, _ in places):
        return False
    moved: dict[int, int] = {}
    draft = data.with_name(f"{data.name}.aligned")
    with data.open("rb") as source, draft.open("wb") as target:
        for offset, size in places:
            target.seek(_aligned(target.tell(), size))
            moved[offset] = target.tell()
            source.seek(offset)
            target.write(source.read(size))
    draft.replace(data)
    graph.write_bytes(_rebuilt(model, "ModelProto", 0, len(model), moved))
    return True


def _aligned(position: int, size: int) -> int:
    """The first place from a position on where so many bytes may lie."""
    step = LARGE_ALIGNMENT if size > LARGE else ALIGNMENT
    return -(-position // step) * step


def _places(model: bytes, message: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Offset and size of all that tensors have outside of the graph."""
    entries: dict[bytes, bytes] = {}
    for number, first, last in fields(model, start, end):
        child = MESSAGES[message].get(number)
        if child == ENTRY:
            key, value = _entry(model, first, last)
            entries[key] = value
        elif child is not None:
            yield from _places(model, child, first, last)
    if b"offset" in entries:
        yield int(entries[b"offset"]), int(entries[b"length"])
    for key, value in entries.items():
        if key.startswith(PACKED):
            yield from ((int(offset), int(size)) for offset, size in PACKED_PLACE.findall(value))


def _entry(model: bytes, start: int, end: int) -> tuple[bytes, bytes]:
    found = {number: model[first:last] for number, first, last in fields(model, start, end)}
    return found[ENTRY_KEY], found[ENTRY_VALUE]


def _rebuilt(model: bytes, message: str, start: int, end: int, moved: Mapping[int, int]) -> bytes:
    """A message with the new offsets; everything else as it was."""
    parts: list[bytes] = []
    done = start
    for number, first, last in fields(model, start, end):
        child = MESSAGES[message].get(number)
        if child is None:
            continue
        size = len(varint(last - first))
        inner = (
            _moved_entry(model, first, last, moved)
            if child == ENTRY
            else _rebuilt(model, child, first, last, moved)
        )
        parts += [model[done : first - size], varint(len(inner)), inner]
        done = last
    return b"".join([*parts, model[done:end]])


def _moved_entry(model: bytes, start: int, end: int, moved: Mapping[int, int]) -> bytes:
    key, value = _entry(model, start, end)
    if key == b"offset":
        value = b"%d" % moved[int(value)]
    elif key.startswith(PACKED):
        value = PACKED_PLACE.sub(lambda found: b"%d;%s" % (moved[int(found[1])], found[2]), value)
    return b"".join(
        varint(number << 3 | 2) + varint(len(text)) + text
        for number, text in ((ENTRY_KEY, key), (ENTRY_VALUE, value))
    )
