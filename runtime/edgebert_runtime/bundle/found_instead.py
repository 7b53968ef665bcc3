"""What lies where a bundle was expected, and which command makes a bundle of it."""

from pathlib import Path
from typing import Final

WEIGHTS: Final = ("*.safetensors", "pytorch_model*.bin")
DESCRIPTIONS: Final = ("config.json", "modules.json")
FORMER_TRANSFORMER: Final = "0_Transformer"
"""Where older sentence-transformers kept the weights."""


def describe(path: Path, manifest: str) -> str:
    """Why `path`, which has no manifest, is no bundle, and what to do; one line.

    Args:
        path: a folder without a manifest, a file, or nothing at all.
        manifest: the manifest's name.
    """
    if path.suffix == ".onnx" and path.is_file():
        return (
            f"{path} is an ONNX file, not a bundle; edgebert quantize {path} OUT.onnx makes a "
            "smaller file, and edgebert export makes a bundle, from a checkpoint"
        )
    if _is_checkpoint(path):
        return f"{path} is a checkpoint, not a bundle; run: edgebert export {path} OUT"
    return f"{path / manifest} not found; is {path} an edgebert bundle?"


def _is_checkpoint(folder: Path) -> bool:
    described = any((folder / name).is_file() for name in DESCRIPTIONS)
    places = (folder, folder / FORMER_TRANSFORMER)
    return described and any(any(place.glob(each)) for place in places for each in WEIGHTS)
