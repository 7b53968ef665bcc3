"""From an fp32 graph to a quantized one, by a recipe."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import onnx_ir as ir

from edgebert_quantize.calibration import ActivationStatistics, Feeds, activation_statistics
from edgebert_quantize.linear import drop_unused_initializers, linears_by_input
from edgebert_quantize.outliers import move_outliers_last
from edgebert_quantize.products import quantize_linears
from edgebert_quantize.recipes import LinearRecipe, Recipe
from edgebert_quantize.smoothing import smooth
from edgebert_quantize.tables import quantize_tables
from edgebert_runtime.errors import ExportError

INTEGER_OPERATORS: Final = frozenset(
    {
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "MatMulInteger",
        "MatMulIntegerToFloat",
        "MatMulNBits",
        "QAttention",
        "QGemm",
        "QLinearMatMul",
        "QuantizeLinear",
    }
)
"""What only a graph that somebody has quantized has."""


def rewrite_graph(
    path: Path,
    destination: Path,
    recipe: Recipe,
    batches: Callable[[], Sequence[Feeds]],
    largest: int,
    source: Path | None = None,
) -> None:
    """Quantize a graph into another file.

    Args:
        path: the fp32 graph.
        destination: where the quantized one goes; its weights are inside.
        recipe: what to do.
        batches: makes what activations are watched on; asked only if they are.
        largest: integer among the weights.
        source: what to call the graph in errors, if not `path`.

    Raises:
        ExportError: there is nothing to quantize, or somebody has done it already.
    """
    model, source = ir.load(path), source or path
    refuse_quantized(model.graph, source)
    if recipe.linears is not None:
        channels = {
            str(x.name): linears[0].weight.shape[0]
            for x, linears in linears_by_input(model.graph).items()
        }
        if not channels:
            raise ExportError(f"{source} has no float32 linear layer to quantize")
        statistics = activation_statistics(path, channels, batches())
        _quantize_linears(model, statistics, recipe.linears, largest)
    tables = quantize_tables(model.graph) if recipe.tables else 0
    if recipe.linears is None and not tables:
        raise ExportError(f"{source} has no embedding table large enough to quantize")
    drop_unused_initializers(model.graph)
    ir.external_data.load_to_model(model)
    ir.save(model, destination)


def refuse_quantized(graph: ir.Graph, source: Path) -> None:
    """Raise if somebody has quantized a graph before.

    Raises:
        ExportError: it has operators that only a quantized graph has; they are named.
    """
    found = sorted({node.op_type for node in graph} & INTEGER_OPERATORS)
    if found:
        raise ExportError(
            f"{source} is quantized already, it has {', '.join(found)}; start from its fp32 graph"
        )


def _quantize_linears(
    model: ir.Model,
    statistics: Mapping[str, ActivationStatistics],
    recipe: LinearRecipe,
    largest: int,
) -> None:
    statistics, outliers = move_outliers_last(model.graph, statistics, recipe.outliers)
    if recipe.strengths:
        statistics = smooth(
            model, statistics, recipe.strengths, untouched=outliers, largest=largest
        )
    quantize_linears(
        model,
        statistics,
        activations=recipe.activations,
        compensate=recipe.compensate,
        outliers=outliers,
        largest=largest,
        standard=recipe.standard,
    )
