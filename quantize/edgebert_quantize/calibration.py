"""What values activations take on real text."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgebert_runtime.session import Session

Feeds = Mapping[str, NDArray[np.int64]]


def channel_maxima(
    model: Path, names: Sequence[str], batches: Iterable[Feeds]
) -> dict[str, NDArray[np.float32]]:
    """The largest magnitude of each channel of each named activation, over all batches.

    Keeps one number a channel, so memory does not grow with the texts.

    Args:
        model: an fp32 graph.
        names: activations of shape (batch, sequence, channels).
        batches: what to run.

    Returns:
        name → (channels,), float32
    """
    with tempfile.TemporaryDirectory() as folder:
        watched = Path(folder) / "watched.onnx"
        _write_watched(model, names, watched)
        session = Session(watched, provider="cpu")
        maxima: dict[str, NDArray[np.float32]] = {}
        for feeds in batches:
            activations = session.run(names, {name: feeds[name] for name in session.inputs})
            for name, activation in zip(names, activations, strict=True):
                largest = np.abs(activation).max(axis=(0, 1))
                maxima[name] = np.maximum(maxima.get(name, largest), largest)
    return maxima


def _write_watched(model: Path, names: Sequence[str], destination: Path) -> None:
    watched = ir.load(model)
    values = {value.name: value for node in watched.graph for value in node.outputs}
    for name in names:
        values[name].dtype = ir.DataType.FLOAT
        if not values[name].is_graph_output():
            watched.graph.outputs.append(values[name])
    ir.external_data.load_to_model(watched)
    ir.save(watched, destination)
