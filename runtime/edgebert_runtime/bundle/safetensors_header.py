"""The header of a safetensors file of float32 numbers, checked against the file's size.

https://github.com/huggingface/safetensors, section "Format"
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from edgebert_runtime.errors import BundleError
from edgebert_runtime.storage.json_reader import parse_json
from edgebert_runtime.storage.json_values import Array, Integer, Text, read_structure

METADATA: Final = "__metadata__"
LENGTH_BYTES: Final = 8
FLOAT32_BYTES: Final = 4


@dataclass(frozen=True, kw_only=True)
class TensorEntry:
    """Where a tensor lies: `data_offsets` are its first byte and the one behind its last."""

    dtype: Annotated[str, Text(among=("F32",))]
    shape: Annotated[tuple[int, ...], Array(Integer(), most=8)]
    data_offsets: Annotated[tuple[int, int], Array(Integer(0, 2**62), 2, 2)]


def read_safetensors(path: Path) -> tuple[bytes, dict[str, TensorEntry]]:
    """The bytes behind the header, and where each tensor lies in them.

    Raises:
        BundleError: the file cannot be read, or is no safetensors file of float32 tensors.
    """

    def refusal(problem: str) -> BundleError:
        return BundleError(
            f"{path} is not a float32 safetensors file: it {problem}; export the model again"
        )

    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from error
    start = LENGTH_BYTES + int.from_bytes(raw[:LENGTH_BYTES], "little")
    header = parse_json(raw[LENGTH_BYTES:start], refusal)
    if not isinstance(header, dict):
        raise refusal("has no object as its header")
    entries = {
        name: read_structure(TensorEntry, value, refusal)
        for name, value in header.items()
        if name != METADATA
    }
    for name, entry in entries.items():
        first, last = entry.data_offsets
        if last - first != FLOAT32_BYTES * math.prod(entry.shape) or last > len(raw) - start:
            raise refusal(f"has {name!r} of shape {entry.shape} at bytes {first} to {last}")
    return raw[start:], entries
