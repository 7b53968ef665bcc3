"""Stored samples: what a variant answered where it was made; `docs/bundle-format.md` specifies."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgebert_runtime.errors import BundleError
from edgebert_runtime.tokenization.items import Item


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One item, its tokens and the answer to it.

    Attributes:
        text: a string, or two that the model sees at once.
        input_ids: what the tokenizer makes of it, special tokens included, cut to the limit.
        expected: for `embed` the vector; for other tasks what may be → score, for each place.
    """

    text: Item
    input_ids: Sequence[int]
    expected: Any


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
    tolerance: float
    reason: str
    samples: Sequence[Sample]

    def to_json(self) -> str:
        """The text of the file."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False) + "\n"


def read_samples(path: Path) -> Samples:
    """Read the samples of a variant.

    Raises:
        BundleError: the file is not what the format says.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return Samples(
            made_by=dict(fields["made_by"]),
            measure=str(fields["measure"]),
            tolerance=_tolerance(fields["tolerance"]),
            reason=str(fields["reason"]),
            samples=tuple(_sample(each) for each in fields["samples"]),
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"{path} is not a file of samples ({error!r}); export the model again"
        ) from error


def _tolerance(value: Any) -> float:
    """NaN and infinity would let every answer pass, and less than 0 none."""
    tolerance = float(value)
    if not 0 <= tolerance < float("inf"):
        raise ValueError(f"tolerance is {value!r}, expected a finite number of at least 0")
    return tolerance


def _sample(fields: Mapping[str, Any]) -> Sample:
    text = fields["text"]
    return Sample(
        text=text if isinstance(text, str) else (text[0], text[1]),
        input_ids=tuple(fields["input_ids"]),
        expected=fields["expected"],
    )
