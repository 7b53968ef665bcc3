"""SentencePiece's character map in small: what `Precompiled` normalizers hold.

Source: google/sentencepiece, src/normalizer.cc (DecodePrecompiledCharsMap), and
s-yata/darts-clone, include/darts.h (DoubleArrayUnit), for the bits of a unit.
"""

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

LEAF: Final = 1 << 8
VALUE: Final = 1 << 31
OFFSET_SHIFT: Final = 10
SPREAD: Final = 256
"""Distance between the blocks of two nodes; a real map packs them."""


@dataclass
class _DoubleArray:
    units: dict[int, int] = field(default_factory=dict)
    blocks: int = 0

    def add(self, node: int, label: int, entries: Mapping[bytes, int]) -> None:
        """Place a node whose keys go on with `entries`, what is left of each and its value."""
        self.blocks += 1
        block = self.blocks * SPREAD
        ends = b"" in entries
        self.units[node] = label | (node ^ block) << OFFSET_SHIFT | (LEAF if ends else 0)
        if ends:
            self.units[block] = VALUE | entries[b""]
        for first in sorted({key[0] for key in entries if key}):
            rest = {key[1:]: value for key, value in entries.items() if key[:1] == bytes([first])}
            self.add(block ^ first, first, rest)


def charsmap(replacements: Mapping[str, str]) -> str:
    """The map as `tokenizer.json` stores it, base64."""
    normalized, starts = b"", {}
    for text, replacement in replacements.items():
        starts[text.encode()] = len(normalized)
        normalized += replacement.encode() + b"\0"
    array = _DoubleArray()
    array.add(0, 0, starts)
    units = [array.units.get(index, 0) for index in range((array.blocks + 1) * SPREAD)]
    trie = struct.pack(f"<{len(units)}I", *units)
    return base64.b64encode(struct.pack("<I", len(trie)) + trie + normalized).decode()
