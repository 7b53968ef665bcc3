"""Write MiniLM's bundle and torch's own vectors, for tests that run where there is no torch.

Usage: python -m tests.device.make_bundle BUNDLE VECTORS
"""

import sys
from pathlib import Path

import numpy as np

import edgebert
from edgebert.sources import open_source
from edgebert.torch_reference import embed_with_torch
from examples.minilm import minilm_folder

TEXTS = ["What is a transformer?", "Der Hund schläft.", "", "A longer sentence, " * 20]


def main(folder: str, vectors: str) -> None:
    source = minilm_folder()
    bundle = edgebert.quantize(edgebert.export(source, folder))
    reference = embed_with_torch(bundle, open_source(source).module, TEXTS)
    np.savez(Path(vectors), texts=np.array(TEXTS), torch=reference)


if __name__ == "__main__":
    main(*sys.argv[1:])
