"""A copy of our user's module in float32 on the CPU, so that an export leaves the module alone."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from edgebert_export.graph.reasons import reason_of
from edgebert_runtime.errors import ExportError

REGISTERED = ("_parameters", "_buffers", "_modules")


def unwrapped(module: nn.Module) -> nn.Module:
    """The module inside `torch.compile`, `DataParallel` and `DistributedDataParallel`."""
    while (inside := _inside(module)) is not None:
        module = inside
    return module


def _inside(module: nn.Module) -> nn.Module | None:
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        parallel: nn.Module = module.module
        return parallel
    compiled = getattr(module, "_orig_mod", None)
    return compiled if isinstance(compiled, nn.Module) else None


def copied(module: nn.Module, name: str) -> tuple[nn.Module, tuple[str, ...]]:
    """A copy in evaluation mode, in float32 and on the CPU.

    Weights that are so already are shared with the module, others are converted one at a time.
    What a module does in `train` or `eval` of its own is not called: it may change weights.

    Args:
        module: stays as it is.
        name: of its class.

    Returns:
        The copy, and what the user should be told of it.

    Raises:
        ExportError: it has no weights (device meta), is a TorchScript, or cannot be copied.
    """
    if isinstance(module, torch.jit.ScriptModule):
        raise ExportError(
            f"{name} is a TorchScript module, which torch.export does not take; pass the nn.Module "
            "that it was made from"
        )
    tensors = [*module.named_parameters(), *module.named_buffers()]
    empty = [key for key, tensor in tensors if tensor.is_meta]
    if empty:
        raise ExportError(
            f"{name} has no values for {', '.join(empty[:3])}: they are on the device meta; load "
            "its weights first"
        )
    memo: dict[int, Any] = {id(parameter): parameter for parameter in module.parameters()}
    memo.update({id(tensor): _plain(tensor) for _, tensor in tensors if _differs(tensor)})
    result = _copied(module, memo, name)
    for each in result.modules():
        each.training = False
        for key, child in list(each.named_children()):
            if unwrapped(child) is not child:
                each.add_module(key, unwrapped(child))
    return result, tuple(_notes([tensor for _, tensor in tensors], name))


def _differs(tensor: Tensor) -> bool:
    other = tensor.is_floating_point() and tensor.dtype != torch.float32
    return other or tensor.device.type != "cpu" or tensor.is_inference()


def _plain(tensor: Tensor) -> Tensor:
    dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
    plain = tensor.detach().to("cpu", dtype, copy=True)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(plain, requires_grad=tensor.requires_grad)
    return plain


def _notes(tensors: list[Tensor], name: str) -> Iterator[str]:
    for what, kinds, to in (
        ("weights in", {str(x.dtype)[6:] for x in tensors if x.is_floating_point()}, "float32"),
        ("weights on the device", {x.device.type for x in tensors}, "cpu"),
    ):
        others = sorted(kinds - {to})
        if others:
            yield f"{name} has {what} {', '.join(others)}; its graphs are made from a copy in {to}"


def _copied(module: nn.Module, memo: dict[int, Any], name: str) -> nn.Module:
    try:
        return copy.deepcopy(module, dict(memo))
    except Exception:
        memo = {**_uncopied(module, memo), **memo}
    try:
        return copy.deepcopy(module, memo)
    except Exception as error:
        raise ExportError(
            f"{name} cannot be copied, and its graphs are made from a copy: {reason_of(error)}"
        ) from error


def _uncopied(module: nn.Module, memo: dict[int, Any]) -> dict[int, Any]:
    """Attributes that cannot be copied, to be shared with the copy."""
    modules = list(module.modules())
    known = {**memo, **{id(each): each for each in modules}}
    shared = {}
    for each in modules:
        for key, value in vars(each).items():
            if key not in REGISTERED:
                try:
                    copy.deepcopy(value, dict(known))
                except Exception:
                    shared[id(value)] = value
    return shared
