"""What runs here in place of a graph that only a GPU has kernels for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx_ir as ir

from edgebert_export.fusions import apply
from edgebert_export.targets import Target


@contextmanager
def runnable(target: Target, graph: Path) -> Iterator[Path]:
    """A finished graph, or, while it is looked at, its twin that every provider runs.

    The twin lies beside it, for both read the same external data.
    """
    if not target.twin:
        yield graph
        return
    model = ir.load(graph)
    apply(model, [rule() for rule in target.twin])
    twin = graph.with_name(f"twin_{graph.name}")
    try:
        ir.save(model, twin)
        yield twin
    finally:
        twin.unlink(missing_ok=True)
