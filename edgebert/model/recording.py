"""What attention layers weigh, recorded while a module runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from edgebert.model.attention import SelfAttention


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
