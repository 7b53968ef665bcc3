"""Write a bundle that has a variant of every recipe that a CPU can run.

Usage: python -m tests.support.engines.write_bundle BUNDLE
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch

import edgebert
from edgebert.model.encoder import Encoder
from tests.support.tiny_encoder import EVEN, save_tiny

RECIPES: Final = ("int8", "int8-dynamic", "int8-static", "int4", "embeddings-int8", "fp16")
LARGE_TABLE: Final = 2**20 // (4 * 64) + 64
"""Rows of 64 numbers: `embeddings-int8` leaves smaller tables as they are."""


def main(folder: str) -> None:
    torch.manual_seed(0)
    config = replace(EVEN, hidden=64, vocabulary=LARGE_TABLE)
    with tempfile.TemporaryDirectory() as scratch:
        source = save_tiny(Encoder(config).eval(), Path(scratch) / "tiny")
        words = (source / "vocab.txt").read_text(encoding="utf-8").split()
        more = [f"word{number}" for number in range(LARGE_TABLE - len(words))]
        (source / "vocab.txt").write_text("\n".join([*words, *more]), encoding="utf-8")
        bundle = edgebert.export(source, folder)
    for recipe in RECIPES:
        edgebert.quantize(bundle, recipe, force=True, keep_default=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
