"""Vectors that stay where they were computed, for others to take without a copy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class DeviceVectors:
    """Vectors in the memory of a device, by the DLPack protocol
    (https://dmlc.github.io/dlpack/latest/python_spec.html).

    `torch.from_dlpack(vectors)`, `cupy.from_dlpack(vectors)` and `numpy.from_dlpack(vectors)`, the
    last on a CPU, see the same memory, which lives as long as any of them.

    Attributes:
        shape: (number of texts, dimensions); the numbers are float32.
    """

    def __init__(self, value: Any) -> None:
        self._value = value
        self.shape: tuple[int, int] = tuple(value.shape())

    def __dlpack__(self, *, stream: Any = None, **_: Any) -> Any:
        """The vectors as a DLPack capsule; their computation has ended."""
        return self._value.__dlpack__(stream=stream)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Kind and number of the device, as DLPack numbers them: 1 is a CPU, 2 CUDA."""
        kind, number = self._value.__dlpack_device__()
        return int(kind), int(number)

    def numpy(self) -> NDArray[np.float32]:
        """A copy on the CPU."""
        return np.array(self._value.numpy())

    def __len__(self) -> int:
        """How many vectors."""
        return self.shape[0]
