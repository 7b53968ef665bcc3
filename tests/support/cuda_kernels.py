"""Which operators of a graph ONNX Runtime's CUDA provider has kernels for."""

import json
from functools import cache
from typing import Final

import onnx_ir as ir

from edgebert_quantize.recipes import FLOAT_OPERATORS, HalfRecipe
from edgebert_quantize.rewrite.half_precision import infer_types, to_half
from tests.support.list_cuda_kernels import PAGE

ON_THE_CPU: Final = frozenset({"Constant", "Shape"})
"""ONNX Runtime folds the one, and keeps arithmetic on shapes beside the other, on the CPU."""

NAMES: Final = {
    ir.DataType.FLOAT: "float32",
    ir.DataType.FLOAT16: "float16",
    ir.DataType.BFLOAT16: "bfloat16",
    ir.DataType.BOOL: "bool",
    ir.DataType.INT32: "int32",
    ir.DataType.INT64: "int64",
}


@cache
def cuda_kernels() -> dict[str, set[str]]:
    """Operator, with its domain if that is no standard one → types, or `any`."""
    listed = json.loads(PAGE.read_text(encoding="utf-8"))
    return {operator: set(types) for operator, types in listed.items()}


def without_kernel(model: ir.Model, precision: str) -> set[str]:
    """Operators of a graph in a precision, with the type they work on, that have no kernel."""
    model = model.clone()
    ir.external_data.load_to_model(model)
    if precision == "float32":
        infer_types(model)
    elif precision == "float16":
        to_half(model, HalfRecipe(precision="fp16", float_operators=FLOAT_OPERATORS))
    else:
        to_half(model, HalfRecipe(precision="bf16", float_operators=FLOAT_OPERATORS))
    missing = set()
    for node in model.graph:
        name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        value = _worked_on(node)
        if name in ON_THE_CPU or value is None:
            continue
        kernels = cuda_kernels().get(name, set())
        if kernels.isdisjoint({"any", NAMES[value.dtype]}):
            missing.add(f"{name} of {NAMES[value.dtype]}")
    return missing


def _worked_on(node: ir.Node) -> ir.Value | None:
    """The input whose type a kernel is chosen by; of a choice, what is chosen."""
    if not node.inputs:
        return None
    return node.inputs[1] if node.op_type == "Where" else node.inputs[0]
