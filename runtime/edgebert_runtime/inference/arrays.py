"""The arrays that go into a graph and come out of it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
"""What a graph gives, of any shape."""

Ids = NDArray[np.int64]
"""Token ids, segments or a mask: (batch, sequence)."""

Feeds = dict[str, Ids]
"""Graph input → its array."""

Outputs = tuple[Floats, ...]
"""One row's part of every output, padding included."""

INPUTS: Final = ("input_ids", "attention_mask", "token_type_ids")
"""What a text becomes; a graph takes those of them that it names."""
