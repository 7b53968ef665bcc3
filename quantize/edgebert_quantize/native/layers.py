"""What the native operator takes of an encoder: its layers as constants, and its attributes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import onnx_ir as ir

ABSENT: Final = -1
"""The role of a constant that a layer has not."""

ENCODER_CONSTANTS: Final = 5
"""Behind the layers: weight and bias of a last norm, rotary cosines and sines, position bias."""


@dataclass(frozen=True, kw_only=True)
class Product:
    """A quantized linear layer: `(x · smoothing)` in uint8, times `weight`.

    Attributes:
        weight: (inputs, outputs), int8.
        scales: (outputs,) or a scalar, float32.
        bias: (outputs,), float32.
        smoothing: (inputs,), float32.
        range_scale, range_zero: of the activation, float32 and uint8 scalars.
        outlier_rows: (outliers, outputs), float32; those rows of `weight` are 0.
        outlier_start: the first outlier channel, (1,), int64.
    """

    weight: ir.Value
    scales: ir.Value
    bias: ir.Value | None
    smoothing: ir.Value | None
    range_scale: ir.Value
    range_zero: ir.Value
    outlier_rows: ir.Value | None = None
    outlier_start: ir.Value | None = None

    def constants(self) -> Iterator[ir.Value | None]:
        """In the order of the operator's roles."""
        yield from (self.weight, self.scales, self.bias, self.smoothing)
        yield from (self.range_scale, self.range_zero, self.outlier_rows, self.outlier_start)


NO_PRODUCT: Final = (None,) * 8
"""The constants of a product that a layer has not."""


@dataclass(frozen=True, kw_only=True)
class Norm:
    """A LayerNormalization: (hidden,) float32 each, and what is added to the variance."""

    weight: ir.Value
    bias: ir.Value | None
    epsilon: float


@dataclass(frozen=True, kw_only=True)
class Attention:
    """What an attention is made of.

    Attributes:
        query, key, value: its products.
        heads: how many there are.
        scale: of the scores.
        mask: the graph's input that says which tokens count.
    """

    query: Product
    key: Product
    value: Product
    heads: int
    scale: float
    mask: ir.Value


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of a post-LayerNorm encoder.

    Attributes:
        hidden_states: what it reads.
        attention: likewise.
        output, up, down: products after the attention, and of the feed-forward network.
        activation: between `up` and `down`, by the operator's name of it.
        attention_norm, feed_forward_norm: after each of its two sums.
    """

    hidden_states: ir.Value
    attention: Attention
    output: Product
    up: Product
    down: Product
    activation: str
    attention_norm: Norm
    feed_forward_norm: Norm

    def constants(self) -> Iterator[ir.Value | None]:
        """In the order of the operator's roles."""
        attention = self.attention
        for product in (attention.query, attention.key, attention.value, self.output, self.up):
            yield from product.constants()
        yield from NO_PRODUCT  # of a gate
        yield from self.down.constants()
        for norm in (self.attention_norm, self.feed_forward_norm):
            yield from (norm.weight, norm.bias)

    def attributes(self) -> dict[str, int | float | str]:
        """Those of the operator that all layers have in common."""
        hidden, ffn = _sizes(self.up.weight)
        return {
            "hidden": hidden,
            "heads": self.attention.heads,
            "head_size": _sizes(self.attention.query.weight)[1] // self.attention.heads,
            "ffn": ffn,
            "epsilon": self.attention_norm.epsilon,
            "scale": self.attention.scale,
            "norm": "layer",
            "norm_place": "post",
            "activation": self.activation,
            "gated": 0,
        }


@dataclass(frozen=True, kw_only=True)
class EncoderLayers:
    """All layers of a graph, the first one first.

    Attributes:
        layers: with the same attributes each.
        last: what the last layer gives.
    """

    layers: Sequence[Layer]
    last: ir.Value

    @property
    def first(self) -> ir.Value:
        """What the first layer reads."""
        return self.layers[0].hidden_states

    @property
    def mask(self) -> ir.Value:
        """The graph's input that says which tokens count."""
        return self.layers[0].attention.mask

    def constants(self) -> list[ir.Value | None]:
        """Of all roles, in their order."""
        found = [each for layer in self.layers for each in layer.constants()]
        return [*found, *[None] * ENCODER_CONSTANTS]

    def attributes(self, scheme: str) -> Mapping[str, int | float | str | Sequence[int]]:
        """Of the operator.

        Args:
            scheme: where ranges of activations come from: `token` or `static`.
        """
        constants = self.constants()
        inputs = [each for each in dict.fromkeys(constants) if each is not None]
        places = {each: at for at, each in enumerate(inputs)}
        return {
            "layers": len(self.layers),
            **self.layers[0].attributes(),
            "scheme": scheme,
            "windows": [0] * len(self.layers),
            "roles": [ABSENT if each is None else places[each] for each in constants],
        }


def _sizes(constant: ir.Value) -> Sequence[int]:
    if constant.const_value is None:
        raise ValueError(f"{constant.name} is no constant")
    return constant.const_value.shape.numpy()
