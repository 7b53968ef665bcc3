"""What each recipe does, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to quantize.

    Attributes:
        name: as the user asks for it.
        file: where its graph lies in a bundle.
        precision: as the manifest says it.
        source_target: the fp32 variant it starts from.
        smoothing: strength of outlier smoothing, 0…1; None leaves activations as they are.
        batch_invariant: whether a text's vector is independent of the texts beside it.
        floor_mean, floor_worst: smallest mean and smallest single cosine to fp32 that is kept.
        min_onnxruntime: the oldest version that runs the result.
    """

    name: str
    file: str
    precision: str
    source_target: str
    smoothing: float | None
    batch_invariant: bool
    floor_mean: float
    floor_worst: float
    min_onnxruntime: str


RECIPES: Final[Mapping[str, Recipe]] = {
    "int8": Recipe(
        name="int8",
        file="onnx/model_quantized.onnx",
        precision="int8",
        source_target="cpu",
        smoothing=0.8,
        batch_invariant=False,  # one activation scale for the whole batch
        floor_mean=0.99,
        floor_worst=0.98,
        min_onnxruntime="1.23.0",
    ),
}
