"""A graph that the CPU provider can run in place of one for a GPU in half precision."""

from pathlib import Path
from typing import Final

from edgebert_quantize.recipes import Recipe
from edgebert_quantize.rewrite.rewrite import write_half
from edgebert_runtime.engine.session import Session
from edgebert_runtime.errors import BundleError

CPU_TARGETS: Final = ("portable", "cpu")
"""Targets whose graphs in half precision round on a CPU as on a GPU, if the CPU can open them."""


def runnable_equivalent(
    graph: Path, source: Path, recipe: Recipe, target: str = "portable"
) -> Path:
    """The graph to measure: the quantized one, or an emulation where only a GPU has its kernels.

    A graph that is fused for a GPU is measured by its emulation even if the CPU provider opens it.
    The CPU provider computes such a graph in float32 and skips roundings, so the measured quality
    would be too good.

    Args:
        graph: the quantized graph.
        source: the fp32 graph, or one that computes the same and runs here.
        recipe: the recipe that made `graph`.
        target: what the fp32 graph was exported for.
    """
    if recipe.half is None or (target in CPU_TARGETS and can_open(graph)):
        return graph
    emulated = graph.with_name(f"emulated_{graph.name}")
    write_half(source, emulated, recipe.half, emulated=True)
    return emulated


def can_open(graph: Path) -> bool:
    """Whether ONNX Runtime's CPU provider has kernels for all of a graph."""
    try:
        Session(graph, provider="cpu")
    except BundleError:
        return False
    return True
