"""The files, and the bytes of them, that an ONNX file's tensors are read from.

ONNX Runtime opens every file that a tensor names, before any of its content is checked: so what
tensors name is read and checked first (https://onnx.ai/onnx/repo-docs/ExternalData.html).
"""

from bisect import bisect
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from edgebert_runtime.bundle.paths import resolve_inside
from edgebert_runtime.bundle.protobuf_reader import StoredTensor, read_tensors
from edgebert_runtime.errors import BundleError, UnsafePathError

if TYPE_CHECKING:
    from edgebert_runtime.bundle.manifest import ExternalRange

LOCATION: Final = "location"
OFFSET: Final = "offset"
LENGTH: Final = "length"
ONCE: Final = (LOCATION, OFFSET, LENGTH)
"""Keys of `external_data` that say where a tensor lies."""

MEMORY_MARK: Final = "*/_ORT_MEM_ADDR_/*"
"""ONNX Runtime's mark of a tensor whose offset is an address in memory, not in a file."""

GRAPHS: Final = ".onnx"

Ranges = dict[Path, list[tuple[int, int]]]
"""File → start and end of the bytes that the manifest lists."""


class DataFile(NamedTuple):
    """A file that tensors are read from.

    Attributes:
        path: where it is.
        size_bytes: of it.
        listed: start and end of the bytes that the manifest lists; None for all.
    """

    path: Path
    size_bytes: int
    listed: list[tuple[int, int]] | None


Files = Callable[[str], DataFile]
"""From a location, as a tensor names it, to its file; looked at once for each location."""

Places = Callable[[Path], list[tuple[int, int]]]
"""From a graph to start and end of the data of each of its tensors, in order."""


def external_locations(model: Path) -> set[str]:
    """Every file name, as written, that an ONNX file's tensors name as their external data.

    Looks into subgraphs, functions, training graphs, sparse tensors and attributes. A tensor
    counts by naming a location, whatever its `data_location` says.

    Raises:
        BundleError: as `read_tensors`.
    """
    return _locations(read_tensors(model))


def check_external_data(
    folder: Path,
    variant_files: tuple[str, ...],
    model: str,
    external: "Sequence[ExternalRange]" = (),
) -> None:
    """Refuse a graph that would make an engine read bytes that its bundle does not vouch for.

    A range of bytes must lie inside its file. In a file that is an ONNX graph itself it must lie
    inside the data of one tensor. Ranges of two tensors are the same or apart.

    Args:
        folder: the bundle.
        variant_files: the files the manifest lists for the variant, whose hashes are checked.
        model: the graph, relative to the bundle. Its external data lies in its own folder or
            below, the only place where ONNX Runtime takes it from.
        external: the bytes of other files that the manifest lists; of a file without a range here,
            all.

    Raises:
        BundleError: the graph, or a graph that it has ranges of, is not an ONNX file.
        UnsafePathError: it keeps data outside the bundle, in a file that is not listed, or in
            bytes that are not one tensor's.
    """
    graph = resolve_inside(folder, model)
    if graph.suffix != GRAPHS:
        raise BundleError(f"{graph} is not named .onnx, so an engine may read it as another format")
    listed = {resolve_inside(folder, path) for path in variant_files}
    tensors = read_tensors(graph)
    for location in sorted(_locations(tensors)):
        if location == MEMORY_MARK:
            raise UnsafePathError(
                f"{graph} has external data at a memory address; do not use this bundle"
            )
        if resolve_inside(graph.parent, location) not in listed:
            raise UnsafePathError(
                f"{graph} keeps weights in {location!r}, and the manifest lists only "
                f"{', '.join(variant_files)} for it; export the model again"
            )
    places = cache(_tensor_places)
    ranges: Ranges = {}
    for each in external:
        end = each.offset + each.length
        ranges.setdefault(resolve_inside(folder, each.file), []).append((each.offset, end))
    files = cache(partial(_data_file, graph.parent, ranges))
    for tensor in tensors:
        if tensor.external:
            problem = _misplaced(tensor, files, places)
            if problem:
                raise UnsafePathError(
                    f"{graph} has tensor {tensor.name!r} {problem}; do not use this bundle"
                )
    _refuse_overlaps(graph, [each for each in tensors if each.external])


def _locations(tensors: list[StoredTensor]) -> set[str]:
    return {value for each in tensors for key, value in each.external if key == LOCATION}


def _data_file(folder: Path, ranges: Ranges, location: str) -> DataFile:
    path = folder / location
    if not path.is_file():
        raise BundleError(f"{path} is missing or not a file; copy or export the bundle again")
    listed = ranges.get(resolve_inside(folder, location))
    return DataFile(path, path.stat().st_size, listed)


def _misplaced(tensor: StoredTensor, files: Files, places: Places) -> str | None:
    """What is wrong with the bytes that a tensor is read from; None if nothing is."""
    twice = [key for key, count in Counter(key for key, _ in tensor.external).items() if count > 1]
    if set(twice) & set(ONCE):
        return f"with external data that has {', '.join(twice)} more than once, expected once"
    where = dict(tensor.external)
    if LOCATION not in where:
        return None  # no engine reads anything for it
    location, size = where[LOCATION], tensor.size_bytes
    numbers = where.get(OFFSET, "0"), where.get(LENGTH, str(size or 0))
    if not all(number.isascii() and number.isdigit() for number in numbers):
        return f"at offset {numbers[0]!r} of {location!r}, length {numbers[1]!r}: not numbers"
    start, length = map(int, numbers)
    if size is not None and length != size:
        return f"of {size} bytes in a range of {length} bytes of {location!r}"
    (path, size_bytes, listed), end = files(location), start + length
    if end > size_bytes:
        return f"in bytes {start} to {end} of {location!r}, which has {size_bytes} bytes"
    if listed is not None and not any(first <= start and end <= last for first, last in listed):
        return f"in bytes {start} to {end} of {location!r}, which the manifest does not list"
    if path.suffix == GRAPHS and not _is_inside(places(path), start, end):
        return f"in bytes {start} to {end} of {location!r}, which are not inside one tensor there"
    return None


def _refuse_overlaps(graph: Path, tensors: list[StoredTensor]) -> None:
    """Two tensors may have the same bytes, such as a tied table; no writer lets them share some."""
    places: dict[str, dict[tuple[int, int], str]] = {}
    for tensor in tensors:
        where = dict(tensor.external)
        if LOCATION in where:
            start = int(where.get(OFFSET, "0"))
            end = start + int(where.get(LENGTH, str(tensor.size_bytes or 0)))
            if end > start:
                places.setdefault(where[LOCATION], {}).setdefault((start, end), tensor.name)
    for location, found in places.items():
        for first, second in pairwise(sorted(found)):
            if second[0] < first[1]:
                raise UnsafePathError(
                    f"{graph} has tensors {found[first]!r} and {found[second]!r} that share some "
                    f"bytes of {location!r}, expected all or none; do not use this bundle"
                )


def _tensor_places(graph: Path) -> list[tuple[int, int]]:
    """Start and end of the data of each tensor of a graph, in order."""
    return sorted(each.raw for each in read_tensors(graph) if each.raw is not None)


def _is_inside(places: list[tuple[int, int]], start: int, end: int) -> bool:
    """Whether a range lies inside one of these places, which do not overlap."""
    at = bisect(places, (start, end))
    return any(first <= start and end <= last for first, last in places[max(0, at - 1) : at + 1])
