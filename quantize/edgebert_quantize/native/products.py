"""Find the quantized products of an int8 graph."""

import onnx_ir as ir

from edgebert_quantize.native.layers import Product
from edgebert_quantize.native.norms import is_norm
from edgebert_quantize.native.values import (
    MismatchError,
    array_of,
    constant,
    inputs_of,
    is_made_by,
    named,
    operands,
    producer,
    required,
)
from edgebert_runtime.engine.onnxruntime import CONTRIB


def is_product(value: ir.Value) -> bool:
    """Whether it is a product of integers, with or without outliers."""
    if is_made_by(value, "MatMulIntegerToFloat", CONTRIB):
        return True
    if not is_made_by(value, "Add"):
        return False
    made = operands(producer(value, "Add"))
    kinds = [is_made_by(each, "MatMulIntegerToFloat", CONTRIB) for each in made]
    return any(kinds) and any(is_made_by(each, "MatMul") for each in made)


def match_product(value: ir.Value) -> tuple[Product, ir.Value]:
    """A quantized linear layer, and what it reads.

    Raises:
        MismatchError: it is another layer than the operator has.
    """
    rows, start, around = None, None, None
    if is_made_by(value, "Add"):
        first, second = operands(producer(value, "Add"))
        value, exact = (second, first) if is_made_by(first, "MatMul") else (first, second)
        rows, start, around = _outliers(exact)
    node = producer(value, "MatMulIntegerToFloat", CONTRIB)
    quantized, weight, scale, scales, zero, weight_zero, bias = inputs_of(node, 7)
    if weight_zero is not None:
        raise MismatchError(f"{named(value)} has weights with a zero point")
    quantizer = producer(quantized, "QuantizeLinear")
    x, x_scale, x_zero = inputs_of(quantizer, 3)
    if x_scale is not scale or x_zero is not zero:
        raise MismatchError(f"{named(value)} reads values in another range than its own")
    smoothing, x = _smoothed(required(x, quantizer))
    if around not in (None, x):
        raise MismatchError(f"{named(value)} has outliers of another value than it reads")
    found = Product(
        weight=constant(weight, 2),
        scales=constant(scales, 0, 1),
        bias=None if bias is None else constant(bias, 1),
        smoothing=smoothing,
        range_scale=constant(scale, 0),
        range_zero=constant(zero, 0),
        outlier_rows=rows,
        outlier_start=start,
    )
    return found, x


def _smoothed(x: ir.Value) -> tuple[ir.Value | None, ir.Value]:
    """The factors of a value's channels, None without any, and the value before them."""
    if not is_made_by(x, "Mul") or is_norm(x):  # whose weights are no factors of smoothing
        return None, x
    value, factors = operands(producer(x, "Mul"))
    if factors.const_value is None or factors.shape is None or len(factors.shape) != 1:
        return None, x
    return factors, value


def _outliers(value: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
    """Rows of weights, the first channel that they are of, and the value with the channels."""
    part, rows = operands(producer(value, "MatMul"))
    node = producer(part, "Slice")
    x, start, end, axis, step = inputs_of(node, 5)
    rows, start = constant(rows, 2), constant(start, 1)
    first, last = (int(array_of(each, 1).item()) for each in (start, end))
    whole = last - first == array_of(rows, 2).shape[0] and step is None
    if int(array_of(axis, 1).item()) not in (-1, 2) or not whole:
        raise MismatchError(f"{named(part)} is not a range of outlier channels")
    return rows, start, required(x, node)
