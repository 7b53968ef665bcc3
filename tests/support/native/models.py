"""The models that the operator and its driver are checked with, and their inputs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.support.native.model import Floats, Model, Norm, Shape, random_model
from tests.support.native.reference import calibrated

FLOAT_ATTENTION: Final = 0.03
"""How far a token's vector may be from the reference's, as a share of its length. Most are 1e-6
away; a number near the border of two bytes goes to the other, and these models are small: 1e-2."""

BFLOAT16_ATTENTION: Final = 0.1
"""The same where attention is in bfloat16, whose 8 bits move many a number to another byte; the
worst of these models was 0.085."""

LENGTHS: Final = (1, 2, 7, 17, 64, 65, 150)
"""Tokens of a text, around the sizes of tiles and blocks, and over the border of the schedules."""


def random_inputs(hidden: int, *, seed: int = 1) -> list[tuple[Floats, NDArray[np.int64]]]:
    """Alone at each length; then a batch with padding, with holes, and with a text left out."""
    random = np.random.default_rng(seed)

    def states(batch: int, tokens: int) -> Floats:
        return random.normal(0, 1, (batch, tokens, hidden)).astype(np.float32)

    alone = [(states(1, length), np.ones((1, length), np.int64)) for length in LENGTHS]
    mask = np.ones((4, 40), np.int64)
    mask[0, 33:] = 0
    mask[1, 5:20] = 0
    mask[2] = 0
    return [*alone, (states(4, 40), mask)]


def _static(model: Model) -> Model:
    hidden, mask = random_inputs(model.shape.hidden)[-1]
    return calibrated(model, hidden, mask)


POST: Final = Shape()
ODD: Final = replace(POST, hidden=40, heads=3, ffn=72)
"""Sizes that are no multiples of a vector."""

PRE: Final = replace(POST, norm="rms", norm_place="pre", activation="silu", gated=True)


def _tables(model: Model, base: float) -> tuple[Floats, Floats]:
    """Angles of positions, for as many tokens as the inputs have and more."""
    half = model.shape.head_size // 2
    angles = np.arange(1024)[:, None] / base ** (np.arange(half) / half)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def _with_positions(model: Model) -> Model:
    """Rotated by position."""
    return replace(model, rotary=_tables(model, 1e4))


def _partly_local(model: Model) -> Model:
    """The first layer sees all tokens, the others are local and have angles of their own."""
    first, *others = model.layers
    rotary, local = (_tables(model, base) for base in (1e4, 100))
    layers = [replace(first, window=0, attention_norm=Norm()), *others]
    return replace(model, layers=layers, rotary=rotary, local_rotary=local)


def _repeated(model: Model) -> Model:
    """All layers are the first one."""
    return replace(model, layers=[model.layers[0]] * len(model.layers))


def _with_bias(model: Model, reach: int) -> Model:
    """A number added to scores by how far key and query are apart."""
    random = np.random.default_rng(8)
    table = random.normal(0, 1, (model.shape.heads, 2 * reach + 1)).astype(np.float32)
    return replace(model, position_bias=table)


def _pruned(shape: Shape, widths: Sequence[tuple[int, int]], *, window: int = 0) -> Model:
    """Layers with these heads and widths; the shape is that of the widest."""
    layers = [
        layer
        for seed, (heads, ffn) in enumerate(widths)
        for layer in random_model(
            replace(shape, layers=1, heads=heads, ffn=ffn), seed=seed, window=window
        ).layers
    ]
    heads, ffn = (max(each) for each in zip(*widths, strict=True))
    whole = random_model(replace(shape, layers=len(widths), heads=heads, ffn=ffn))
    return replace(whole, layers=layers)


WIDE_HEADS: Final = replace(PRE, heads=1, head_size=32, norm="layer", activation="gelu")

MODELS: Final = {
    "post": random_model(POST),
    "post_static": _static(random_model(POST)),
    "odd": random_model(ODD, outliers=3),
    "pre_rms_silu_gated": random_model(PRE),
    "pre_static": _static(random_model(replace(PRE, activation="gelu_tanh"))),
    "window_rotary": _with_positions(random_model(WIDE_HEADS, window=5)),
    "partly_local": _partly_local(random_model(WIDE_HEADS, window=7)),
    "shared": _repeated(random_model(replace(POST, layers=3))),
    "bias_relu": _with_bias(random_model(replace(POST, activation="relu", norm="rms")), reach=12),
    "narrow_heads": random_model(replace(POST, heads=4, head_size=10)),
    "pruned": _pruned(POST, [(1, 32), (3, 8), (2, 96)]),
    "pruned_static": _static(_pruned(replace(POST, hidden=40), [(3, 72), (1, 16)])),
    "pruned_rotary_gated": _with_positions(
        _pruned(WIDE_HEADS, [(2, 16), (1, 64), (3, 24)], window=5)
    ),
    "no_outliers": random_model(replace(POST, hidden=48, heads=3), outliers=0),
}
