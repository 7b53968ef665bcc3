"""An ONNX file in ONNX Runtime, ours and others' alike.

Options: `native`, to run it with edgebert-native.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.encoder_jobs import Feeds, Run, serve
from edgebert_runtime.engine.native import find_native, register

ERRORS_ONLY = 3


def open_model(model: str, options: dict[str, str], threads: int) -> Run:
    """A session with ONNX Runtime's defaults.

    Raises:
        RuntimeError: edgebert-native is asked for and does not run here.
    """
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = ERRORS_ONLY
    if "native" in options:
        library, reason = find_native()
        if library is None:
            raise RuntimeError(reason)
        register(settings, library, threads)
    session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]

    def run(feeds: Feeds) -> NDArray[np.float32]:
        wanted = {name: feeds[name] for name in names}
        output: NDArray[np.float32] = session.run(["last_hidden_state"], wanted)[0]
        return output

    return run


if __name__ == "__main__":
    serve(open_model)
