"""Small int8 encoders for the operator `edgebert.native::Int8Encoder`, from a seed."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Constant = NDArray[np.generic]

PRODUCTS: Final = ("query", "key", "value", "output", "up", "gate", "down")
"""In the order of `roles`."""

MOST: Final = 127
"""The largest weight."""


@dataclass(frozen=True, kw_only=True)
class Product:
    """One product of a layer; what is None is absent."""

    weight: NDArray[np.int8]
    scales: Floats
    bias: Floats | None
    smoothing: Floats | None = None
    range_scale: Floats | None = None
    range_zero: NDArray[np.uint8] | None = None
    outlier_rows: Floats | None = None
    outlier_start: NDArray[np.int64] | None = None

    def constants(self) -> list[Constant | None]:
        """In the order of `roles`."""
        outliers = [self.outlier_rows, self.outlier_start]
        ranges = [self.range_scale, self.range_zero]
        return [self.weight, self.scales, self.bias, self.smoothing, *ranges, *outliers]


@dataclass(frozen=True, kw_only=True)
class Norm:
    weight: Floats | None = None
    bias: Floats | None = None


@dataclass(frozen=True, kw_only=True)
class Layer:
    products: dict[str, Product]
    attention_norm: Norm
    feed_forward_norm: Norm
    window: int = 0


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Everything of a model that is no constant."""

    layers: int = 2
    hidden: int = 32
    heads: int = 2
    head_size: int = 16
    ffn: int = 64
    epsilon: float = 1e-12
    scale: float = 0.1
    scheme: str = "token"
    norm: str = "layer"
    norm_place: str = "post"
    activation: str = "gelu"
    gated: bool = False


@dataclass(frozen=True, kw_only=True)
class Model:
    shape: Shape
    layers: list[Layer]
    final_norm: Norm = Norm()
    rotary: tuple[Floats, Floats] | None = None
    local_rotary: tuple[Floats, Floats] | None = None
    position_bias: Floats | None = None

    @property
    def has_positions(self) -> bool:
        """Whether it matters how far apart two tokens are."""
        windows = any(layer.window for layer in self.layers)
        return windows or self.rotary is not None or self.position_bias is not None

    def by_role(self) -> list[Constant | None]:
        """One entry for each of `roles`."""
        found: list[Constant | None] = []
        for layer in self.layers:
            for name in PRODUCTS:
                product = layer.products.get(name)
                found += product.constants() if product else [None] * 8
            for norm in (layer.attention_norm, layer.feed_forward_norm):
                found += [norm.weight, norm.bias]
        found += [self.final_norm.weight, self.final_norm.bias]
        tables = (self.rotary or (None, None), self.local_rotary or (None, None))
        return [*found, *tables[0], *tables[1], self.position_bias]

    def constants(self) -> list[Constant]:
        """The operator's inputs from the third on; what several roles share is one of them."""
        found = {id(each): each for each in self.by_role() if each is not None}
        return list(found.values())

    def attributes(self) -> dict[str, int | float | str | list[int]]:
        """The operator's attributes."""
        places = {id(each): place for place, each in enumerate(self.constants())}
        roles = [-1 if each is None else places[id(each)] for each in self.by_role()]
        numbers = {**vars(self.shape), "gated": int(self.shape.gated)}
        return {**numbers, "windows": [layer.window for layer in self.layers], "roles": roles}


def random_product(
    random: np.random.Generator, inputs: int, outputs: int, *, smoothing: bool, outliers: int
) -> Product:
    """Weights of about unit gain; `outliers` of its inputs are multiplied as floats."""
    weight = random.integers(-MOST, MOST + 1, (inputs, outputs)).astype(np.int8)
    scales = (random.uniform(0.5, 1.5, outputs) / (73 * np.sqrt(inputs))).astype(np.float32)
    smooth = random.uniform(0.5, 2, inputs).astype(np.float32)
    product = Product(
        weight=weight,
        scales=scales,
        bias=random.normal(0, 0.1, outputs).astype(np.float32),
        smoothing=smooth if smoothing else None,
    )
    if not outliers:
        return product
    start = int(random.integers(0, inputs - outliers + 1))
    weight[start : start + outliers] = 0
    rows = random.normal(0, 1 / np.sqrt(inputs), (outliers, outputs)).astype(np.float32)
    return replace(product, outlier_rows=rows, outlier_start=np.array([start], np.int64))


def random_norm(random: np.random.Generator, hidden: int, *, bias: bool) -> Norm:
    weight = random.uniform(0.5, 1.5, hidden).astype(np.float32)
    return Norm(
        weight=weight, bias=random.normal(0, 0.1, hidden).astype(np.float32) if bias else None
    )


def random_model(shape: Shape, *, seed: int = 0, outliers: int = 4, window: int = 0) -> Model:
    """A model with smoothing, and outliers before `down`, as quantize writes them."""
    random = np.random.default_rng(seed)
    inner = shape.heads * shape.head_size
    sizes = dict.fromkeys(("query", "key", "value"), (shape.hidden, inner))
    sizes |= {"output": (inner, shape.hidden), "up": (shape.hidden, shape.ffn)}
    sizes |= {"gate": (shape.hidden, shape.ffn)} if shape.gated else {}
    sizes |= {"down": (shape.ffn, shape.hidden)}
    bias = shape.norm == "layer"
    layers = []
    for _ in range(shape.layers):
        products = {
            name: random_product(
                random,
                *size,
                smoothing=name != "output",
                outliers=outliers if name == "down" else 0,
            )
            for name, size in sizes.items()
        }
        for first, others in (("query", ("key", "value")), ("up", ("gate",))):
            for name in others:  # they share an input
                if name in products:
                    smoothing = products[first].smoothing
                    products[name] = replace(products[name], smoothing=smoothing)
        norms = [random_norm(random, shape.hidden, bias=bias) for _ in range(2)]
        layers.append(
            Layer(
                products=products,
                attention_norm=norms[0],
                feed_forward_norm=norms[1],
                window=window,
            )
        )
    final = random_norm(random, shape.hidden, bias=bias) if shape.norm_place == "pre" else Norm()
    return Model(shape=shape, layers=layers, final_norm=final)
