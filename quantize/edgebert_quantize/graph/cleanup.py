"""Bring somebody's graph into the form that the rest of quantization reads."""

from pathlib import Path
from typing import Final

import onnx_ir as ir

from edgebert_quantize.graph.gemm import decompose_gemm
from edgebert_runtime.bundle.external_data import check_external_data, external_locations
from edgebert_runtime.engine.onnxruntime import import_engine
from edgebert_runtime.errors import BundleError, ExportError, UnsafePathError

UNWANTED: Final = (
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
"""Of ONNX Runtime's fusions those that hide a linear layer, or were slower on CPU (decision 0003);
what remains folds constants and finds Gelu and LayerNormalization."""


def simplify(source: Path, destination: Path, *, standard: bool) -> None:
    """Let ONNX Runtime fold and fuse a graph, spread Gemm, and write it with its weights inside.

    Source: https://onnxruntime.ai/docs/performance/model-optimizations/graph-optimizations.html

    Args:
        source: an ONNX graph, its external data beside it.
        destination: where the simpler graph goes.
        standard: fold only, so that standard operators stay.

    Raises:
        ExportError: ONNX Runtime cannot open the graph, or cannot write it into one file.
        UnsafePathError: its external data lie outside its folder.
    """
    _check_external_data(source)
    engine = import_engine()
    levels = engine.GraphOptimizationLevel
    options = engine.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = (
        levels.ORT_ENABLE_BASIC if standard else levels.ORT_ENABLE_EXTENDED
    )
    options.optimized_model_filepath = str(destination)
    try:
        engine.InferenceSession(
            str(source),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=list(UNWANTED),
        )
    except Exception as error:  # ONNX Runtime's exceptions share no narrower base
        raise ExportError(f"{source} is no ONNX graph that can be read here: {error}") from error
    model = ir.load(destination)
    ir.external_data.set_base_dir(model.graph, source.parent)  # what lay outside is left there
    ir.external_data.load_to_model(model)
    decompose_gemm(model.graph)
    ir.save(model, destination)


def _check_external_data(source: Path) -> None:
    """Before any engine opens what a stranger wrote."""
    try:
        files = (source.name, *external_locations(source))
        check_external_data(source.parent, files, source.name)
    except UnsafePathError:
        raise
    except BundleError as error:
        raise ExportError(f"{source} is no ONNX graph that can be read here: {error}") from error
