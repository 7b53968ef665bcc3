"""An explanation as its JSON has it, whoever wrote it; every value is checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgebert_runtime.storage.json_reader import Refusal
from edgebert_runtime.storage.json_values import read_structure

Weights = NDArray[np.float32]

ABOVE_ONE: Final = 1e-3
"""What a weight of half precision, rounded, may be larger than 1."""


@dataclass(frozen=True, kw_only=True)
class WordRecord:
    """A word and where it lies; as `edgebert_runtime`'s `Word`."""

    text: str
    part: int
    start: int
    end: int
    tokens: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class AttributionRecord:
    """What a method gives each word; as `Attribution`."""

    values: Sequence[float | None]
    errors: Sequence[float | None] | None = None
    reached: bool = True


@dataclass(frozen=True, kw_only=True)
class HeadRecord:
    """One head in a few numbers; as `HeadSummary`."""

    layer: int
    head: int
    entropy: float
    distance: float
    previous: float
    next: float
    separator: float


@dataclass(frozen=True, kw_only=True)
class ExplanationRecord:
    """All of it; as `Explanation`."""

    task: str
    variant: str
    target: str | None
    value: float | None
    empty: float | None
    words: Sequence[WordRecord]
    attributions: Mapping[str, AttributionRecord]
    runs: int
    tokens: Sequence[str] = ()
    attention: Any = None
    heads: Sequence[HeadRecord] = ()
    rollout: Any = None
    attention_variant: str | None = None


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A checked explanation.

    Attributes:
        record: its fields.
        attention: (layers, heads, tokens, tokens); None without maps.
        rollout: (tokens, tokens); None likewise.
    """

    record: ExplanationRecord
    attention: Weights | None
    rollout: Weights | None


def read_explanation(fields: object, refusal: Refusal) -> Explained:
    """The explanation in a value of JSON.

    Args:
        fields: what `Explanation.to_dict` gave.
        refusal: makes the error for a problem.

    Raises:
        EdgebertError: what `refusal` makes of a key that is missing, does not fit, or does not
            belong to the others.
    """
    record = read_structure(ExplanationRecord, fields, refusal)
    if not record.words:
        raise refusal("has no word, expected one at least")
    for name, found in record.attributions.items():
        for what, values in (("values", found.values), ("errors", found.errors)):
            if values is not None and len(values) != len(record.words):
                raise refusal(
                    f"has {len(values)} {what} of {name}, expected one for each of the "
                    f"{len(record.words)} words"
                )
    if any(at >= len(record.tokens) for word in record.words for at in word.tokens):
        raise refusal(f"has a word of a token that is not among the {len(record.tokens)}")
    side = len(record.tokens)
    attention = _weights(record.attention, "attention", (None, None, side, side), refusal)
    rollout = _weights(record.rollout, "rollout", (side, side), refusal)
    heads = 0 if attention is None else attention.shape[0] * attention.shape[1]
    if len(record.heads) != heads:
        raise refusal(f"sums up {len(record.heads)} heads, expected one for each of {heads} maps")
    if not heads and not record.attributions:
        raise refusal("has neither attributions nor attention")
    return Explained(record=record, attention=attention, rollout=rollout)


def _weights(
    value: object, name: str, shape: tuple[int | None, ...], refusal: Refusal
) -> Weights | None:
    """Nested lists as an array, None as None."""
    if value is None:
        return None
    expected = "({})".format(
        ", ".join("any number" if each is None else str(each) for each in shape)
    )
    try:
        found: Weights = np.asarray(value, np.float32)
    except (TypeError, ValueError) as error:
        raise refusal(f"has {name} that is no array of numbers of shape {expected}") from error
    fits = len(found.shape) == len(shape) and all(
        each in (None, size) for each, size in zip(shape, found.shape, strict=True)
    )
    if not fits or not found.size:
        raise refusal(f"has {name} of shape {found.shape}, expected {expected}")
    if not ((found >= 0) & (found <= 1 + ABOVE_ONE)).all():
        raise refusal(f"has {name} with numbers that are no share from 0 to 1")
    return found
