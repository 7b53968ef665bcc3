"""Export MiniLM and store our own vectors, for loaders that run in an environment of their own.

Usage: python -m tests.interop.write_vectors BUNDLE VECTORS
"""

import sys
from pathlib import Path

import numpy as np

import edgebert
from edgebert_runtime import load
from examples.minilm import minilm_folder

TEXTS = ["What is a transformer?", "Der Hund schläft.", "a cat", "A longer sentence, " * 20]


def main(folder: str, vectors: str) -> None:
    bundle = edgebert.quantize(edgebert.export(minilm_folder(), folder))
    ours = {}
    for variant in ("portable", "int8"):
        model = load(bundle, variant)
        ours[variant] = np.concatenate([model.embed([text]) for text in TEXTS])
    np.savez(Path(vectors), texts=np.array(TEXTS), **ours)


if __name__ == "__main__":
    main(*sys.argv[1:])
