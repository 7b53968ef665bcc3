"""Read ONNX files as protobuf, without a parser that copies weights.

https://protobuf.dev/programming-guides/encoding and onnx/onnx.proto of ONNX 1.22.
"""

import mmap
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Final, NamedTuple

from edgebert_runtime.errors import BundleError

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
"""Every message that can hold a tensor: field number → child message."""
ENTRY: Final = "StringStringEntryProto"
ENTRY_KEY: Final = 1
ENTRY_VALUE: Final = 2

GRAPH: Final = 7
"""The field of ModelProto that is the main graph."""
INITIALIZER: Final = 5
"""The field of GraphProto that is a tensor."""
DIMS: Final = 1
DATA_TYPE: Final = 2
NAME: Final = 8
RAW_DATA: Final = 9
DOC_STRING: Final = 12
EXTERNAL_DATA: Final = 13
DATA_LOCATION: Final = 14
"""Fields of TensorProto."""

BITS: Final[dict[int, int]] = {
    **dict.fromkeys((2, 3, 9, 17, 18, 19, 20, 24), 8),
    **dict.fromkeys((4, 5, 10, 16), 16),
    **dict.fromkeys((1, 6, 12), 32),
    **dict.fromkeys((7, 11, 13, 14), 64),
    15: 128,
    **dict.fromkeys((21, 22, 23), 4),
}
"""TensorProto.DataType → bits of an element; strings have no fixed size."""

BYTES: Final = (2, 3)
"""TensorProto.DataType of uint8 and int8."""

MAX_DEPTH: Final = 64
"""Messages within messages; protobuf's own parsers stop at 100, a subgraph takes three."""
MAX_FIELD_NUMBER: Final = 2**29 - 1
MAX_VARINT_BYTES: Final = 10
VARINT: Final = 0
LENGTH_DELIMITED: Final = 2
FIXED_SIZES: Final = {1: 8, 5: 4}
"""Wire types of a fixed size, in bytes."""

Bytes = mmap.mmap | bytes


class MalformedError(Exception):
    """The bytes are not a protobuf message; says why."""


class StoredTensor(NamedTuple):
    """A tensor of an ONNX file, without its data.

    Attributes:
        name: as written.
        size_bytes: by shape and type; None for a type without a fixed size.
        raw: start and end of its data in the file; None where it has no `raw_data`.
        external: keys and values of `external_data`, as written.
        shape: its dimensions.
        data_type: a number of TensorProto.DataType.
    """

    name: str
    size_bytes: int | None
    raw: tuple[int, int] | None
    external: tuple[tuple[str, str], ...]
    shape: tuple[int, ...]
    data_type: int


def read_tensors(model: Path) -> list[StoredTensor]:
    """Every tensor of an ONNX file that has raw or external data.

    Looks into subgraphs, functions, training graphs, sparse tensors and attributes.

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
            return [each for each in _tensors(data) if each.raw or each.external]
    except OSError as error:
        raise BundleError(f"{model} cannot be read ({error.strerror})") from error
    except (MalformedError, ValueError) as error:
        raise BundleError(
            f"{model} is not an ONNX file: {error}; copy or export the bundle again"
        ) from error


def initializers(data: Bytes) -> Iterator[tuple[StoredTensor, int, int]]:
    """The tensors of a model's main graph, each with its start and end.

    Raises:
        MalformedError: the data is not a protobuf message.
    """
    for number, first, last in fields(data, 0, len(data)):
        if number != GRAPH:
            continue
        for inner, start, end in fields(data, first, last):
            if inner == INITIALIZER:
                yield _tensor(data, start, end), start, end


def fields(data: Bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of each length-delimited field of the message in `start:end`."""
    for number, wire_type, first, last in _every_field(data, start, end):
        if wire_type == LENGTH_DELIMITED:
            yield number, first, last


def varint(value: int) -> bytes:
    """A number in protobuf's encoding."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _tensors(data: Bytes) -> Iterator[StoredTensor]:
    pending = [("ModelProto", 0, len(data), 0)]
    while pending:
        message, start, end, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise MalformedError(f"it nests deeper than {MAX_DEPTH} messages")
        if message == "TensorProto":
            yield _tensor(data, start, end)
            continue
        children = MESSAGES[message]
        for number, first, last in fields(data, start, end):
            if number in children:
                pending.append((children[number], first, last, depth + 1))


def _tensor(data: Bytes, start: int, end: int) -> StoredTensor:
    """A TensorProto; of a repeated field the last counts, as protobuf has it."""
    name, raw, data_type = "", None, 0
    dims: list[int] = []
    external: list[tuple[str, str]] = []
    for number, wire_type, first, last in _every_field(data, start, end):
        if number == EXTERNAL_DATA and wire_type == LENGTH_DELIMITED:
            external.append(_entry(data, first, last))
        elif number == RAW_DATA and wire_type == LENGTH_DELIMITED:
            raw = (first, last)
        elif number == NAME and wire_type == LENGTH_DELIMITED:
            name = data[first:last].decode(errors="replace")
        elif number == DIMS:
            dims += _varints(data, first, last)
        elif number == DATA_TYPE and wire_type == VARINT:
            data_type, _ = _varint(data, first, last)
    size = _size(dims, data_type)
    return StoredTensor(name, size, raw, tuple(external), tuple(dims), data_type)


def _size(dims: list[int], data_type: int) -> int | None:
    if data_type not in BITS:
        return None
    return -(-BITS[data_type] * prod(dims) // 8)


def _entry(data: Bytes, start: int, end: int) -> tuple[str, str]:
    """Key and value of a StringStringEntryProto."""
    found = {number: data[first:last] for number, first, last in fields(data, start, end)}
    return found.get(ENTRY_KEY, b"").decode(), found.get(ENTRY_VALUE, b"").decode()


def _every_field(data: Bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, wire type, start and end of each field of the message in `start:end`."""
    position = start
    while position < end:
        tag, position = _varint(data, position, end)
        number, wire_type = tag >> 3, tag & 7
        if not 1 <= number <= MAX_FIELD_NUMBER:
            raise MalformedError(f"field number {number} near byte {position}")
        first = position
        if wire_type == LENGTH_DELIMITED:
            size, first = _varint(data, position, end)
            position = first + size
        elif wire_type == VARINT:
            _, position = _varint(data, position, end)
        elif wire_type in FIXED_SIZES:
            position += FIXED_SIZES[wire_type]
        else:
            raise MalformedError(f"wire type {wire_type} near byte {position}")
        if position > end:
            raise MalformedError(f"a field that starts near byte {first} does not end")
        yield number, wire_type, first, position


def _varints(data: Bytes, start: int, end: int) -> Iterator[int]:
    """The numbers of a field: one, or several that are packed."""
    while start < end:
        value, start = _varint(data, start, end)
        yield value


def _varint(data: Bytes, start: int, end: int) -> tuple[int, int]:
    """The number at `start` and the position after it."""
    if start < end and data[start] < 0x80:  # nearly all are of one byte
        return data[start], start + 1
    value = 0
    for position in range(start, min(end, start + MAX_VARINT_BYTES)):
        byte = data[position]
        value |= (byte & 0x7F) << 7 * (position - start)
        if byte < 0x80:
            return value, position + 1
    raise MalformedError(f"a number that starts at byte {start} does not end")
