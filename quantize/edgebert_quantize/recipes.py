"""What each recipe does, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edgebert_quantize.activations import Activations
from edgebert_quantize.nearness import Floor, Nearness
from edgebert_runtime.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class LinearRecipe:
    """How linear layers become integer products.

    Attributes:
        outliers: share of channels after an activation function that may go around the integers.
        strengths: of outlier smoothing, 0…1, for each layer to choose from; none, no smoothing.
        activations: how the graph makes integers of activations.
        compensate: round weights by GPTQ, else each to its nearest.
        standard: use standard operators only.
    """

    outliers: float
    strengths: tuple[float, ...]
    activations: Activations
    compensate: bool
    standard: bool = False


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to quantize.

    Attributes:
        name: as the user asks for it.
        file: where its graph lies in a bundle.
        precision: as the manifest says it.
        source_target: the fp32 variant it starts from.
        linears: what becomes of linear layers; None leaves them in float32.
        tables: whether embedding tables are int8.
        floors: what nearness to fp32 is kept, for each `Nearness`.
        min_onnxruntime: the oldest version that runs the result; None, that of its source.
    """

    name: str
    file: str
    precision: str
    source_target: str
    linears: LinearRecipe | None
    tables: bool
    floors: Mapping[Nearness, Floor]
    min_onnxruntime: str | None

    @property
    def batch_invariant(self) -> bool:
        """Whether a text's vector is independent of the texts beside it."""
        return self.linears is None or self.linears.activations != "dynamic"


STRENGTHS: Final = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)

RECIPES: Final[Mapping[str, Recipe]] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="int8",
            file="onnx/model_quantized.onnx",
            precision="int8",
            source_target="cpu",
            linears=LinearRecipe(
                outliers=1 / 48,
                strengths=STRENGTHS,
                activations="static",
                compensate=True,
            ),
            tables=True,
            floors={
                Nearness.COSINE: Floor(mean=0.99, worst=0.98),
                Nearness.SCORES: Floor(mean=0.98, worst=0.80),
            },
            min_onnxruntime="1.23.0",
        ),
        Recipe(
            name="int8-dynamic",
            file="onnx/model_int8-dynamic.onnx",
            precision="int8",
            source_target="cpu",
            linears=LinearRecipe(
                outliers=0.0, strengths=(), activations="dynamic", compensate=False
            ),
            tables=False,
            floors={
                Nearness.COSINE: Floor(mean=0.98, worst=0.95),
                Nearness.SCORES: Floor(mean=0.96, worst=0.70),
            },
            min_onnxruntime="1.23.0",
        ),
        Recipe(
            name="int8-static",
            file="onnx/model_int8-static.onnx",
            precision="int8",
            source_target="portable",
            linears=LinearRecipe(
                outliers=0.0,
                strengths=STRENGTHS,
                activations="static",
                compensate=True,
                standard=True,
            ),
            tables=True,
            floors={
                Nearness.COSINE: Floor(mean=0.985, worst=0.97),
                Nearness.SCORES: Floor(mean=0.97, worst=0.75),
            },
            min_onnxruntime=None,
        ),
        Recipe(
            name="embeddings-int8",
            file="onnx/model_embeddings-int8.onnx",
            precision="embeddings-int8",
            source_target="cpu",
            linears=None,
            tables=True,
            floors={
                Nearness.COSINE: Floor(mean=0.9998, worst=0.999),
                Nearness.SCORES: Floor(mean=0.998, worst=0.98),
            },
            min_onnxruntime="1.23.0",
        ),
    )
}
"""`int8` is the one to use. `int8-static` has standard operators only, for other engines;
`embeddings-int8` rounds the tables alone, for a smaller file that answers all but the same;
`int8-dynamic` is ONNX Runtime's usual scheme, for comparison."""


def find_recipe(name: str) -> Recipe:
    """The recipe of a name.

    Raises:
        ConfigError: there is none; the known are listed.
    """
    if name not in RECIPES:
        raise ConfigError(f"recipe must be one of {', '.join(RECIPES)}; got {name!r}")
    return RECIPES[name]
