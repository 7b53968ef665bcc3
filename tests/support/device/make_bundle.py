"""Write MiniLM's bundle and torch's own vectors, for tests that run where there is no torch.

Usage: python -m tests.support.device.make_bundle BUNDLE VECTORS
"""

import sys
from pathlib import Path

import numpy as np

import edgebert
from edgebert.workflow.sources import open_source
from edgebert.workflow.torch_reference import torch_runner
from edgebert_quantize.calibration.text_split import Feeder
from examples.minilm import minilm_folder

TEXTS = ["What is a transformer?", "Der Hund schläft.", "", "A longer sentence, " * 20]


def main(folder: str, vectors: str) -> None:
    source = minilm_folder()
    bundle = edgebert.quantize(edgebert.export(source, folder))
    run = torch_runner(bundle, open_source(source).module)
    reference = np.concatenate([run(feeds)[0] for feeds in Feeder.of(bundle).alone(TEXTS)])
    np.savez(Path(vectors), texts=np.array(TEXTS), torch=reference)


if __name__ == "__main__":
    main(*sys.argv[1:])
