"""Match what attention is told about positions: rotation, distances, windows, and biases."""

from typing import Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_quantize.native.layers import PositionBias, Rotary
from edgebert_quantize.native.values import (
    MismatchError,
    array_of,
    constant,
    in_order,
    inputs_of,
    is_constant,
    is_made_by,
    named,
    number_of,
    operands,
    producer,
    required,
)

HEADS_FIRST: Final = (2, 0, 1)
"""(queries, keys, heads) → (heads, queries, keys)."""


def match_rotated(value: ir.Value) -> tuple[Rotary | None, ir.Value]:
    """The tables that queries or keys are turned by, None without any, and the value before it.

        first, second = halves of x;  [first · cos − second · sin, second · cos + first · sin]

    Raises:
        MismatchError: parts of it are put together otherwise.
    """
    if not is_made_by(value, "Concat"):
        return None, value
    joined = producer(value, "Concat")
    start, end = operands(joined)
    if joined.attributes.get_int("axis", 0) not in (-1, 3) or len(joined.inputs) != 2:
        raise MismatchError(f"{named(value)} is not a rotation of two halves of heads")
    (first, cosines), (second, sines) = map(_factors, operands(producer(start, "Sub")))
    crossed = {_factors(each) for each in operands(producer(end, "Add"))}
    if crossed != {(second, cosines), (first, sines)}:
        raise MismatchError(f"{named(end)} is not the other half of the rotation {named(start)}")
    return Rotary(cosines=_rows(cosines), sines=_rows(sines)), _whole(first, second)


def _factors(value: ir.Value) -> tuple[ir.Value, ir.Value]:
    """A half of heads, and the angles' cosines or sines that it is multiplied by."""
    return in_order(producer(value, "Mul"), lambda each: is_made_by(each, "Split"), "half a head")


def _whole(first: ir.Value, second: ir.Value) -> ir.Value:
    """What two values are the halves of, along the last axis."""
    split = producer(first, "Split")
    halves = tuple(split.outputs) == (first, second) and len(split.inputs) == 1
    if not halves or split.attributes.get_int("axis", 0) not in (-1, 3):
        raise MismatchError(f"{named(first)} and {named(second)} are not the halves of heads")
    return required(split.inputs[0], split)


def _rows(value: ir.Value) -> ir.Value:
    """The constant whose first rows a value is; an engine refuses other rows than tokens."""
    table, start, _, axis, step = inputs_of(producer(value, "Slice"), 5)
    steps = [1] if step is None else array_of(step, 1).tolist()
    if (array_of(start, 1).tolist(), array_of(axis, 1).tolist(), steps) != ([0], [0], [1]):
        raise MismatchError(f"{named(value)} does not begin with the first position")
    return constant(table, 2)


def match_window(value: ir.Value) -> int:
    """How far apart the two tokens of a pair may be, where a value is true.

    Raises:
        MismatchError: it is no such limit.
    """
    distance, limit = operands(producer(value, "LessOrEqual"))
    _require_apart(distance)
    return int(number_of(limit))


def require_itself(value: ir.Value) -> None:
    """Refuse what is not true for pairs of a token and itself alone.

    Raises:
        MismatchError: it is true for others.
    """
    zero, distance = in_order(producer(value, "Equal"), is_constant, "a number")
    _require_apart(distance)
    if number_of(zero) != 0:
        raise MismatchError(f"{named(value)} is not true for tokens and themselves")


def _require_apart(value: ir.Value) -> None:
    """Refuse what is not how far apart query and key are."""
    node = producer(value, "Abs")
    _require_distance(required(node.inputs[0], node))


def _require_distance(value: ir.Value) -> None:
    """Refuse what is not the place of a query minus that of a key."""
    places = []
    for each, axis in zip(operands(producer(value, "Sub")), (1, 0), strict=True):
        place, axes = operands(producer(each, "Unsqueeze"))
        if array_of(axes, 1).tolist() != [axis]:
            raise MismatchError(f"{named(value)} is not query minus key")
        places.append(place)
    start, _, step = inputs_of(producer(places[0], "Range"), 3)
    if places[0] is not places[1] or (number_of(start), number_of(step)) != (0, 1):
        raise MismatchError(f"{named(value)} is not a distance of tokens")


def match_bias(value: ir.Value) -> PositionBias:
    """A number for each head and distance, which is added to scores.

    Raises:
        MismatchError: it depends on more than the distance.
    """
    batched, axes = operands(producer(value, "Unsqueeze"))
    turned = producer(batched, "Transpose")
    if array_of(axes, 1).tolist() != [0]:
        raise MismatchError(f"{named(value)} is not the same for all texts")
    if tuple(turned.attributes.get_ints("perm", ())) != HEADS_FIRST:
        raise MismatchError(f"{named(value)} has its axes in another order than {HEADS_FIRST}")
    table, rows = _gathered(required(turned.inputs[0], turned))
    buckets, index = _gathered(rows)
    reach = _offset(index)
    scores, bucket = array_of(table, 2), array_of(buckets, 1)
    if len(bucket) != 2 * reach + 1:
        raise MismatchError(
            f"{named(buckets)} has {len(bucket)} distances, expected {2 * reach + 1}"
        )
    by_key_minus_query = scores[bucket[::-1]].T.astype(np.float32)
    return PositionBias(source=value, table=_trimmed(by_key_minus_query))


def _gathered(value: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The constant whose first axis is looked up, and by what."""
    node = value.producer()
    if node is not None and node.op_type == "GatherND":
        table, places = operands(node)
        index, axes = operands(producer(places, "Unsqueeze"))
        plain = array_of(axes, 1).tolist() == [-1] and not node.attributes.get_int("batch_dims", 0)
    else:
        node = producer(value, "Gather")
        table, index = operands(node)
        plain = node.attributes.get_int("axis", 0) == 0
    if not plain:
        raise MismatchError(f"{named(value)} looks up another axis than the first")
    return table, index


def _offset(value: ir.Value) -> int:
    """What is added to the distance of query and key."""
    for operator, sign in (("Add", 1), ("Sub", -1)):
        if is_made_by(value, operator):
            first, second = operands(producer(value, operator))
            if is_constant(second):
                return _offset(first) + sign * int(number_of(second))
    _require_distance(value)
    return 0


def _trimmed(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without the ends that say the same again: the operator takes the last for all beyond."""
    middle = table.shape[1] // 2

    def same(reach: int) -> bool:
        ends = table[:, : middle - reach + 1], table[:, middle + reach :]
        return all(
            (end == end[:, column, None]).all() for end, column in zip(ends, (-1, 0), strict=True)
        )

    reach = next(each for each in range(middle + 1) if same(each))
    return np.ascontiguousarray(table[:, middle - reach : middle + reach + 1])
