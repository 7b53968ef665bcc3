"""Export a tiny encoder for the tests beside this, with a graph of standard integer operators.

Usage: python -m tests.openvino.write_bundle BUNDLE
"""

import sys
import tempfile
from pathlib import Path

import edgebert
from tests.support.tiny_encoder import build_tiny, save_tiny


def main(folder: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        bundle = edgebert.export(save_tiny(build_tiny(), Path(scratch) / "tiny"), folder)
    for recipe in ("int8", "int8-static"):
        bundle = edgebert.quantize(bundle, recipe, force=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
