"""Torch's own vectors for the texts a quantized variant is measured on."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgebert_quantize.samples import batches_of_one
from edgebert_runtime.bundle import Bundle


def embed_with_torch(
    bundle: Bundle, module: nn.Module, texts: Sequence[str]
) -> NDArray[np.float32]:
    """Run the torch module on each text alone, tokenized as the bundle does.

    Returns:
        float32, (number of texts, dimensions)
    """
    names = [item.name for item in bundle.manifest.inputs]
    with torch.no_grad():
        vectors = [
            module.eval()(*(torch.from_numpy(feeds[name]) for name in names))[1].numpy()
            for feeds in batches_of_one(bundle, texts)
        ]
    return np.concatenate(vectors)
