"""What the native operator takes of an encoder: its layers as constants, and its attributes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

ABSENT: Final = -1
"""The role of a constant that a layer has not."""


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


NOTHING_OF_A_PRODUCT: Final = (None,) * 8
"""The constants of a product that a layer has not."""


@dataclass(frozen=True, kw_only=True)
class Norm:
    """A norm over the last axis.

    Attributes:
        weight, bias: (hidden,), float32.
        epsilon: what is added to the variance, or to the mean of squares.
        kind: `layer` or `rms`.
    """

    weight: ir.Value
    bias: ir.Value | None
    epsilon: float
    kind: str


@dataclass(frozen=True, kw_only=True)
class Rotary:
    """What queries and keys are turned by: (positions, half a head) each, float32."""

    cosines: ir.Value
    sines: ir.Value

    def __str__(self) -> str:
        return f"{self.cosines.name} and {self.sines.name}"


@dataclass(frozen=True, kw_only=True)
class PositionBias:
    """What is added to the scores of a head, by how far key and query are apart.

    Attributes:
        source: the graph's value of it.
        table: (heads, 2 · reach + 1), float32, by key minus query; the ends hold for all beyond.
    """

    source: ir.Value
    table: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Attention:
    """What an attention is made of.

    Attributes:
        query, key, value, output: its products.
        heads: how many there are.
        scale: of the scores.
        mask: the graph's input that says which tokens count.
        window: how far apart query and key may be; 0 for any distance.
        rotary: what queries and keys are turned by, if anything.
        bias: what is added to scores, if anything.
    """

    query: Product
    key: Product
    value: Product
    output: Product
    heads: int
    scale: float
    mask: ir.Value
    window: int
    rotary: Rotary | None
    bias: PositionBias | None


@dataclass(frozen=True, kw_only=True)
class FeedForward:
    """A feed-forward network.

    Attributes:
        up, down: its products.
        gate: the product that the activation is of, where it is multiplied by `up`.
        activation: by the operator's name of it.
    """

    up: Product
    gate: Product | None
    down: Product
    activation: str


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer: two blocks, each of which is added to what it reads.

    Attributes:
        hidden_states: what it reads.
        attention, feed_forward: its blocks.
        attention_norm, feed_forward_norm: behind each sum, or before each block; None where a
            block reads what it is added to.
    """

    hidden_states: ir.Value
    attention: Attention
    feed_forward: FeedForward
    attention_norm: Norm | None
    feed_forward_norm: Norm | None

    @property
    def norms(self) -> tuple[Norm | None, Norm | None]:
        """Both, in order."""
        return self.attention_norm, self.feed_forward_norm

    def constants(self) -> Iterator[ir.Value | None]:
        """In the order of the operator's roles."""
        attention, feed_forward = self.attention, self.feed_forward
        products = (attention.query, attention.key, attention.value, attention.output)
        for product in (*products, feed_forward.up, feed_forward.gate, feed_forward.down):
            yield from NOTHING_OF_A_PRODUCT if product is None else product.constants()
        for norm in self.norms:
            yield from _constants(norm)

    def attributes(self) -> dict[str, int | float | str]:
        """Those of the operator that all layers have in common, but for those of norms."""
        attention, feed_forward = self.attention, self.feed_forward
        return {
            "hidden": _sizes(feed_forward.up.weight)[0],
            "head_size": _sizes(attention.query.weight)[1] // attention.heads,
            "scale": attention.scale,
            "activation": feed_forward.activation,
            "gated": int(feed_forward.gate is not None),
        }


@dataclass(frozen=True, kw_only=True)
class EncoderLayers:
    """All layers of a graph, which share what `alike` holds them to.

    Attributes:
        layers: the first one first.
        place: of norms, `post` or `pre`.
        final_norm: behind the last layer.
        last: what the last layer gives, or the final norm.
    """

    layers: Sequence[Layer]
    place: str
    final_norm: Norm | None
    last: ir.Value

    @property
    def first(self) -> ir.Value:
        """What the first layer reads."""
        return self.layers[0].hidden_states

    @property
    def mask(self) -> ir.Value:
        """The graph's input that says which tokens count."""
        return self.layers[0].attention.mask

    @property
    def norms(self) -> list[Norm]:
        """All there are."""
        found = [norm for layer in self.layers for norm in layer.norms]
        return [norm for norm in (*found, self.final_norm) if norm is not None]

    @cached_property
    def constants(self) -> Sequence[ir.Value | None]:
        """Of all roles, in their order."""
        found = [each for layer in self.layers for each in layer.constants()]
        rotary, local = self._rotaries()
        bias = self.layers[0].attention.bias
        tables = [_constants(self.final_norm), _constants(rotary), _constants(local)]
        found += [each for table in tables for each in table]
        return [*found, None if bias is None else _bias_constant(bias)]

    def attributes(self, scheme: str) -> Mapping[str, int | float | str | Sequence[int]]:
        """Of the operator, which sees from the weights how much narrower a layer is.

        Args:
            scheme: where ranges of activations come from: `token` or `static`.
        """
        inputs = [each for each in dict.fromkeys(self.constants) if each is not None]
        places = {each: at for at, each in enumerate(inputs)}
        norm = self.norms[0]
        return {
            "layers": len(self.layers),
            "heads": max(layer.attention.heads for layer in self.layers),
            "ffn": max(_sizes(layer.feed_forward.up.weight)[1] for layer in self.layers),
            **self.layers[0].attributes(),
            "epsilon": norm.epsilon,
            "norm": norm.kind,
            "norm_place": self.place,
            "scheme": scheme,
            "windows": [layer.attention.window for layer in self.layers],
            "roles": [ABSENT if each is None else places[each] for each in self.constants],
        }

    def _rotaries(self) -> tuple[Rotary | None, Rotary | None]:
        """Of the layers without a window, and of those with one where these have others."""
        attentions = [layer.attention for layer in self.layers]
        tables = {bool(each.window): each.rotary for each in attentions}
        first = tables.get(False, attentions[0].rotary)
        local = tables.get(True)
        return first, None if local == first else local


def _constants(part: Norm | Rotary | None) -> tuple[ir.Value | None, ir.Value | None]:
    """The two constants of a part that a graph may lack."""
    if part is None:
        return None, None
    return (part.weight, part.bias) if isinstance(part, Norm) else (part.cosines, part.sines)


def _bias_constant(bias: PositionBias) -> ir.Value:
    """A new constant; the graph has it as a table of buckets."""
    name = f"{bias.source.name}_by_distance"
    tensor = ir.tensor(bias.table, name=name)
    value = ir.Value(name=name, const_value=tensor, shape=ir.Shape(bias.table.shape))
    value.dtype = tensor.dtype
    return value


def _sizes(constant: ir.Value) -> Sequence[int]:
    if constant.const_value is None:
        raise ValueError(f"{constant.name} is no constant")
    return constant.const_value.shape.numpy()
