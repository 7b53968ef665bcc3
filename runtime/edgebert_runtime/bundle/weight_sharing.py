"""Write ONNX files whose weights another ONNX file can share, and files that share them.

A tensor's external data may be a range of bytes of any file, another ONNX file among them
(https://onnx.ai/onnx/repo-docs/ExternalData.html). ONNX Runtime maps the range and hands its
address to kernels that load whole vectors, so tensors are aligned inside the file. Only
`edgebert_export` and `edgebert_quantize` use this module.
"""

import mmap
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from edgebert_runtime.bundle.external_data import LENGTH, LOCATION, OFFSET
from edgebert_runtime.bundle.manifest import ExternalRange
from edgebert_runtime.bundle.protobuf_reader import (
    DATA_LOCATION,
    DOC_STRING,
    ENTRY_KEY,
    ENTRY_VALUE,
    EXTERNAL_DATA,
    GRAPH,
    INITIALIZER,
    LENGTH_DELIMITED,
    RAW_DATA,
    fields,
    initializers,
    read_tensors,
    varint,
)

ALIGNMENT: Final = 64
"""Bytes of the widest vector that a kernel loads."""

SHARED_FROM_BYTES: Final = 1024
"""Smaller tensors, such as shapes and scalars, are stored in every graph."""

EXTERNAL: Final = 1
"""`TensorProto.DataLocation.EXTERNAL`."""

Parts = list[bytes | memoryview]
Rewrite = Callable[[bytes, int, int, int], Parts]
"""A model, start and end of a TensorProto in it, and where its field will begin → its parts."""


def aligned(model: bytes) -> bytes:
    """A serialized model with each large initializer's data at a multiple of `ALIGNMENT`.

    A `doc_string` of as many blanks as are needed stands before the data: every reader skips
    it.

    Args:
        model: a serialized ModelProto.
    """
    return _rewritten(model, _padded)


def sharing(model: bytes, other: Path) -> bytes:
    """A serialized model whose large initializers are byte ranges of another file.

    An initializer is shared if the other file has one of the same name and bytes.

    Args:
        model: a serialized ModelProto.
        other: an ONNX file in the folder where the model will lie.
    """
    with other.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        places = {tensor.name: tensor.raw for tensor, _, _ in initializers(data) if tensor.raw}
        ranges: dict[int, tuple[int, int]] = {}
        for tensor, start, _ in initializers(model):
            place = places.get(tensor.name)
            if tensor.raw is None or place is None or _size(tensor.raw) < SHARED_FROM_BYTES:
                continue
            if data[slice(*place)] == model[slice(*tensor.raw)]:
                ranges[start] = place

    def refer(model: bytes, start: int, end: int, position: int) -> Parts:
        del position
        if start not in ranges:
            return [memoryview(model)[start:end]]
        return [*_without_raw(model, start, end), _reference(other.name, *ranges[start])]

    return _rewritten(model, refer)


def external_ranges(graph: Path, path: str) -> tuple[ExternalRange, ...]:
    """The bytes of other files that a graph's tensors use: of each file from the first to the last.

    Args:
        graph: the file.
        path: of the graph in its bundle.
    """
    ranges: dict[str, list[tuple[int, int]]] = {}
    for tensor in read_tensors(graph):
        where = dict(tensor.external)
        if LOCATION in where:
            start = int(where.get(OFFSET, 0))
            end = start + int(where.get(LENGTH, tensor.size_bytes or 0))
            ranges.setdefault(where[LOCATION], []).append((start, end))
    return tuple(
        ExternalRange(
            file=str(PurePosixPath(path).with_name(location)),
            offset=min(found)[0],
            length=max(end for _, end in found) - min(found)[0],
        )
        for location, found in sorted(ranges.items())
    )


def _rewritten(model: bytes, rewrite: Rewrite) -> bytes:
    """A model with other initializers; lengths of the messages around them follow."""
    view = memoryview(model)
    ((first, last),) = (
        (start, end) for number, start, end in fields(model, 0, len(model)) if number == GRAPH
    )
    head = view[: _begin(first, last)]
    for width in range(1, 6):  # of the graph's own length, which alignment depends on
        position = len(head) + 1 + width
        graph = list(_graph_parts(model, first, last, position, rewrite))
        size = varint(sum(map(len, graph)))
        if len(size) == width:
            break
    return b"".join([head, _tag(GRAPH), size, *graph, view[last:]])


def _graph_parts(
    model: bytes, first: int, last: int, position: int, rewrite: Rewrite
) -> Iterator[bytes | memoryview]:
    view, done = memoryview(model), first
    for number, start, end in fields(model, first, last):
        if number != INITIALIZER:
            continue
        before = view[done : _begin(start, end)]
        position += len(before)
        tensor = rewrite(model, start, end, position)
        size = sum(map(len, tensor))
        header = _tag(INITIALIZER) + varint(size)
        position += len(header) + size
        done = end
        yield from (before, header, *tensor)
    yield view[done:last]


def _padded(model: bytes, start: int, end: int, position: int) -> Parts:
    """A tensor with its data behind as much padding as aligns it."""
    view, raw = memoryview(model), _raw(model, start, end)
    if raw is None or _size(raw) < SHARED_FROM_BYTES:
        return [view[start:end]]
    rest = _without_raw(model, start, end)
    data = view[slice(*raw)]
    header = _tag(RAW_DATA) + varint(len(data))
    used = sum(map(len, rest)) + len(header)
    for padding in _paddings():
        field = 1 + len(varint(used + len(padding) + len(data)))
        if (position + field + used + len(padding)) % ALIGNMENT == 0:
            break
    return [*rest, padding, header, data]


def _paddings() -> Iterator[bytes]:
    """Nothing, and `doc_string`s of each length."""
    yield b""
    for length in range(ALIGNMENT + 8):
        yield _field(DOC_STRING, b" " * length)


def _raw(model: bytes, start: int, end: int) -> tuple[int, int] | None:
    found = [(a, b) for number, a, b in fields(model, start, end) if number == RAW_DATA]
    return found[-1] if found else None


def _without_raw(model: bytes, start: int, end: int) -> Parts:
    view, raw = memoryview(model), _raw(model, start, end)
    if raw is None:
        return [view[start:end]]
    return [view[start : _begin(*raw)], view[raw[1] : end]]


def _reference(location: str, start: int, end: int) -> bytes:
    """The fields of a tensor whose data is a range of another file."""
    where = {LOCATION: location, OFFSET: str(start), LENGTH: str(end - start)}
    entries = [
        _field(ENTRY_KEY, key.encode()) + _field(ENTRY_VALUE, value.encode())
        for key, value in where.items()
    ]
    fields_ = [_field(EXTERNAL_DATA, entry) for entry in entries]
    return b"".join([*fields_, varint(DATA_LOCATION << 3), varint(EXTERNAL)])


def _field(number: int, content: bytes) -> bytes:
    return _tag(number) + varint(len(content)) + content


def _tag(number: int) -> bytes:
    return varint(number << 3 | LENGTH_DELIMITED)


def _begin(start: int, end: int) -> int:
    """Where a field of a number below 16 begins whose content is `start:end`."""
    return start - len(varint(end - start)) - 1


def _size(place: tuple[int, int]) -> int:
    return place[1] - place[0]
