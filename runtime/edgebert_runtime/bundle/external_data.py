"""Where a graph keeps weights outside its own file, found without an ONNX library.

The file is walked in protobuf's wire format (https://protobuf.dev/programming-guides/encoding),
over a memory map and past everything that cannot lead to a tensor, so that weights are not read.
What a protobuf parser might understand in two ways is refused.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edgebert_runtime.bundle.paths import resolve_inside
from edgebert_runtime.errors import BundleError, UnsafePathError

MESSAGES: Final[dict[str, dict[int, str]]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "TensorProto": {13: "StringStringEntryProto"},
}
"""Every message that can hold a tensor: field number → child message (onnx/onnx.proto, 1.22)."""
ENTRY: Final = "StringStringEntryProto"
ENTRY_KEY: Final = 1
ENTRY_VALUE: Final = 2

MAX_DEPTH: Final = 64
"""Messages within messages; protobuf's own parsers stop at 100, a subgraph takes three."""
MAX_FIELD_NUMBER: Final = 2**29 - 1
MAX_VARINT_BYTES: Final = 10
VARINT: Final = 0
LENGTH_DELIMITED: Final = 2
FIXED_SIZES: Final = {1: 8, 5: 4}
"""Wire types of a fixed size, in bytes."""

MEMORY_MARK: Final = "*/_ORT_MEM_ADDR_/*"
"""ONNX Runtime's mark of a tensor whose offset is an address in memory, not in a file."""


class _MalformedError(Exception):
    """The bytes are not a protobuf message; says why."""


def external_locations(model: Path) -> set[str]:
    """Every file name, as written, that an ONNX file's tensors name as their external data.

    Looks into subgraphs, functions, training graphs, sparse tensors and attributes. A tensor
    counts by naming a location, whatever its `data_location` says.

    Raises:
        BundleError: the file cannot be read, is not protobuf, or nests deeper than `MAX_DEPTH`.
    """
    if not model.is_file():
        raise BundleError(f"{model} is missing or not a file; copy or export the bundle again")
    try:
        with (
            model.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            return _locations(data)
    except OSError as error:
        raise BundleError(f"{model} cannot be read ({error.strerror})") from error
    except (_MalformedError, ValueError) as error:
        raise BundleError(
            f"{model} is not an ONNX file: {error}; copy or export the bundle again"
        ) from error


def check_external_data(folder: Path, variant_files: tuple[str, ...], model: str) -> None:
    """Refuse a graph that would make an engine open a file its bundle does not vouch for.

    Args:
        folder: the bundle.
        variant_files: the files the manifest lists for the variant, whose hashes are checked.
        model: the graph, relative to the bundle. Its external data lies in its own folder or
            below, the only place where ONNX Runtime takes it from.

    Raises:
        BundleError: the graph is not an ONNX file.
        UnsafePathError: it keeps data outside the bundle, or in a file that is not listed.
    """
    graph = resolve_inside(folder, model)
    if graph.suffix != ".onnx":
        raise BundleError(f"{graph} is not named .onnx, so an engine may read it as another format")
    listed = {resolve_inside(folder, path) for path in variant_files}
    for location in sorted(external_locations(graph)):
        if location == MEMORY_MARK:
            raise UnsafePathError(
                f"{graph} has external data at a memory address; do not use this bundle"
            )
        if resolve_inside(graph.parent, location) not in listed:
            raise UnsafePathError(
                f"{graph} keeps weights in {location!r}, and the manifest lists only "
                f"{', '.join(variant_files)} for it; export the model again"
            )


def _locations(data: mmap.mmap) -> set[str]:
    found: set[str] = set()
    pending = [("ModelProto", 0, len(data), 0)]
    while pending:
        message, start, end, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise _MalformedError(f"it nests deeper than {MAX_DEPTH} messages")
        children = MESSAGES[message]
        for number, first, last in fields(data, start, end):
            child = children.get(number)
            if child == ENTRY:
                found |= _location(data, first, last)
            elif child is not None:
                pending.append((child, first, last, depth + 1))
    return found


def _location(data: mmap.mmap, start: int, end: int) -> set[str]:
    """The value of one `external_data` entry if its key is `location`; a repeated field's last."""
    entry = {number: data[first:last] for number, first, last in fields(data, start, end)}
    if entry.get(ENTRY_KEY) != b"location":
        return set()
    return {entry.get(ENTRY_VALUE, b"").decode()}


def fields(data: mmap.mmap | bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of each length-delimited field of the message in `start:end`."""
    position = start
    while position < end:
        tag, position = _varint(data, position, end)
        number, wire_type = tag >> 3, tag & 7
        if not 1 <= number <= MAX_FIELD_NUMBER:
            raise _MalformedError(f"field number {number} near byte {position}")
        first = position
        if wire_type == LENGTH_DELIMITED:
            size, first = _varint(data, position, end)
            position = first + size
        elif wire_type == VARINT:
            _, position = _varint(data, position, end)
        elif wire_type in FIXED_SIZES:
            position += FIXED_SIZES[wire_type]
        else:
            raise _MalformedError(f"wire type {wire_type} near byte {position}")
        if position > end:
            raise _MalformedError(f"a field that starts near byte {first} does not end")
        if wire_type == LENGTH_DELIMITED:
            yield number, first, position


def _varint(data: mmap.mmap | bytes, start: int, end: int) -> tuple[int, int]:
    """The number at `start` and the position after it."""
    value = 0
    for position in range(start, min(end, start + MAX_VARINT_BYTES)):
        byte = data[position]
        value |= (byte & 0x7F) << 7 * (position - start)
        if byte < 0x80:
            return value, position + 1
    raise _MalformedError(f"a number that starts at byte {start} does not end")
