"""Quantization recipes, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from edgebert_quantize.calibration.ranges import RangeMethod
from edgebert_quantize.similarity import QualityThreshold, SimilarityMetric
from edgebert_runtime.errors import ConfigError

Scheme = Literal[
    "per_tensor_static", "per_tensor_dynamic", "per_token_dynamic", "qdq", "blockwise", "float"
]
"""How one linear layer is quantized.

`per_tensor_static`, `per_tensor_dynamic` and `per_token_dynamic` compute in int8; they differ in
where the scale of an activation comes from: calibration, the whole batch, or each token. `qdq` is
`per_tensor_static` in standard operators. `blockwise` quantizes weights only, `float` nothing.
"""

FLOAT: Final[Scheme] = "float"

FUSED_TARGET: Final = "cpu"
"""Target whose graphs have fused attention, which ONNX Runtime has from 1.23 on."""

LOWERED_TARGET: Final = "portable"
"""Target of graphs for old engines."""

NATIVE_TARGET: Final = "native"
"""Target of graphs with the operator of `edgebert-native`."""

SCHEME_LABELS: Final[Mapping[Scheme, str]] = {
    "per_tensor_static": "static",
    "per_tensor_dynamic": "dynamic",
    "per_token_dynamic": "token",
    "qdq": "standard",
    "blockwise": "blocks",
    FLOAT: "float",
}
"""Scheme → what manifests, model cards and reports call it (docs/bundle-format.md)."""

MANIFEST_SCHEMES: Final[Mapping[Scheme, str]] = {
    "per_tensor_static": "static",
    "qdq": "static",
    "per_tensor_dynamic": "dynamic",
    "per_token_dynamic": "token",
}
"""Scheme → what a variant's `scheme` calls it; the others quantize no activations."""

Precision = Literal["fp16", "bf16"]

RecipeName = Literal[
    "int8",
    "int8-dynamic",
    "int8-static",
    "int4",
    "embeddings-int8",
    "fp16",
    "fp16-packed",
    "bf16",
]
"""The keys of `RECIPES`."""


@dataclass(frozen=True, kw_only=True)
class LinearRecipe:
    """How linear layers are quantized.

    Attributes:
        schemes: allowed for a layer, the cheapest first. Without a budget every layer has the
            first; a search within a budget chooses among all of them and `float`.
        outliers: share of the channels after an activation function that are multiplied in float32.
        strengths: SmoothQuant's migration strengths α, 0…1; each layer takes the best. Empty
            switches smoothing off.
        gptq: round weights by GPTQ; otherwise to nearest.
        correct_bias: add the mean error of rounded weights to the bias.
        ranges: how a static range is chosen.
        bits: of a weight.
        block: inputs that share a scale; None: one scale for all inputs of an output.
    """

    schemes: tuple[Scheme, ...]
    outliers: float = 0.0
    strengths: tuple[float, ...] = ()
    gptq: bool = False
    correct_bias: bool = False
    ranges: RangeMethod = "minmax"
    bits: int = 8
    block: int | None = None

    def __post_init__(self) -> None:
        if self.outliers and "per_tensor_dynamic" in self.schemes:
            raise ConfigError(
                "outliers need a calibrated range; the scheme per_tensor_dynamic has none"
            )
        if self.outliers and self.block is not None:
            raise ConfigError(
                "outliers need one scale for all inputs of an output; block must be None"
            )

    @property
    def needs_statistics(self) -> bool:
        """Whether activations are observed on calibration texts."""
        observed = self.outliers or self.strengths or self.gptq or self.correct_bias
        return bool(observed) or self.needs_ranges

    @property
    def needs_ranges(self) -> bool:
        """Whether a scheme needs calibrated ranges of activations."""
        return not {"per_tensor_static", "qdq"}.isdisjoint(self.schemes)

    @property
    def standard_operators_only(self) -> bool:
        """Whether the quantized graph has no operator that only ONNX Runtime knows."""
        return set(self.schemes) == {"qdq"}


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
        name: the user's option.
        file: path of its graph in a bundle.
        precision: the variant's `precision` in the manifest.
        source_targets: targets of the fp32 variant to start from; the first that a bundle has.
        linears: how linear layers are quantized; None leaves them in float32.
        half: which operators compute in half precision; None leaves all in float32.
        tables: whether embedding tables are int8.
        native: path of its graph with the operator of `edgebert-native`; None without one.
        fused: whether a graph with fused attention is written, too, for the CPU provider of new
            engines; it shares the weights of the one for old engines.
        must_be_faster: whether the result is refused if it is slower than fp32.
        thresholds: least similarity to fp32, for each `SimilarityMetric`.
        agreement: least agreement of the answers with those of fp32: by the metric's name, and
            under `ANSWERS` for every other metric.
        min_onnxruntime: the oldest version that runs the fused graph; None, that of its source.
    """

    name: str
    file: str
    precision: str
    source_targets: tuple[str, ...]
    linears: LinearRecipe | None = None
    half: HalfRecipe | None = None
    tables: bool = False
    fused: bool = False
    native: str | None = None
    must_be_faster: bool = False
    thresholds: Mapping[SimilarityMetric, QualityThreshold]
    agreement: Mapping[str, float]
    min_onnxruntime: str | None = None

    @property
    def lowered(self) -> bool:
        """Whether its graph is written for old engines: its source is fused for new ones."""
        return self.source_targets == (FUSED_TARGET,)

    @property
    def batch_invariant(self) -> bool:
        """Whether a text's result does not depend on the other texts of its batch."""
        return self.linears is None or "per_tensor_dynamic" not in self.linears.schemes

    @property
    def scheme(self) -> str | None:
        """Where ranges of activations come from, as manifests call it; None where there are none.

        Without a budget every layer has the first of the schemes.
        """
        return None if self.linears is None else MANIFEST_SCHEMES.get(self.linears.schemes[0])

    def threshold(self, metric: SimilarityMetric, answers: str | None) -> QualityThreshold:
        """What a variant must reach.

        Args:
            metric: of similarity.
            answers: metric of the answers' agreement; None where they are not compared.
        """
        least = None if answers is None else self.agreement.get(answers, self.agreement[ANSWERS])
        return replace(self.thresholds[metric], agreement=least)


FLOAT_OPERATORS: Final = frozenset(
    {"Clip", "Div", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceSum", "ReduceSumSquare", "Sqrt"}
)
"""Pooling and normalization stay in float32: they cost little, and a vector normalized in half
precision misses length 1."""


CPU_EQUIVALENTS: Final[Mapping[str, str]] = {"cuda-packed": "cuda"}
"""Target whose graphs run on a GPU only → target whose graph computes the same on a CPU."""


ANSWERS: Final = "answers"
"""Any metric of agreement that has no floor of its own."""

Pair = tuple[float, float]
"""Least mean similarity, and least similarity of a single text."""


def _thresholds(
    *, cosine: Pair, scores: Pair, values: Pair
) -> dict[SimilarityMetric, QualityThreshold]:
    pairs = zip(SimilarityMetric, (cosine, scores, values), strict=True)
    return {key: QualityThreshold(mean=mean, worst=worst) for key, (mean, worst) in pairs}


def _agreement(answers: float, order: float) -> dict[str, float]:
    return {ANSWERS: answers, "order": order}


def _half(
    precision: Precision,
    cosine: Pair,
    scores: Pair,
    values: Pair,
    agreement: Pair,
    suffix: str = "",
    sources: tuple[str, ...] = ("cuda", "portable"),
) -> Recipe:
    return Recipe(
        name=f"{precision}{suffix}",
        file=f"onnx/model_{precision}{suffix.replace('-', '_')}.onnx",
        precision=precision,
        source_targets=sources,
        half=HalfRecipe(precision=precision, float_operators=FLOAT_OPERATORS),
        thresholds=_thresholds(cosine=cosine, scores=scores, values=values),
        agreement=_agreement(*agreement),
    )


STRENGTHS: Final = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)

RECIPES: Final[Mapping[str, Recipe]] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="int8",
            file="onnx/model_quantized.onnx",
            precision="int8",
            source_targets=(FUSED_TARGET,),
            linears=LinearRecipe(
                schemes=("per_tensor_static", "per_token_dynamic"),
                outliers=1 / 48,
                strengths=STRENGTHS,
                gptq=True,
                correct_bias=True,
            ),
            tables=True,
            fused=True,
            native="onnx/model_native.onnx",
            must_be_faster=True,
            thresholds=_thresholds(cosine=(0.99, 0.98), scores=(0.98, 0.90), values=(0.95, 0.80)),
            agreement=_agreement(answers=0.98, order=0.95),
            min_onnxruntime="1.24.1",
        ),
        Recipe(
            name="int8-dynamic",
            file="onnx/model_int8-dynamic.onnx",
            precision="int8",
            source_targets=(FUSED_TARGET,),
            linears=LinearRecipe(schemes=("per_tensor_dynamic",)),
            must_be_faster=True,
            thresholds=_thresholds(cosine=(0.98, 0.95), scores=(0.96, 0.85), values=(0.94, 0.75)),
            agreement=_agreement(answers=0.95, order=0.92),
        ),
        Recipe(
            name="int8-static",
            file="onnx/model_int8-static.onnx",
            precision="int8",
            source_targets=("portable",),
            linears=LinearRecipe(
                schemes=("qdq",), strengths=STRENGTHS, gptq=True, correct_bias=True
            ),
            tables=True,
            thresholds=_thresholds(cosine=(0.985, 0.97), scores=(0.97, 0.90), values=(0.95, 0.80)),
            agreement=_agreement(answers=0.97, order=0.95),
        ),
        Recipe(
            name="int4",
            file="onnx/model_int4.onnx",
            precision="int4",
            source_targets=(FUSED_TARGET,),
            linears=LinearRecipe(
                schemes=("blockwise",), gptq=True, correct_bias=True, bits=4, block=32
            ),
            tables=True,
            thresholds=_thresholds(cosine=(0.97, 0.94), scores=(0.95, 0.80), values=(0.92, 0.65)),
            agreement=_agreement(answers=0.90, order=0.85),
        ),
        Recipe(
            name="embeddings-int8",
            file="onnx/model_embeddings-int8.onnx",
            precision="embeddings-int8",
            source_targets=(FUSED_TARGET,),
            tables=True,
            thresholds=_thresholds(
                cosine=(0.9998, 0.999), scores=(0.998, 0.98), values=(0.99, 0.95)
            ),
            agreement=_agreement(answers=0.99, order=0.98),
        ),
        _half("fp16", (0.9999, 0.9999), (0.999, 0.99), (0.997, 0.98), (0.99, 0.99)),
        _half(
            "fp16",
            (0.9999, 0.9999),
            (0.999, 0.99),
            (0.997, 0.98),
            (0.99, 0.99),
            "-packed",
            ("cuda-packed",),
        ),
        _half("bf16", (0.999, 0.995), (0.99, 0.9), (0.97, 0.85), (0.98, 0.95)),
    )
}
"""Name → recipe.

`int8` is the one to use on a CPU. `int8-static` has standard operators only, for other engines.
`int8-dynamic` is ONNX Runtime's usual scheme, for comparison. `int4` gives the smallest file.
`embeddings-int8` quantizes the embedding tables alone, at almost no loss. `fp16`, `fp16-packed` (no
padding) and `bf16` are for GPUs.
"""


def format_counts(counts: Mapping[str, int]) -> str:
    """Label of a scheme → layers, as text: `12 static, 4 token`."""
    return ", ".join(f"{count} {label}" for label, count in counts.items())


def find_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        ConfigError: there is none; the error lists the names.
    """
    if name not in RECIPES:
        raise ConfigError(f"recipe must be one of {', '.join(RECIPES)}; got {name!r}")
    return RECIPES[name]
