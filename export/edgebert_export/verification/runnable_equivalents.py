"""Runnable equivalents: graphs for a CPU in place of those that only a GPU has kernels for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx_ir as ir

from edgebert_export.fusions import apply
from edgebert_export.targets import Target


@contextmanager
def runnable(target: Target, graph: Path) -> Iterator[Path]:
    """A finished graph, or its runnable equivalent, which every provider runs.

    The equivalent lies beside the graph, because both read the same external data; it is removed
    afterwards.
    """
    if not target.runnable_rules:
        yield graph
        return
    model = ir.load(graph)
    apply(model, [rule() for rule in target.runnable_rules])
    equivalent = graph.with_name(f"runnable_{graph.name}")
    try:
        ir.save(model, equivalent)
        yield equivalent
    finally:
        equivalent.unlink(missing_ok=True)
