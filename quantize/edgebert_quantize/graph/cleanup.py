"""Bring a graph from another exporter into the form that quantization reads."""

from pathlib import Path
from typing import Final

import onnx_ir as ir

from edgebert_quantize.graph.gemm import decompose_gemm
from edgebert_runtime.bundle.external_data import check_external_data, external_locations
from edgebert_runtime.engine.onnxruntime import cpu_session, import_engine, session_options
from edgebert_runtime.engine.threads import usable_cores
from edgebert_runtime.errors import BundleError, ExportError, UnsafePathError

DISABLED_OPTIMIZERS: Final = (
    "AttentionFusion",
    "BiasGeluFusion",
    "BiasSkipLayerNormFusion",
    "BiasSoftmaxFusion",
    "EmbedLayerNormFusion",
    "FastGeluFusion",
    "GatherSliceToSplitFusion",
    "GemmActivationFusion",
    "MatMulActivationFusion",
    "MatMulAddFusion",
    "MatMulScaleFusion",
    "MatMulTransposeFusion",
    "SkipLayerNormFusion",
)
"""Fusions of ONNX Runtime that hide a linear layer, or were slower on CPU (decision 0003). The
others fold constants and find Gelu and LayerNormalization."""


def simplify(source: Path, destination: Path, *, standard_operators_only: bool) -> None:
    """Let ONNX Runtime fold and fuse a graph, decompose Gemm, and write it as a single file.

    Source: https://onnxruntime.ai/docs/performance/model-optimizations/graph-optimizations.html

    Args:
        source: an ONNX graph, its external data in the same folder.
        destination: the simplified graph.
        standard_operators_only: fold constants, and fuse nothing.

    Raises:
        ExportError: ONNX Runtime cannot open the graph, or cannot write it into one file.
        UnsafePathError: its external data is outside its folder.
    """
    _check_external_data(source)
    engine = import_engine()
    levels = engine.GraphOptimizationLevel
    options = session_options(engine, usable_cores())
    options.graph_optimization_level = (
        levels.ORT_ENABLE_BASIC if standard_operators_only else levels.ORT_ENABLE_EXTENDED
    )
    options.optimized_model_filepath = str(destination)
    try:
        cpu_session(source, options, disabled_optimizers=DISABLED_OPTIMIZERS)
    except Exception as error:  # ONNX Runtime's exceptions share no narrower base
        raise ExportError(
            f"{source} is not an ONNX graph that can be opened here: {error}"
        ) from error
    model = ir.load(destination)
    ir.external_data.set_base_dir(model.graph, source.parent)  # external data stays where it was
    ir.external_data.load_to_model(model)
    decompose_gemm(model.graph)
    ir.save(model, destination)


def _check_external_data(source: Path) -> None:
    """Check the paths of external data before ONNX Runtime opens an untrusted graph."""
    try:
        files = (source.name, *external_locations(source))
        check_external_data(source.parent, files, source.name)
    except UnsafePathError:
        raise
    except BundleError as error:
        raise ExportError(
            f"{source} is not an ONNX graph that can be opened here: {error}"
        ) from error
