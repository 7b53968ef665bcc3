"""OpenVINO, an OpenVINO or ONNX file.

Options: `hint`, LATENCY or empty for its default; `inference_precision`, f32 or empty for what
OpenVINO chooses on this CPU, which is bf16 where that is fast.
"""

import sys
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.encoder_jobs import Feeds, Run, serve


def open_model(model: str, options: dict[str, str], threads: int) -> Run:
    """A request that is run again and again."""
    settings = {"INFERENCE_NUM_THREADS": str(threads)}
    settings |= {"PERFORMANCE_HINT": options["hint"]} if options.get("hint") else {}
    if options.get("inference_precision"):
        settings["INFERENCE_PRECISION_HINT"] = options["inference_precision"]
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    names = [value.get_any_name() for value in compiled.inputs]
    request = compiled.create_infer_request()

    def run(feeds: Feeds) -> NDArray[np.float32]:
        request.infer({name: feeds[name] for name in names})
        output: NDArray[np.float32] = request.get_tensor("last_hidden_state").data
        return output.astype(np.float32, copy=False)

    return run


if __name__ == "__main__":
    serve(open_model)
