"""Any `nn.Module` as its author calls it, with the inputs and outputs of a spec."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from edgebert.model.sentence import step_modules
from edgebert.workflow.module_arguments import MASK, SEGMENTS, Call, bind
from edgebert.workflow.module_copy import copied, unwrapped
from edgebert.workflow.module_outputs import Selection, select
from edgebert.workflow.module_trial import Trial
from edgebert_export import ExportSpec
from edgebert_runtime.errors import ExportError


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """A module, ready to be traced.

    Attributes:
        module: takes the spec's inputs in order and returns a tuple of its outputs.
        spec: what it turned out to be.
        name: of our user's class.
        notes: what the user should be told.
    """

    module: nn.Module
    spec: ExportSpec
    name: str
    notes: tuple[str, ...]


class ModuleAdapter(nn.Module):
    """A module with its arguments bound by name, its outputs found, and the spec's steps.

    Args:
        encoder: our user's module.
        call: how it is called.
        selection: where its outputs are.
        fills: whether a row without tokens is given its first one, because the module gives NaN
            for such a row.
    """

    def __init__(
        self, encoder: nn.Module, call: Call, selection: Selection, *, fills: bool = False
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.call = call
        self.selection = selection
        self.fills = fills
        self.steps = step_modules(selection.spec.steps if selection.spec.embeds else (), {})

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Shapes: (batch, sequence) to those of the spec's outputs; vectors of no tokens are 0."""
        kept = attention_mask
        if self.fills:
            first = torch.ones_like(kept).cumsum(dim=1) == 1
            kept = torch.where((kept.amax(dim=1, keepdim=True) == 0) & first, 1, kept)
        batch = {"input_ids": input_ids, MASK: kept}
        if token_type_ids is not None:
            batch[SEGMENTS] = token_type_ids
        positional, named = self.call.arguments(batch)
        outputs = self.selection(self.encoder(*positional, **named))
        spec = self.selection.spec
        if not spec.embeds:
            return outputs
        vectors = outputs[0]
        for step in self.steps:
            vectors = step(vectors, attention_mask)
        if spec.pools:
            return outputs[0], vectors
        some = attention_mask.amax(dim=1, keepdim=True) > 0
        return (torch.where(some, vectors, torch.zeros_like(vectors)),)


def adapt(module: nn.Module, spec: ExportSpec, pad_id: int) -> Adapted:
    """Bind a module's arguments, find its outputs, and try it on what a bundle's graph may get.

    Args:
        module: our user's; it stays as it is.
        spec: what it is.
        pad_id: what stands behind short texts.

    Raises:
        ExportError: it cannot be called with the spec's inputs, returns something else, fails on
            a length or an id that the spec allows, or reads padding.
    """
    own = unwrapped(module)
    name = type(own).__name__
    encoder, notes = copied(own, name)
    call = bind(encoder.forward, [item.name for item in spec.inputs], name)
    trial = Trial(spec=spec, name=name)
    positional, named = call.arguments(trial.named_batch())
    returned = trial.run(lambda: encoder(*positional, **named), "a batch of shape", trial.shape)
    selection = select(returned, spec, trial.shape, name)
    adapter = ModuleAdapter(encoder, call, selection).eval()
    trial = replace(trial, spec=selection.spec)
    trial.try_bounds(adapter)
    if trial.has_nan_without_tokens(adapter):
        adapter.fills = True
        notes += (f"{name} gives NaN for a row without tokens; such a row is given its first one",)
    notes += (*call.notes, *selection.notes)
    if trial.reads_padding(adapter, pad_id):
        notes += (_padding_note(call, name),)
    return Adapted(module=adapter, spec=selection.spec, name=name, notes=notes)


def _padding_note(call: Call, name: str) -> str:
    reads = f"{name} gives other answers for a text that is padded"
    if call.masked == "named":
        return f"{reads}: answers depend on the other texts of a batch"
    how = "takes no attention_mask" if call.masked == "no" else "may take its mask for another"
    raise ExportError(
        f"{reads}, and it {how}. Let forward take attention_mask, 1 at tokens that are kept and 0 "
        "at padding, and drop padding by it"
    )
