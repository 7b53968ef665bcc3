"""Stored samples: what a variant answered where it was made; `docs/bundle-format.md` specifies."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from edgebert_runtime.errors import BundleError
from edgebert_runtime.storage.json_reader import read_json
from edgebert_runtime.storage.json_values import (
    Array,
    Either,
    Integer,
    Number,
    Structure,
    Table,
    Text,
    read_structure,
)

VECTOR: Final = Array(Number())
SCORES: Final = Array(Table(Number()))


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One item, its tokens and the answer to it.

    Attributes:
        text: a string, or two that the model sees at once.
        input_ids: what the tokenizer makes of it, special tokens included, cut to the limit.
        expected: for `embed` the vector; for other tasks what may be → score, for each place.
    """

    text: Annotated[str | tuple[str, str], Either((Text(), Array(Text(), 2, 2)))]
    input_ids: Annotated[Sequence[int], Array(Integer())]
    expected: Annotated[Any, Either((VECTOR, SCORES))]


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The samples of one variant.

    Attributes:
        made_by: what computed them, as `machine_info` says it.
        measure: what `tolerance` is of, in words.
        tolerance: how far an answer may be off.
        reason: why so far.
        samples: one for each item.
    """

    made_by: Mapping[str, str]
    measure: str
    tolerance: Annotated[float, Number(least=0)]
    reason: str
    samples: Annotated[Sequence[Sample], Array(Structure(Sample))]

    def to_json(self) -> str:
        """The text of the file."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False) + "\n"


def read_samples(path: Path) -> Samples:
    """Read the samples of a variant.

    Raises:
        BundleError: the file is not what the format says; the text names the key.
    """

    def refusal(problem: str) -> BundleError:
        return BundleError(f"{path} is not a file of samples: it {problem}; export the model again")

    return read_structure(Samples, read_json(path, refusal), refusal)
