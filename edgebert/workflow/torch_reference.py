"""Torch's own answers for the texts a quantized variant is measured on."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgebert_quantize.evaluation.quality import Runner
from edgebert_quantize.similarity import Outputs, comparison_of
from edgebert_runtime.bundle.bundle import Bundle


def torch_runner(bundle: Bundle, module: nn.Module) -> Runner:
    """Runs the module that a bundle was exported from, on inputs as the bundle's graphs take them.

    The module returns the bundle's outputs, in order.
    """
    inputs = [item.name for item in bundle.manifest.inputs]
    outputs = [item.name for item in bundle.manifest.task.outputs]
    wanted = [outputs.index(name) for name in comparison_of(bundle.manifest).outputs]
    module = module.eval()

    def run(feeds: Mapping[str, NDArray[np.int64]]) -> Outputs:
        with torch.no_grad():
            found = module(*(torch.from_numpy(feeds[name]) for name in inputs))
        return [found[index].numpy() for index in wanted]

    return run
