"""Export a tiny encoder for the tests of providers, and keep what the CPU answers.

The answers are of the newest ONNX Runtime, for the tests of plug-ins. Versions 1.21 to 1.24
multiply some widths wrongly where the CPU has AMX (docs/concepts/engines.md): `even` has none of
those, `tiny` has.

Usage: python -m tests.openvino.write_bundle BUNDLE even|tiny
"""

import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

import edgebert
from edgebert_runtime import load
from tests.support.provider_texts import TEXTS, answers_of
from tests.support.tiny_encoder import EVEN, TINY, build_tiny, save_tiny

WIDTHS: Final = {"even": EVEN, "tiny": TINY}


def main(folder: str, widths: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        bundle = edgebert.export(
            save_tiny(build_tiny(WIDTHS[widths]), Path(scratch) / "tiny"), folder
        )
    for recipe in ("int8", "int8-static"):
        bundle = edgebert.quantize(bundle, recipe, force=True)
    names = ("portable", "int8-portable", "int8-static")
    answers = {name: load(bundle, name).embed(TEXTS) for name in names}
    np.savez(answers_of(Path(folder)), **answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
