"""The operator `edgebert.native::Int8Encoder` in numpy: one text after another, in float64.

Products are sums of integers. Ranges and bytes come from float32, as in the kernels.
"""

from collections.abc import Callable
from dataclasses import replace
from math import erf, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.support.native.model import Floats, Layer, Model, Norm, Product

Array = NDArray[np.float64]
Watch = Callable[[int, str, Array], None]
"""Sees the input of every product: its layer, its name, and the rows after smoothing."""

LEVELS: Final = 255
LEAST_RANGE: Final = np.float32(1e-20)
"""The scale of a row of zeros."""

_erf = np.vectorize(erf, otypes=[np.float64])

ACTIVATIONS: Final[dict[str, Callable[[Array], Array]]] = {
    "gelu": lambda x: 0.5 * x * (1 + _erf(x / sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: np.maximum(x, 0),
    "silu": lambda x: x / (1 + np.exp(-x)),
}


def encode(
    model: Model, hidden: Floats, mask: NDArray[np.int64], watch: Watch | None = None
) -> Floats:
    """What the operator gives. Shapes: (batch, tokens, hidden) and (batch, tokens)."""
    output = np.zeros_like(hidden)
    for text, kept in enumerate(mask != 0):
        if kept.any():
            output[text, kept] = _text(model, hidden[text, kept], np.flatnonzero(kept), watch)
    return output


def calibrated(model: Model, hidden: Floats, mask: NDArray[np.int64]) -> Model:
    """The model in the static scheme, with the ranges that these inputs have."""
    ranges: dict[tuple[int, str], tuple[float, float]] = {}

    def watch(layer: int, name: str, rows: Array) -> None:
        low, high = ranges.get((layer, name), (0.0, 0.0))
        ranges[layer, name] = min(low, rows.min()), max(high, rows.max())

    encode(model, hidden, mask, watch)
    layers = []
    for index, layer in enumerate(model.layers):
        products = {
            name: _with_range(product, *ranges[index, name])
            for name, product in layer.products.items()
        }
        layers.append(replace(layer, products=products))
    return replace(model, shape=replace(model.shape, scheme="static"), layers=layers)


def _with_range(product: Product, low: float, high: float) -> Product:
    scale = np.float32((high - low) / LEVELS)
    zero = np.uint8(np.clip(np.rint(-low / scale), 0, LEVELS))
    return replace(product, range_scale=np.array(scale), range_zero=np.array(zero))


def _text(model: Model, hidden: Floats, positions: NDArray[np.int64], watch: Watch | None) -> Array:
    shape = model.shape
    states = hidden.astype(np.float64)
    post = shape.norm_place == "post"
    for index, layer in enumerate(model.layers):

        def product(name: str, rows: Array, index: int = index, layer: Layer = layer) -> Array:
            seen = None if watch is None else lambda smoothed: watch(index, name, smoothed)
            return _product(layer.products[name], rows, shape.scheme, seen)

        entered = states if post else _normed(model, layer.attention_norm, states)
        states = states + product("output", _attention(model, layer, entered, positions, product))
        states = _normed(model, layer.attention_norm, states) if post else states
        entered = states if post else _normed(model, layer.feed_forward_norm, states)
        states = states + product("down", _inner(model, entered, product))
        states = _normed(model, layer.feed_forward_norm, states) if post else states
    return _normed(model, model.final_norm, states)


def _inner(model: Model, entered: Array, product: Callable[[str, Array], Array]) -> Array:
    activation = ACTIVATIONS[model.shape.activation]
    if model.shape.gated:
        return activation(product("gate", entered)) * product("up", entered)
    return activation(product("up", entered))


def _product(
    product: Product, rows: Array, scheme: str, watch: Callable[[Array], None] | None
) -> Array:
    smoothed = rows.astype(np.float32)
    if product.smoothing is not None:
        smoothed = smoothed * product.smoothing
    if product.outlier_rows is not None and product.outlier_start is not None:
        start, count = int(product.outlier_start[0]), len(product.outlier_rows)
        smoothed = smoothed.copy()
        smoothed[:, start : start + count] = 0
    if watch is not None:
        watch(smoothed.astype(np.float64))
    scale, zero = _ranges(product, smoothed, scheme)
    levels = np.clip(np.rint(smoothed / scale) + zero, 0, LEVELS).astype(np.int64)
    sums = (levels - zero.astype(np.int64)) @ product.weight.astype(np.int64)
    output = sums * scale.astype(np.float64) * product.scales
    if product.outlier_rows is not None:
        output = output + rows[:, start : start + count] @ product.outlier_rows
    shifted: Array = output if product.bias is None else output + product.bias
    return shifted


def _ranges(product: Product, smoothed: Floats, scheme: str) -> tuple[Floats, Floats]:
    if scheme == "static":
        assert product.range_scale is not None
        assert product.range_zero is not None
        return product.range_scale.reshape(1, 1), product.range_zero.reshape(1, 1).astype("f")
    low = np.minimum(smoothed.min(1, keepdims=True), 0)
    high = np.maximum(smoothed.max(1, keepdims=True), 0)
    scale = np.maximum((high - low) / np.float32(LEVELS), LEAST_RANGE)
    return scale, np.rint(-low / scale)


def _attention(
    model: Model,
    layer: Layer,
    entered: Array,
    positions: NDArray[np.int64],
    product: Callable[[str, Array], Array],
) -> Array:
    shape = model.shape
    query, key, value = (
        product(name, entered).reshape(len(entered), -1, shape.head_size).transpose(1, 0, 2)
        for name in ("query", "key", "value")
    )
    rotary = (layer.window and model.local_rotary) or model.rotary
    if rotary is not None:
        query, key = (_rotated(each, rotary, positions) for each in (query, key))
    scores = query @ key.transpose(0, 2, 1) * shape.scale
    apart = positions[None, :] - positions[:, None]
    if model.position_bias is not None:
        reach = model.position_bias.shape[1] // 2
        scores = scores + model.position_bias[:, np.clip(apart, -reach, reach) + reach]
    if layer.window:
        scores = np.where(np.abs(apart) <= layer.window, scores, -np.inf)
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    context: Array = (shares @ value).transpose(1, 0, 2).reshape(len(entered), -1)
    return context


def _rotated(vectors: Array, rotary: tuple[Floats, Floats], positions: NDArray[np.int64]) -> Array:
    cosine, sine = (table[positions].astype(np.float64) for table in rotary)
    first, second = np.split(vectors, 2, axis=-1)
    return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], -1)


def _normed(model: Model, norm: Norm, states: Array) -> Array:
    if norm.weight is None:
        return states
    if model.shape.norm == "layer":
        states = states - states.mean(-1, keepdims=True)
    scaled = states / np.sqrt((states**2).mean(-1, keepdims=True) + model.shape.epsilon)
    output: Array = scaled * norm.weight
    return output if norm.bias is None else output + norm.bias
