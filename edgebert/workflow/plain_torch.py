"""Torch as a new process has it, whatever context the caller is in."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import torch

AUTOCAST: Final = ("cpu", "cuda", "mps", "xpu")
"""Device types that the caller may have `torch.autocast` for."""


@contextmanager
def plain_torch() -> Iterator[None]:
    """Settings under which a model is traced and run, so that its graph depends on it alone.

    The default device is the CPU and the default dtype float32. There is no autocast, no gradient
    and no inference mode. `nn.TransformerEncoder` takes no fast path: that is one operator that
    has no ONNX, and torch takes it where no gradient is needed
    (https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html). All of
    this and the state of the random numbers are the caller's again afterwards, also after an error.
    """
    with ExitStack() as stack:
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(torch.random.fork_rng(devices=[]))
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.no_grad())
        for device in filter(torch.is_autocast_enabled, AUTOCAST):
            stack.enter_context(torch.autocast(device, enabled=False))
        stack.callback(torch.set_default_dtype, torch.get_default_dtype())
        torch.set_default_dtype(torch.float32)
        fast = torch.backends.mha.get_fastpath_enabled()
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast)
        torch.backends.mha.set_fastpath_enabled(False)
        yield
