"""The roles of a foreign graph's inputs, and the longest text it takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_quantize.rewrite.rewrite import refuse_quantized
from edgebert_runtime.engine.native_calls import native_call
from edgebert_runtime.engine.onnxruntime import (
    CONTRIB,
    FATAL_ONLY,
    cpu_session,
    import_engine,
    session_options,
)
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import ExportError
from edgebert_runtime.inference.arrays import Feeds
from edgebert_runtime.inference.feeds import make_feeds

PASS_THROUGH: Final = ("Cast", "Identity")

LENGTHS: Final = (128, 64, 32, 16, 8)
"""Lengths in tokens to try, longest first; texts are cut to the first that the graph runs."""

HIDING: Final = frozenset({"Attention", "EmbedLayerNormalization"})
"""Operators of ONNX Runtime's own that have weights of linear layers and embeddings inside
(docs/ContribOperators.md there)."""

MOST_TYPES: Final = 8
"""The most rows of an embedding table of token types."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """A graph's inputs by their role, one of `INPUTS`."""

    values: Mapping[str, ir.Value]

    def complete(self, feeds: Feeds) -> dict[str, NDArray[np.int64]]:
        """Add the graph's own names and types to inputs named by role."""
        own = {
            str(value.name): feeds[role].astype(_type_of(value))
            for role, value in self.values.items()
        }
        return {**feeds, **own}


def find_inputs(plain: Path, source: Path, vocabulary: int) -> Inputs:
    """Find the roles of a graph's inputs by the embedding tables they index.

    Args:
        plain: the simplified graph.
        source: name of the graph in errors.
        vocabulary: tokens of its tokenizer.

    Raises:
        ExportError: it is quantized, fused for ONNX Runtime, not a text encoder for this
            tokenizer, or of fixed shape.
    """
    graph = ir.load(plain).graph
    refuse_quantized(graph, source)
    _refuse_fused(graph, source)
    roles = [(_role(value, vocabulary), value) for value in graph.inputs]
    found = dict(roles)
    names = ", ".join(f"{value.name} ({role})" for role, value in roles)
    if not {"input_ids", "attention_mask"} <= found.keys():
        raise ExportError(
            f"{source} is not a text encoder for this tokenizer of {vocabulary} tokens: one "
            "input must index a table of at least as many rows, and another must be a mask; found: "
            f"{names}"
        )
    if len(found) < len(roles):
        raise ExportError(
            f"{source} has several inputs of the same role: {names}; export it with input_ids, "
            "attention_mask and, where it has them, token_type_ids alone"
        )
    _refuse_fixed(graph, source)
    return Inputs(values=found)


def try_lengths(plain: Path, source: Path, inputs: Inputs) -> tuple[int, dict[str, int]]:
    """Run a graph to find the longest text it takes, and the width of its outputs.

    Returns:
        the longest of `LENGTHS` that runs, and the width of each output of floating-point numbers
        for the text; that of a single number is 1

    Raises:
        ExportError: none of them runs, or no output can be compared.
    """
    options = session_options(import_engine(), usable_cores())
    options.log_severity_level = FATAL_ONLY
    session = cpu_session(plain, options)
    names = [value.name for value in session.get_inputs()]
    failure = ""
    for length in LENGTHS:
        ones = np.ones((1, length), np.int64)
        feeds = inputs.complete(make_feeds(ones))
        try:
            with native_call():
                found = session.run(None, {name: feeds[name] for name in names})
        except Exception as error:  # ONNX Runtime's exceptions share no narrower base
            failure = str(error)
            continue
        named = zip((value.name for value in session.get_outputs()), found, strict=True)
        return length, _widths(dict(named), source)
    raise ExportError(f"{source} does not run on a text of {LENGTHS[-1]} tokens: {failure}")


def _refuse_fused(graph: ir.Graph, source: Path) -> None:
    found = sorted({node.op_type for node in graph if node.domain == CONTRIB} & HIDING)
    if found:
        raise ExportError(
            f"{source} has {', '.join(found)}, which onnxruntime.transformers (optimum's -O2) has "
            "fused weights into; quantize the graph as it was before that optimization"
        )


def _widths(outputs: Mapping[str, Any], source: Path) -> dict[str, int]:
    """Width of each output that has numbers of one text: (1,) or (1, …, width)."""
    numbers = {
        name: array
        for name, array in outputs.items()
        if isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.size
    }
    found = {
        name: 1 if array.ndim == 1 else array.shape[-1]
        for name, array in numbers.items()
        if array.ndim and len(array) == 1
    }
    if not found:
        listed = ", ".join(
            f"{name} ({getattr(array, 'dtype', type(array).__name__)} {np.shape(array)})"
            for name, array in outputs.items()
        )
        raise ExportError(
            f"{source} has no output whose quality can be measured; for one text it gives "
            f"{listed}, expected floating-point numbers of shape (batch, …); export it with its "
            "logits or vectors as outputs"
        )
    return found


def _role(value: ir.Value, vocabulary: int) -> str:
    rows = _rows_looked_up(value)
    if any(count >= vocabulary for count in rows):
        return "input_ids"
    return "token_type_ids" if rows and max(rows) <= MOST_TYPES else "attention_mask"


def _rows_looked_up(value: ir.Value) -> list[int]:
    """Rows of the tables that a value indexes."""
    rows: list[int] = []
    for use in value.uses():
        if use.node.op_type in PASS_THROUGH:
            rows += _rows_looked_up(use.node.outputs[0])
        elif use.node.op_type == "Gather" and use.idx == 1:
            table = use.node.inputs[0]
            if table is not None and table.const_value is not None:
                rows.append(int(table.const_value.shape.numpy()[0]))
    return rows


def _refuse_fixed(graph: ir.Graph, source: Path) -> None:
    for value in graph.inputs:
        shape = [] if value.shape is None else list(value.shape)
        if len(shape) != 2 or any(isinstance(size, int) for size in shape):
            raise ExportError(
                f"{source} has the input {value.name} of shape {shape}, expected batch and "
                "sequence, both dynamic; export it with dynamic axes"
            )


def _type_of(value: ir.Value) -> np.dtype[np.generic]:
    return np.dtype(np.int64) if value.dtype is None else value.dtype.numpy()
