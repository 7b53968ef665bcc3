"""OpenVINO and NNCF, in their own environment.

Usage:
    openvino_graph.py quantize SOURCE.onnx FEEDS.npz OUT.xml
    openvino_graph.py vectors FILE PRECISION FEEDS.npz OUT.npz
    openvino_graph.py time FILE PRECISION THREADS SHAPES REFERENCE FLOOR

FEEDS.npz has one array a text and input, named `number.input`. PRECISION is `default`, which is
what OpenVINO chooses on the CPU at hand, or `f32`.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import nncf
import numpy as np
import openvino
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.worker import time_shapes

Feeds = dict[str, NDArray[np.int64]]


def read_feeds(path: str) -> list[Feeds]:
    found: list[Feeds] = []
    with np.load(path) as arrays:
        for key in arrays.files:
            number, name = key.split(".")
            while len(found) <= int(number):
                found.append({})
            found[int(number)][name] = arrays[key]
    return found


def quantize(source: str, feeds: str, out: str) -> None:
    """NNCF's documented way for transformers, every other setting its default."""
    model = openvino.Core().read_model(source)
    quantized = nncf.quantize(
        model, nncf.Dataset(read_feeds(feeds)), model_type=nncf.ModelType.TRANSFORMER
    )
    openvino.save_model(quantized, out, compress_to_fp16=False)


def compiled(file: str, precision: str, **settings: Any) -> Any:
    if precision == "f32":
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    core = openvino.Core()
    return core.compile_model(file, "CPU", {"PERFORMANCE_HINT": "LATENCY", **settings})


def names_of(model: Any) -> list[str]:
    return [value.get_any_name() for value in model.inputs]


def vectors(file: str, precision: str, feeds: str, out: str) -> None:
    """`last_hidden_state` of each text, as many arrays."""
    model = compiled(file, precision)
    names, request = names_of(model), model.create_infer_request()
    found = {}
    for number, each in enumerate(read_feeds(feeds)):
        request.infer({name: each[name] for name in names})
        found[str(number)] = request.get_tensor("last_hidden_state").data.astype(np.float32)
    np.savez(out, **found)


def time(file: str, precision: str, threads: str, shapes: str, reference: str, floor: str) -> None:
    model = compiled(file, precision, INFERENCE_NUM_THREADS=int(threads))
    request = model.create_infer_request()

    def run(feeds: Feeds) -> NDArray[np.float32]:
        request.infer(feeds)
        output: NDArray[np.float32] = request.get_tensor("last_hidden_state").data
        return output

    print(json.dumps(time_shapes(run, names_of(model), shapes, reference, floor)))


COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "quantize": quantize,
    "vectors": vectors,
    "time": time,
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
