"""ONNX models of one operator `edgebert.native::Int8Encoder`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.support.native.model import Constant, Floats, Model

DOMAIN: Final = "edgebert.native"
OPSET: Final = 17
IR_VERSION: Final = 8
"""Of ONNX Runtime 1.17."""

Attributes = Mapping[str, int | float | str | list[int]]
Inputs = dict[str, Floats | NDArray[np.int64]]


def write_graph(attributes: Attributes, constants: Sequence[Constant], path: Path) -> Path:
    """A model of one operator: hidden_states and attention_mask to encoded."""
    names = [f"constant_{index}" for index in range(len(constants))]
    inputs = ["hidden_states", "attention_mask", *names]
    node = helper.make_node("Int8Encoder", inputs, ["encoded"], domain=DOMAIN, **attributes)
    three = ["batch", "tokens", "hidden"]
    graph = helper.make_graph(
        [node],
        "native",
        [
            helper.make_tensor_value_info("hidden_states", TensorProto.FLOAT, three),
            helper.make_tensor_value_info("attention_mask", TensorProto.INT64, three[:2]),
        ],
        [helper.make_tensor_value_info("encoded", TensorProto.FLOAT, three)],
        [numpy_helper.from_array(each, name) for name, each in zip(names, constants, strict=True)],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION), path)
    return path


def write_model(model: Model, path: Path) -> Path:
    """The operator of a model."""
    return write_graph(model.attributes(), model.constants(), path)


def inputs(hidden: Floats, mask: NDArray[np.int64]) -> Inputs:
    return {"hidden_states": hidden, "attention_mask": mask}
