"""Which layers and heads of a teacher those of a student are compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgebert.model.config import EncoderConfig
from edgebert.model.encoder import Encoder


@dataclass(frozen=True, kw_only=True)
class MatchedHeads:
    """What the attention of a student's layer is compared with.

    Attributes:
        layer: of the teacher.
        heads: for each head of the student's layer, its place among those that this layer has.
    """

    layer: int
    heads: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Matching:
    """What the layers of a student are compared with, in their order.

    Attributes:
        states: the teacher's layers whose token vectors they are compared with; none where these
            have another width.
        attention: the teacher's layers and heads; none where theirs are others.
        unmatched: why attention cannot be compared; empty where it can.
    """

    states: tuple[int, ...] = ()
    attention: tuple[MatchedHeads, ...] = ()
    unmatched: str = ""


def match_layers(
    teacher: Encoder, student: Encoder, layers: Sequence[int], *, copied: bool
) -> Matching:
    """What can be compared of two encoders.

    Args:
        teacher: that is learnt from.
        student: that learns.
        layers: for each layer of the student, that of the teacher.
        copied: whether heads of the student are those of the teacher with the same numbers; of
            other students the heads are compared in their order.
    """
    states = tuple(layers) if student.config.hidden == teacher.config.hidden else ()
    attention = []
    for number, layer in enumerate(layers):
        mine, theirs = _heads(student, number), _heads(teacher, layer)
        alike = set(mine) <= set(theirs) if copied else len(mine) == len(theirs)
        if not alike or _reach(student.config, number) != _reach(teacher.config, layer):
            unmatched = f"{_in_words(student, number)}, the teacher's {_in_words(teacher, layer)}"
            return Matching(states=states, unmatched=unmatched)
        places = map(theirs.index, mine) if copied else range(len(theirs))
        attention.append(MatchedHeads(layer=layer, heads=tuple(places)))
    return Matching(states=states, attention=tuple(attention))


def _heads(encoder: Encoder, layer: int) -> tuple[int, ...]:
    """The numbers of the heads that a layer has."""
    return encoder.config.widths_of(encoder.distinct(layer)).heads


def _reach(config: EncoderConfig, layer: int) -> int | None:
    """How many neighbours on either side a layer sees; None for all."""
    return config.local.reach if config.local is not None and config.is_local(layer) else None


def _in_words(encoder: Encoder, layer: int) -> str:
    reach = _reach(encoder.config, layer)
    seen = "" if reach is None else f" that see {reach} tokens on either side"
    return f"layer {layer} has {len(_heads(encoder, layer))} heads{seen}"
