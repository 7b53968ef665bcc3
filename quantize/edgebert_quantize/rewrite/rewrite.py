"""Quantize an fp32 graph by a recipe."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import onnx
import onnx_ir as ir

from edgebert_quantize.graph.linear_layers import find_linears
from edgebert_quantize.graph.lowering import lower_opset, spread_attention
from edgebert_quantize.graph.node_builder import drop_unused_initializers
from edgebert_quantize.recipes import HalfRecipe, Recipe, Scheme
from edgebert_quantize.rewrite.embeddings import quantize_tables
from edgebert_quantize.rewrite.half_precision import to_half
from edgebert_quantize.rewrite.matmul_schemes import quantize_linears
from edgebert_quantize.rewrite.prepare import Prepared, prepare
from edgebert_runtime.bundle.weight_sharing import aligned, sharing
from edgebert_runtime.errors import ExportError
from edgebert_runtime.inference.arrays import Feeds

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
"""Operators that only a quantized graph has."""


class Output(NamedTuple):
    """A graph to be written.

    Attributes:
        path: where.
        lowered: whether for old engines, by `spread_attention` and `lower_opset`.
    """

    path: Path
    lowered: bool = False


def rewrite_graph(
    path: Path,
    outputs: Sequence[Output],
    recipe: Recipe,
    batches: Callable[[], Sequence[Feeds]],
    largest: int,
    source: Path | None = None,
) -> None:
    """Quantize a graph into other files, every layer by the recipe's first scheme.

    Args:
        path: the fp32 graph.
        outputs: as `write_graphs` takes them; one for half precision.
        recipe: of the quantization.
        batches: makes calibration inputs; called only if the recipe needs them.
        largest: 8-bit weight.
        source: name of the graph in errors, if not `path`.

    Raises:
        ExportError: there is nothing to quantize, the graph is quantized already, or it has
            attention that older engines have no operators for.
    """
    first = outputs[0].path
    if recipe.half is not None:
        write_half(path, first, recipe.half, source=source)
        return
    with tempfile.TemporaryDirectory(dir=first.parent, prefix=".prepared.") as scratch:
        prepared = prepare_graph(path, Path(scratch), recipe, batches, largest, source)
        schemes = [recipe.linears.schemes[0]] * len(prepared.layers) if recipe.linears else []
        tables = write_graphs(prepared, outputs, schemes, tables=recipe.tables)
    if recipe.linears is None and not tables:
        raise ExportError(f"{source or path} has no embedding table large enough to quantize")


def write_half(
    path: Path,
    destination: Path,
    recipe: HalfRecipe,
    *,
    emulated: bool = False,
    source: Path | None = None,
) -> None:
    """Write a graph in half precision, or `emulated` in float32 as `to_half` describes.

    Raises:
        ExportError: it is quantized already, or nothing in it can be in half precision, or not in
            its opset. The error calls it `source` if that is not `path`.
    """
    model, source = ir.load(path), source or path
    refuse_quantized(model.graph, source)
    ir.external_data.load_to_model(model)
    if not to_half(model, recipe, emulated=emulated):
        raise ExportError(f"{source} has no operator of float32 to run in {recipe.precision}")
    ir.save(model, destination)
    try:
        onnx.checker.check_model(destination, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(
            f"{source} has operators that cannot run in {recipe.precision} at its opset, "
            f"{model.opset_imports['']}: {error}; export it again at a newer opset"
        ) from error


def prepare_graph(
    path: Path,
    scratch: Path,
    recipe: Recipe,
    batches: Callable[[], Sequence[Feeds]],
    largest: int,
    source: Path | None = None,
) -> Prepared:
    """Calibrate a graph for `write_graph`; `scratch` must exist while the result is used.

    The other arguments, and the errors, are those of `rewrite_graph`.
    """
    graph, source = ir.load(path).graph, source or path
    refuse_quantized(graph, source)
    if recipe.linears is None:
        return Prepared(path)
    if not any(find_linears(graph)):
        raise ExportError(f"{source} has no float32 linear layer to quantize")
    calibration = batches() if recipe.linears.needs_statistics else ()
    return prepare(path, scratch / "prepared.onnx", recipe.linears, calibration, largest)


def write_graphs(
    prepared: Prepared, outputs: Sequence[Output], schemes: Sequence[Scheme], *, tables: bool
) -> int:
    """Quantize each layer by its scheme, and embedding tables; returns how many tables.

    Args:
        prepared: by `prepare_graph`.
        outputs: in one folder. The first is a single file, whose weights the others share.
        schemes: one for each of the prepared layers.
        tables: whether to quantize embedding tables.

    Raises:
        ExportError: the graph has attention that older engines have no operators for.
    """
    changed = 0
    for output in outputs:
        model = ir.load(prepared.graph)
        if output.lowered:
            spread_attention(model)
        if prepared.layers:
            quantize_linears(model, prepared.rounded(schemes))
        changed = quantize_tables(model.graph) if tables else 0
        drop_unused_initializers(model.graph)
        ir.external_data.load_to_model(model)
        if output.lowered:
            lower_opset(model)
        content = ir.to_proto(model).SerializeToString()
        whole = outputs[0].path
        output.path.write_bytes(
            aligned(content) if output.path == whole else sharing(content, whole)
        )
    return changed


def refuse_quantized(graph: ir.Graph, source: Path) -> None:
    """Raise if a graph is quantized already.

    Raises:
        ExportError: it has operators that only a quantized graph has; the error names them.
    """
    found = sorted({node.op_type for node in graph} & INTEGER_OPERATORS)
    if found:
        raise ExportError(
            f"{source} is quantized already, it has {', '.join(found)}; start from its fp32 graph"
        )
