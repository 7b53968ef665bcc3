"""What each recipe does, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from edgebert_quantize.calibration.ranges import RangeMethod
from edgebert_quantize.similarity import Floor, SimilarityMetric
from edgebert_runtime.errors import ConfigError

Scheme = Literal["static", "dynamic", "token", "standard", "blocks", "float"]
"""What becomes of one linear layer: integers of activations with one scale for ever, one a run or
one a token; the first of these in standard operators; weights in blocks; nothing."""

FLOAT: Final[Scheme] = "float"

Precision = Literal["fp16", "bf16"]


@dataclass(frozen=True, kw_only=True)
class LinearRecipe:
    """How linear layers become smaller.

    Attributes:
        schemes: what may become of a layer, the cheapest first; that one is for every layer, unless
            a budget makes some of them others, or leaves them float.
        outliers: share of channels after an activation function that may go around the integers.
        strengths: of outlier smoothing, 0…1, for each layer to choose from; none, no smoothing.
        compensate: round weights by GPTQ, else each to its nearest.
        correct_bias: let biases take up what rounding shifts outputs by on average.
        ranges: how a static range is chosen.
        bits: of a weight.
        block: inputs that share a scale; None, all of an output.
    """

    schemes: tuple[Scheme, ...]
    outliers: float = 0.0
    strengths: tuple[float, ...] = ()
    compensate: bool = False
    correct_bias: bool = False
    ranges: RangeMethod = "minmax"
    bits: int = 8
    block: int | None = None

    def __post_init__(self) -> None:
        if self.outliers and "dynamic" in self.schemes:
            raise ConfigError("outliers go around integers of a known range, not of dynamic ones")
        if self.outliers and self.block is not None:
            raise ConfigError(
                "outliers go around weights with one scale for all inputs of an output"
            )

    @property
    def needs_statistics(self) -> bool:
        """Whether anything is watched on texts."""
        watched = self.outliers or self.strengths or self.compensate or self.correct_bias
        return bool(watched) or self.needs_ranges

    @property
    def needs_ranges(self) -> bool:
        """Whether integers of activations have a range that is known before."""
        return not {"static", "standard"}.isdisjoint(self.schemes)

    @property
    def standard(self) -> bool:
        """Whether it uses standard operators only."""
        return set(self.schemes) == {"standard"}


@dataclass(frozen=True, kw_only=True)
class HalfRecipe:
    """Which operators compute in half precision.

    Attributes:
        precision: `fp16` (IEEE 754 binary16) or `bf16` (bfloat16).
        float_operators: stay in float32; docs/decisions/0009-half-precision.md measures them.
    """

    precision: Precision
    float_operators: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to quantize.

    Attributes:
        name: as the user asks for it.
        file: where its graph lies in a bundle.
        precision: as the manifest says it.
        source_targets: the fp32 variant it starts from, the first that a bundle has.
        linears: what becomes of linear layers; None leaves them in float32.
        half: what becomes of everything, in half precision; None leaves it in float32.
        tables: whether embedding tables are int8.
        fast: whether it is to be faster than fp32, and refused where it is not.
        floors: what nearness to fp32 is kept, for each `SimilarityMetric`.
        min_onnxruntime: the oldest version that runs the result; None, that of its source.
    """

    name: str
    file: str
    precision: str
    source_targets: tuple[str, ...]
    linears: LinearRecipe | None = None
    half: HalfRecipe | None = None
    tables: bool = False
    fast: bool = False
    floors: Mapping[SimilarityMetric, Floor]
    min_onnxruntime: str | None = None

    @property
    def batch_invariant(self) -> bool:
        """Whether a text's vector is independent of the texts beside it."""
        return self.linears is None or "dynamic" not in self.linears.schemes


FLOAT_OPERATORS: Final = frozenset(
    {"Clip", "Div", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceSum", "ReduceSumSquare", "Sqrt"}
)
"""Pooling and normalizing: little work, and vectors of length 1 in half precision are not."""


STAND_INS: Final[Mapping[str, str]] = {"cuda-packed": "cuda"}
"""Target whose graphs run on a GPU only → target of the same model whose graph runs anywhere."""


def _half(
    precision: Precision,
    cosine: Floor,
    scores: Floor,
    *,
    suffix: str = "",
    sources: tuple[str, ...] = ("cuda", "portable"),
) -> Recipe:
    return Recipe(
        name=f"{precision}{suffix}",
        file=f"onnx/model_{precision}{suffix.replace('-', '_')}.onnx",
        precision=precision,
        source_targets=sources,
        half=HalfRecipe(precision=precision, float_operators=FLOAT_OPERATORS),
        floors={SimilarityMetric.COSINE: cosine, SimilarityMetric.SCORES: scores},
    )


FP16_FLOORS: Final = (Floor(mean=0.9999, worst=0.9999), Floor(mean=0.999, worst=0.99))


STRENGTHS: Final = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)

RECIPES: Final[Mapping[str, Recipe]] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="int8",
            file="onnx/model_quantized.onnx",
            precision="int8",
            source_targets=("cpu",),
            linears=LinearRecipe(
                schemes=("static", "token"),
                outliers=1 / 48,
                strengths=STRENGTHS,
                compensate=True,
                correct_bias=True,
            ),
            tables=True,
            fast=True,
            floors={
                SimilarityMetric.COSINE: Floor(mean=0.99, worst=0.98),
                SimilarityMetric.SCORES: Floor(mean=0.98, worst=0.80),
            },
            min_onnxruntime="1.23.0",
        ),
        Recipe(
            name="int8-dynamic",
            file="onnx/model_int8-dynamic.onnx",
            precision="int8",
            source_targets=("cpu",),
            linears=LinearRecipe(schemes=("dynamic",)),
            fast=True,
            floors={
                SimilarityMetric.COSINE: Floor(mean=0.98, worst=0.95),
                SimilarityMetric.SCORES: Floor(mean=0.96, worst=0.70),
            },
            min_onnxruntime="1.23.0",
        ),
        Recipe(
            name="int8-static",
            file="onnx/model_int8-static.onnx",
            precision="int8",
            source_targets=("portable",),
            linears=LinearRecipe(
                schemes=("standard",), strengths=STRENGTHS, compensate=True, correct_bias=True
            ),
            tables=True,
            floors={
                SimilarityMetric.COSINE: Floor(mean=0.985, worst=0.97),
                SimilarityMetric.SCORES: Floor(mean=0.97, worst=0.75),
            },
        ),
        Recipe(
            name="int4",
            file="onnx/model_int4.onnx",
            precision="int4",
            source_targets=("cpu",),
            linears=LinearRecipe(
                schemes=("blocks",), compensate=True, correct_bias=True, bits=4, block=32
            ),
            tables=True,
            floors={
                SimilarityMetric.COSINE: Floor(mean=0.97, worst=0.94),
                SimilarityMetric.SCORES: Floor(mean=0.95, worst=0.65),
            },
            min_onnxruntime="1.23.0",
        ),
        Recipe(
            name="embeddings-int8",
            file="onnx/model_embeddings-int8.onnx",
            precision="embeddings-int8",
            source_targets=("cpu",),
            tables=True,
            floors={
                SimilarityMetric.COSINE: Floor(mean=0.9998, worst=0.999),
                SimilarityMetric.SCORES: Floor(mean=0.998, worst=0.98),
            },
            min_onnxruntime="1.23.0",
        ),
        _half("fp16", *FP16_FLOORS),
        _half("fp16", *FP16_FLOORS, suffix="-packed", sources=("cuda-packed",)),
        _half("bf16", Floor(mean=0.999, worst=0.995), Floor(mean=0.99, worst=0.9)),
    )
}
"""`int8` is the one to use on a CPU. `int8-static` has standard operators only, for other engines;
`int8-dynamic` is ONNX Runtime's usual scheme, for comparison; `int4` is for the smallest file;
`embeddings-int8` rounds the tables alone, for a smaller file that answers all but the same; `fp16`,
`fp16-packed` (no padding) and `bf16` are for GPUs."""


def counted(counts: Mapping[str, int]) -> str:
    """How many layers have which scheme, in words."""
    return ", ".join(f"{count} {scheme}" for scheme, count in counts.items())


def find_recipe(name: str) -> Recipe:
    """The recipe of a name.

    Raises:
        ConfigError: there is none; the known are listed.
    """
    if name not in RECIPES:
        raise ConfigError(f"recipe must be one of {', '.join(RECIPES)}; got {name!r}")
    return RECIPES[name]
