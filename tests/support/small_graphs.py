"""Graphs small enough to read, with numbers to quantize."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import onnx
import onnx.parser
import onnx_ir as ir
import onnxruntime

from edgebert_quantize.calibration.statistics import ActivationStatistics
from edgebert_quantize.graph.linear_layers import shared_linears
from edgebert_quantize.recipes import LinearRecipe, Scheme
from edgebert_quantize.rewrite.matmul_schemes import quantize_linears
from edgebert_quantize.weights.outlier_channels import Outliers
from edgebert_quantize.weights.rounding import LayerStats, RoundedLayer, round_layer


def model_of(text: str, **weights: np.ndarray) -> ir.Model:
    proto = onnx.parser.parse_model(text)
    for name, array in weights.items():
        proto.graph.initializer.append(onnx.numpy_helper.from_array(array.astype(np.float32), name))
    return ir.from_proto(onnx.shape_inference.infer_shapes(proto))


def run(model: ir.Model, x: np.ndarray) -> list[np.ndarray]:
    data = ir.to_proto(model).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    arrays: list[np.ndarray] = session.run(None, {"x": x.astype(np.float32)})
    return arrays


def run_unoptimized(model: ir.Model, feeds: dict[str, np.ndarray]) -> np.ndarray:
    """With ONNX Runtime's own passes off, or it would fuse the baseline too."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    data = ir.to_proto(model).SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    result: np.ndarray = session.run(["y"], feeds)[0]
    return result


def seen(x: np.ndarray) -> ActivationStatistics:
    """What calibration on `x` finds, each row a text of its own."""
    rows = x.reshape(-1, x.shape[-1]).astype(np.float32)
    return ActivationStatistics(
        minimum=rows.min(axis=0),
        maximum=rows.max(axis=0),
        mean=rows.mean(axis=0),
        moment=rows.T @ rows / len(rows),
    )


def rounded(
    model: ir.Model,
    statistics: Mapping[str, ActivationStatistics],
    recipe: LinearRecipe,
    outliers: Mapping[str, Outliers] = MappingProxyType({}),
    largest: int = 127,
) -> list[RoundedLayer]:
    """Every layer of a graph by the recipe's first scheme."""
    layers = []
    for number, groups in enumerate(shared_linears(model.graph)):
        names = [str(group.x.name) for group in groups]
        numbers = LayerStats.of(
            f"linear_{number}",
            groups[0].linears,
            {name: statistics[name] for name in names if name in statistics},
            outliers.get(names[0]),
        )
        layers.append(round_layer(numbers, recipe, recipe.schemes[0], largest=largest))
    return layers


def quantize(
    model: ir.Model,
    statistics: Mapping[str, ActivationStatistics],
    *schemes: Scheme,
    gptq: bool = False,
    correct_bias: bool = False,
    strengths: tuple[float, ...] = (),
    outliers: Mapping[str, Outliers] = MappingProxyType({}),
) -> int:
    """Quantize as a recipe would; returns how many layers."""
    recipe = LinearRecipe(
        schemes=schemes or ("per_tensor_static",),
        gptq=gptq,
        correct_bias=correct_bias,
        strengths=strengths,
    )
    return quantize_linears(model, rounded(model, statistics, recipe, outliers))


def operators(model: ir.Model) -> list[str]:
    return [node.op_type for node in model.graph]
