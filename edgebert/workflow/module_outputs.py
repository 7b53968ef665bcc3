"""Where the outputs of a spec are in what a module's `forward` returns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final

from torch import Tensor

from edgebert_export import ExportSpec, OutputSpec
from edgebert_export.graph.trace import require_shape
from edgebert_runtime.errors import ExportError

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "last_hidden_state": ("last_hidden_state", "token_embeddings"),
    "sentence_embedding": ("sentence_embedding", "sentence_embeddings", "text_embeds"),
    "logits": ("logits", "prediction_logits"),
}
"""Output → fields that hold it, as transformers and sentence-transformers call them; other outputs
have their own names."""

SPANS: Final = ("start_logits", "end_logits")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which tensors of what `forward` returns are the spec's outputs.

    Attributes:
        spec: what the module turned out to be.
        labels: of these tensors, in the order of the outputs.
        notes: what the user should be told.
    """

    spec: ExportSpec
    labels: tuple[str, ...]
    notes: tuple[str, ...]

    def __call__(self, returned: Any) -> tuple[Tensor, ...]:
        """These tensors, in float32."""
        found = _tensors(returned, self.spec)
        return tuple(found[label].float() for label in self.labels)


def select(returned: Any, spec: ExportSpec, inputs: tuple[int, int], name: str) -> Selection:
    """Find the outputs by the names of fields, and in what has no names by their shapes.

    A module for `embed` may give one vector a text where its spec has pooling: a field of that
    name, or nothing of (batch, sequence, hidden). Pooling is left out then.

    Args:
        returned: by `forward`: a tensor, or a tuple, list, dict, dataclass or object of tensors.
        spec: what the module is to be.
        inputs: batch and sequence that it was given.
        name: of the module's class.

    Raises:
        ExportError: an output is not there, or has another shape; names what was found and what
            is taken.
    """
    found = _tensors(returned, spec)
    for form, named in _forms(spec, found):
        labels = _labels(found, form, inputs, named=named)
        if labels:
            outputs = _raw_outputs(form)
            for label, output in zip(labels, outputs, strict=True):
                require_shape(f"{name}.forward", output, tuple(found[label].shape), inputs)
            notes = _notes(returned, spec, form, labels, name)
            return Selection(spec=form, labels=labels, notes=tuple(notes))
    shapes = ", ".join(
        f"{label} {tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
        for label, value in _items(returned)
        if isinstance(value, Tensor)
    )
    raise ExportError(
        f"{name}.forward returns {type(returned).__name__} with {shapes or 'no tensor'} for "
        f"inputs of shape {inputs}. For task {spec.task!r} it must return {_wanted(spec)}: a "
        "tensor, a tuple, or a field of that name"
    )


def _forms(spec: ExportSpec, found: Mapping[str, Tensor]) -> Iterator[tuple[ExportSpec, bool]]:
    """The spec, for `embed` also without pooling, and whether outputs are found by their names."""
    if not spec.pools:
        yield _sized(spec, found), True
        yield _sized(spec, found), False
        return
    vectors = _sized(_unpooled(spec), found)
    yield vectors, True
    yield spec, True
    yield spec, False
    yield vectors, False


def _unpooled(spec: ExportSpec) -> ExportSpec:
    return replace(spec, steps=tuple(step for step in spec.steps if step.kind != "pool"))


def _sized(spec: ExportSpec, found: Mapping[str, Tensor]) -> ExportSpec:
    """With the width of the module's vectors, unless the spec has one."""
    if not spec.embeds or spec.dimensions is not None:
        return spec
    named = [found[key] for key in FIELDS["sentence_embedding"] if key in found]
    widths = [x.shape[1] for x in named or found.values() if x.dim() == 2]
    return replace(spec, dimensions=widths[0]) if widths else spec


def _raw_outputs(spec: ExportSpec) -> tuple[OutputSpec, ...]:
    """Those that the module gives; steps make the other one."""
    return spec.outputs[:1] if spec.pools else spec.outputs


def _labels(
    found: Mapping[str, Tensor], spec: ExportSpec, inputs: tuple[int, int], *, named: bool
) -> tuple[str, ...]:
    """A tensor for each output; none if one is missing."""
    labels: list[str] = []
    for output in _raw_outputs(spec):
        names = FIELDS.get(output.name, (output.name,))
        free = {label: x for label, x in found.items() if label not in labels}
        if named:
            fitting = [label for label in free if label in names]
        elif len(found) == 1:  # a wrong size is said later
            fitting = [label for label, x in free.items() if x.dim() == len(output.shape)]
        else:
            shape = output.sized(*inputs)
            fitting = [label for label, x in free.items() if tuple(x.shape) == shape]
            if len(fitting) > 1 and not fitting[0].startswith("["):  # tuples have it first
                return ()
        labels += fitting[:1]
    return tuple(labels) if len(labels) == len(_raw_outputs(spec)) else ()


def _tensors(returned: Any, spec: ExportSpec) -> dict[str, Tensor]:
    """Label → tensor of numbers, as the spec's task has them."""
    found = {
        label: value
        for label, value in _items(returned)
        if isinstance(value, Tensor) and value.is_floating_point()
    }
    if spec.head is not None and len(spec.head.labels) == 1:
        found = {key: x.unsqueeze(-1) if x.dim() == 1 else x for key, x in found.items()}
    if [output.name for output in spec.outputs] == list(SPANS) and len(found) == 1:
        (both,) = found.values()
        if both.dim() == 3 and both.shape[-1] == len(SPANS):
            return dict(zip(SPANS, both.unbind(dim=-1), strict=True))
    return found


def _items(returned: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(returned, Tensor):
        yield "[0]", returned
    elif isinstance(returned, Mapping):
        yield from ((str(key), value) for key, value in returned.items())
    elif hasattr(returned, "_fields"):
        yield from zip(returned._fields, returned, strict=True)
    elif isinstance(returned, Sequence) and not isinstance(returned, str):
        yield from ((f"[{number}]", value) for number, value in enumerate(returned))
    elif is_dataclass(returned):
        yield from ((each.name, getattr(returned, each.name)) for each in fields(returned))
    else:
        yield from getattr(returned, "__dict__", {}).items()


def _notes(
    returned: Any, spec: ExportSpec, form: ExportSpec, labels: tuple[str, ...], name: str
) -> Iterator[str]:
    if form.steps != spec.steps:
        yield f"{name} gives one vector a text, of width {form.vector_size}; pooling is left out"
    if not isinstance(returned, Tensor):
        names = ", ".join(output.name for output in _raw_outputs(form))
        yield f"{names}: {', '.join(labels)} of the {type(returned).__name__} that {name} returns"


def _wanted(spec: ExportSpec) -> str:
    ways = [_raw_outputs(spec), *([_raw_outputs(_unpooled(spec))] if spec.pools else [])]
    return " or ".join(
        " and ".join(f"{each.name} ({', '.join(map(str, each.shape))})" for each in outputs)
        for outputs in ways
    )
