"""A checkpoint in torch, as transformers loads it: SDPA, inference mode.

Options: `mode`: eager, compile, bf16 (autocast) or int8 (dynamic quantization of linear layers).
"""

import sys
import warnings
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.encoder_jobs import Feeds, Run, serve


def int8(model: Any) -> Any:
    """Dynamic quantization of linear layers, every setting its default."""
    with warnings.catch_warnings(action="ignore"):  # torch says that it will move elsewhere
        quantize: Any = torch.ao.quantization.quantize_dynamic
        return quantize(model, {torch.nn.Linear}, torch.qint8)


MODES: Final[dict[str, Callable[[Any], Any]]] = {
    "eager": lambda model: model,
    "compile": torch.compile,
    "bf16": lambda model: model,
    "int8": int8,
}


def open_model(model: str, options: dict[str, str], threads: int) -> Run:
    """What `AutoModel` gives, made ready as the mode says."""
    torch.set_num_threads(threads)
    loaded = AutoModel.from_pretrained(model).eval()
    taken = signature(loaded.forward).parameters
    prepared = MODES[options["mode"]](loaded)
    half = options["mode"] == "bf16"

    def run(feeds: Feeds) -> NDArray[np.float32]:
        wanted = {name: array for name, array in feeds.items() if name in taken}
        tensors = {name: torch.from_numpy(array) for name, array in wanted.items()}
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            output: torch.Tensor = prepared(**tensors).last_hidden_state
        return output.float().numpy()

    return run


if __name__ == "__main__":
    serve(open_model)
