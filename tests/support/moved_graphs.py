"""A graph whose float32 numbers are moved in their last bits, as other engines compute them.

Engines add in another order and approximate functions otherwise. In a graph of 8 bits such a last
bit decides at times between two neighbouring steps, and one step moves the outputs of a small
model by nearly as much as all of quantization does. All these outputs are right.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from edgebert_runtime.engine.session import Session

SCALES: Final = (3e-7, 1e-6, 3e-6)
"""How far numbers are moved, relative to each; float32 has steps of 6e-8 to 1.2e-7."""

EACH: Final = 40
"""Graphs a scale. With these, of 480 graphs moved by 3e-7 none was further than 0.01 from all."""


def moved_graphs(graph: Path) -> Iterator[Session]:
    """Sessions of the graph, its biases and norms multiplied by 1 + scale x normal noise.

    Args:
        graph: with its weights inside.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "moved.onnx"
        for seed, (scale, _) in enumerate(product(SCALES, range(EACH))):
            onnx.save(_moved(onnx.load(graph), scale, np.random.default_rng(seed)), path)
            yield Session(path, provider="cpu")


def _moved(model: onnx.ModelProto, scale: float, random: np.random.Generator) -> onnx.ModelProto:
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) == 1:
            values = numpy_helper.to_array(tensor)
            noise = 1 + scale * random.standard_normal(values.shape)
            tensor.CopyFrom(
                numpy_helper.from_array((values * noise).astype(np.float32), tensor.name)
            )
    return model
