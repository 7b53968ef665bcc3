"""What attention layers weigh, and the states after each layer, recorded while a module runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from edgebert.model.attention import SelfAttention
from edgebert.model.encoder import Encoder


@contextmanager
def recorded_attention(module: nn.Module) -> Iterator[list[Tensor]]:
    """Record the weights of every self-attention that runs inside the block, in order.

    They are computed beside the kernel that mixes tokens, from the same queries, keys and masks. A
    layer whose weights several layers share is there once for each.

    Args:
        module: with `SelfAttention` inside.

    Yields:
        A list that fills: (batch, heads, sequence, sequence) each.
    """
    found: list[Tensor] = []

    def keep(attention: SelfAttention, arguments: tuple[Any, ...], _: Tensor) -> None:
        found.append(attention.weights(*arguments))

    layers = [each for each in module.modules() if isinstance(each, SelfAttention)]
    hooks = [each.register_forward_hook(keep) for each in layers]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def recorded_states(encoder: Encoder) -> Iterator[list[Tensor]]:
    """Record the token vectors after each layer that runs inside the block, in order.

    A layer whose weights several layers share is there once for each.

    Args:
        encoder: whose layers; a final LayerNorm is not among them.

    Yields:
        A list that fills: (batch, sequence, hidden) each.
    """
    found: list[Tensor] = []

    def keep(_: nn.Module, __: tuple[Any, ...], states: Tensor) -> None:
        found.append(states)

    hooks = [layer.register_forward_hook(keep) for layer in encoder.layers]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
