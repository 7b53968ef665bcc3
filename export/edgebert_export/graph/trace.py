"""From a torch module to the canonical graph: standard operators at opset 23, nothing fused."""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Final

import onnx_ir as ir
import torch
from torch import Tensor, nn

from edgebert_export.graph.reasons import reason_of
from edgebert_export.spec import ExportSpec, OutputSpec
from edgebert_runtime.errors import ExportError

CANONICAL_OPSET: Final = 23
"""The first with `Attention` (https://onnx.ai/onnx/operators/onnx__Attention.html)."""

HALF: Final = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16)
PRODUCTS: Final = ("Attention", "Conv", "Gemm", "MatMul")
"""Operators that a CPU has no kernels for in half precision."""

EXAMPLE_BATCH: Final = 2
EXAMPLE_SEQUENCE: Final = 7
"""Sizes of the traced example; parity never uses them."""


def trace(module: nn.Module, spec: ExportSpec, name: str | None = None) -> ir.Model:
    """Trace `module` with a dynamic batch and a dynamic sequence from 1 to `max_positions`.

    Args:
        module: takes the spec's inputs in order and returns a tuple of its outputs.
        spec: what it is.
        name: what errors call it; None, its class.

    Raises:
        ExportError: torch cannot trace the module, with torch's reason, or the module returns
            something else.
    """
    name = name or type(module).__name__
    example = _example(spec)
    _check_outputs(module, example, spec, name)
    sequence = torch.export.Dim("sequence", min=1, max=spec.max_positions)
    dynamic = {0: torch.export.Dim("batch", min=1), 1: sequence if spec.max_positions > 1 else None}
    with _quiet():
        try:
            program = torch.onnx.export(
                module.eval(),
                example,
                dynamo=True,
                opset_version=CANONICAL_OPSET,
                dynamic_shapes=(dynamic,) * len(example),
                input_names=[item.name for item in spec.inputs],
                output_names=[item.name for item in spec.outputs],
                verbose=False,
            )
        except Exception as error:  # torch.export raises many unrelated types
            raise ExportError(
                f"torch cannot trace {name}, which must be traceable by torch.export with inputs "
                f"{', '.join(item.name for item in spec.inputs)}: {reason_of(error)}"
            ) from error
    if program is None:
        raise ExportError(f"torch.onnx.export returned nothing for {name}")
    _refuse_half(program.model, name)
    return program.model


def _refuse_half(model: ir.Model, name: str) -> None:
    """A quantized variant may be in half precision; the graph it is made from is in float32."""
    found = {
        f"{node.op_type} in {value.dtype.name.lower()}"
        for node in model.graph
        for value in node.outputs
        if value.dtype in HALF and node.op_type in PRODUCTS
    }
    if found:
        raise ExportError(
            f"{name} computes in half precision whatever its weights are in: "
            f"{', '.join(sorted(found))}; take autocast, .half() and .bfloat16() out of forward"
        )


def _example(spec: ExportSpec) -> tuple[Tensor, ...]:
    length = min(EXAMPLE_SEQUENCE, spec.max_positions)
    return tuple(
        torch.ones((EXAMPLE_BATCH, length), dtype=torch.int64)
        if item.name == "attention_mask"
        else torch.zeros((EXAMPLE_BATCH, length), dtype=torch.int64)
        for item in spec.inputs
    )


def _check_outputs(
    module: nn.Module, example: tuple[Tensor, ...], spec: ExportSpec, name: str
) -> None:
    """Run the module once, so that a wrong signature is not reported as a tracing problem."""
    try:
        with torch.no_grad():
            outputs = module.eval()(*example)
    except Exception as error:
        raise ExportError(
            f"{name} fails on a batch of shape {tuple(example[0].shape)}: {reason_of(error)}"
        ) from error
    names = ", ".join(item.name for item in spec.outputs)
    if not isinstance(outputs, tuple) or len(outputs) != len(spec.outputs):
        raise ExportError(
            f"{name} must return a tuple ({names}), returned {type(outputs).__name__}"
        )
    for item, output in zip(spec.outputs, outputs, strict=True):
        batch, sequence = example[0].shape
        require_shape(name, item, tuple(output.shape), (batch, sequence))


def require_shape(
    name: str, output: OutputSpec, shape: tuple[int, ...], inputs: tuple[int, int]
) -> None:
    """Check an output's shape.

    Args:
        name: of the module.
        output: what it should be.
        shape: what it is.
        inputs: batch and sequence that it was made from.

    Raises:
        ExportError: names both shapes.
    """
    expected = output.sized(*inputs)
    if shape != expected:
        raise ExportError(
            f"{name} gives {output.name} of shape {shape}, expected {expected}, which is "
            f"({', '.join(map(str, output.shape))})"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's progress prints and its notes about torchvision from our user's terminal."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
