"""What the keys of a manifest may be, beyond the type that their annotation says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edgebert_runtime.storage.json_values import (
    Array,
    Either,
    Fields,
    Integer,
    Nullable,
    Number,
    Table,
    Text,
    UnfitError,
)


@dataclass(frozen=True)
class RelativePath:
    """A path below the bundle's folder; `check_spelling` says whether it stays there."""

    expected: str = "a path in the bundle, with '/'"

    def read(self, value: object, place: str) -> str:
        """The path as it is spelled."""
        if not isinstance(value, str) or not value:
            raise UnfitError(place, value, self.expected)
        return value


PATH: Final = RelativePath()
PATHS: Final = Array(PATH, least=1)
NAME: Final = Text(pattern=r"[^/\\\x00-\x1f]{1,200}", words="1 to 200 characters without a slash")
SHAPE: Final = Array(Either((Text(), Integer())), most=8)
COUNT: Final = Integer()
POSITIVE: Final = Integer(1)
MAX_LENGTH: Final = Integer(2, 2**20)
"""A limit of one token holds no text beside a special token."""
SIZE: Final = Integer(0, 2**63 - 1)
LENGTH: Final = Integer(1, 2**63 - 1)
DIMENSIONS: Final = Integer(1, 2**20)
SHA256: Final = Text(pattern="[0-9a-f]{64}", words="64 lower-case hexadecimal digits")
VERSION: Final = Text(
    pattern=r"[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}", words="a version such as 1.20.0"
)
TASK: Final = Text(known=("embed", "classify", "tag", "answer", "rank", "fill", "next_sentence"))
TASKS: Final = Array(Text(), least=1)
SOURCE: Final = Fields(
    {
        "kind": Text(known=("folder", "hub", "module")),
        "name": Text(),
        "model_type": Nullable(Text()),
    }
)
ARCHITECTURE: Final = Fields(
    {key: Nullable(COUNT) for key in ("hidden", "layers", "heads", "vocabulary", "token_types")}
)
DTYPE: Final = Text(known=("int64", "float32"))
PADDING_SIDE: Final = Text(among=("right",))
STEP: Final = Text(among=("pool", "dense", "normalize", "truncate"))
STEP_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "pool": ("modes",),
    "dense": ("file", "activation"),
    "normalize": (),
    "truncate": ("dimensions",),
}
"""Kind of a step → the keys it has."""
SIMILARITY: Final = Text(known=("cosine", "dot", "euclidean", "manhattan"))
MODES: Final = Array(
    Text(known=("cls", "mean", "max", "mean_sqrt_len", "weighted_mean", "last_token")), least=1
)
DENSE_ACTIVATION: Final = Text(among=("identity", "tanh", "relu", "gelu"))
ACTIVATION: Final = Text(known=("softmax", "sigmoid", "none"))
AGGREGATION: Final = Text(known=("none", "simple", "first", "average", "max"))
TOKENS: Final = Fields(
    {
        "choice": Text(known=("auto", "file", "transformers", "unchecked")),
        "texts": COUNT,
        "witnesses": Array(
            Fields({"name": Text(known=("tokenizer.json", "transformers")), "version": Text()})
        ),
    }
)
ATTENTION: Final = "attention"
"""The target of a graph that gives attention maps, too; such a variant runs by its name only."""
TARGET: Final = Text(known=("portable", "cpu", "cuda", "cuda-packed", "native", ATTENTION))
DOTPROD: Final = "dotprod"
"""The class of CPU with one of `EXACT_SUMS`."""
AVX2: Final = "avx2"
"""The class of every CPU; the integer files for it have weights of 7 bits."""
EXACT_SUMS: Final = ("vnni", "neon", "simd128")
"""Instruction sets with which an engine adds products of 8-bit integers exactly."""
INSTRUCTION_SETS: Final = Array(Text(known=EXACT_SUMS))
CPU: Final = Text(known=(DOTPROD, AVX2))
PROVIDER: Final = Text(known=("cpu", "cuda"))
FUSIONS: Final = Table(COUNT)
PARITY: Final = Fields(
    {
        "tolerance": Number(least=0),
        "worst": Number(least=0),
        "worst_case": Text(),
        "worst_at": Text(),
        "cases": COUNT,
    }
)
FLOOR: Final = Fields({"mean": Number(), "worst": Number()}, {"agreement": Number()})
AGREEMENT: Final = Fields(
    {
        "metric": Text(),
        "value": Number(most=1),
        "flipped": COUNT,
        "counted": POSITIVE,
        "unit": Text(),
    }
)
ACCURACY: Final = Fields(
    {"fp32": Number(), "quantized": Number()},
    {"rows": POSITIVE, "drop": Number(), "error": Number(above=0), "flipped": COUNT},
)
QUALITY: Final = Fields(
    {
        "metric": Text(),
        "data": Text(),
        "samples": COUNT,
        "mean": Number(),
        "worst": Number(),
        "floor": FLOOR,
    },
    {"agreement": AGREEMENT, "accuracy": ACCURACY, "recall": ACCURACY},
)
SCHEME: Final = Text(known=("static", "token", "dynamic"))
STOCK: Final = "stock"
"""The way to run a graph by the engine alone."""
NATIVE: Final = "native"
"""The way to run a graph with its library of custom operators."""
WAY: Final = Text(among=(STOCK, NATIVE))
PROVENANCE: Final = Text(
    known=("trained", "trimmed", "pruned", "distilled", "quantized", "compressed")
)
SPEED: Final = Fields({"over_fp32": Number(above=0), "rounds": POSITIVE, "cpu": CPU})
