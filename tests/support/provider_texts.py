"""What the tests of providers run on: the bundle that .ci/openvino has made, and texts."""

import os
from pathlib import Path
from typing import Final

FOLDER: Final = os.environ.get("EDGEBERT_OPENVINO_BUNDLE")
TEXTS: Final = [
    "the small cat sat on the mat .",
    "a dog",
    "",
    "it ran far over the red unable dogs " * 3,
]


def answers_of(bundle: Path) -> Path:
    """The file beside a bundle with the CPU's vectors of `TEXTS`, by variant."""
    return bundle.with_name(f"{bundle.name}-answers.npz")
