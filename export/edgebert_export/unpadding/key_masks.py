"""Whether attention is masked by nothing but which tokens are kept."""

from typing import Any, Final

import numpy as np
import onnx_ir as ir

from edgebert_export.fusions.traced_attention import LOWEST
from edgebert_export.verification.run_model import run_model
from edgebert_runtime.errors import ExportError

MASK: Final = "attention_mask"


class StillPaddedError(ExportError):
    """A graph whose padding cannot be taken out; says why."""


def require_key_masks(model: ir.Model, lengths: tuple[int, ...]) -> None:
    """Refuse attention whose mask is not exactly the kept tokens, by running what makes it.

    Args:
        model: standard operators.
        lengths: of the texts that are tried.

    Raises:
        StillPaddedError: a mask is something else.
    """
    attentions = [node for node in model.graph if node.op_type == "Attention"]
    masks = list(dict.fromkeys(_mask_of(node) for node in attentions))
    if any(mask is None or mask.name is None for mask in masks):
        raise StillPaddedError("a layer has no mask")
    names = [mask.name for mask in masks if mask is not None and mask.name is not None]
    part = ir.Model(
        ir.convenience.extract(model.graph, list(model.graph.inputs), names),
        ir_version=model.ir_version,
    )
    part.graph.opset_imports.update(model.opset_imports)
    for length in lengths:
        feeds = _mask_feeds(part, length)
        kept = feeds[MASK][:, None, None, :] > 0
        for name, mask in zip(names, run_model(part, feeds), strict=True):
            found = mask if mask.dtype == np.bool_ else mask > LOWEST / 2
            added = np.zeros(1) if mask.dtype == np.bool_ else np.where(found, mask, 0)
            if added.any() or (found != np.broadcast_to(kept, found.shape)).any():
                raise StillPaddedError(
                    f"the mask {name} depends on more than which tokens are kept"
                )


def _mask_of(attention: ir.Node) -> ir.Value | None:
    return attention.inputs[3] if len(attention.inputs) > 3 else None


def _mask_feeds(part: ir.Model, length: int) -> dict[str, Any]:
    mask = np.ones((2, length), dtype=np.int64)
    mask[1, ::3] = 0
    return {
        value.name: mask if value.name == MASK else np.zeros_like(mask)
        for value in part.graph.inputs
        if value.name is not None
    }
