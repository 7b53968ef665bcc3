"""Run a part of a graph on the CPU while it is still in memory."""

from collections.abc import Mapping
from typing import Any

import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_runtime.engine.onnxruntime import cpu_session, import_engine, session_options


def run_model(model: ir.Model, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """All outputs, in order."""
    options = session_options(import_engine(), threads=1)
    session = cpu_session(ir.to_proto(model).SerializeToString(), options)
    found: list[NDArray[Any]] = session.run(None, dict(feeds))
    return found
