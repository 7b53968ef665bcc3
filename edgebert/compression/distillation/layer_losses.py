"""How far a student's layers are from those of its teacher: token vectors and attention."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from edgebert.compression.distillation.losses import (
    DistilLosses,
    attention_divergence,
    state_error,
)
from edgebert.compression.distillation.matching import Matching
from edgebert.model.encoder import Encoder
from edgebert.model.recording import recorded_attention, recorded_states


@dataclass(frozen=True)
class Recorded:
    """What layers gave while an encoder ran.

    Attributes:
        states: (batch, sequence, hidden) for each layer, or none.
        attention: (batch, heads, sequence, sequence) for each layer, or none.
    """

    states: Sequence[Tensor]
    attention: Sequence[Tensor]


class LayerLosses:
    """The losses of layers that have a weight and can be compared.

    Args:
        matching: what the student's layers are compared with.
        weights: of the losses.
    """

    def __init__(self, matching: Matching, weights: DistilLosses) -> None:
        self._states = matching.states if weights.hidden else ()
        self._attention = matching.attention if weights.attention else ()
        self._weights = weights

    def __bool__(self) -> bool:
        """Whether anything is compared."""
        return bool(self._states or self._attention)

    def counts(self, tokens: int) -> tuple[int, ...]:
        """What each loss of a batch sums over: its tokens, once for each layer."""
        return tuple(tokens * len(each) for each in (self._states, self._attention) if each)

    @contextmanager
    def recorded(self, encoder: Encoder) -> Iterator[Recorded]:
        """Record what is compared while an encoder runs; it is there once it has run."""
        with ExitStack() as stack:
            states = stack.enter_context(recorded_states(encoder)) if self._states else []
            attention = stack.enter_context(recorded_attention(encoder)) if self._attention else []
            yield Recorded(states, attention)

    def of_student(self, recorded: Recorded) -> list[Tensor]:
        """What the student gives of it: states, then attention."""
        return [*recorded.states, *recorded.attention]

    def of_teacher(self, recorded: Recorded) -> list[Tensor]:
        """What the teacher gives of it, in the same shapes and order."""
        states = [recorded.states[layer] for layer in self._states]
        attention = [
            recorded.attention[each.layer][:, list(each.heads)] for each in self._attention
        ]
        return [*states, *attention]

    def losses(
        self, student: Sequence[Tensor], teacher: Sequence[Tensor], mask: Tensor
    ) -> tuple[Tensor, ...]:
        """Each loss with its weight, summed over what `counts` says.

        Args:
            student: what `of_student` gives.
            teacher: what `of_teacher` gives.
            mask: (batch, sequence), 1 for tokens that are no padding.
        """
        pairs = list(zip(student, teacher, strict=True))
        states, attention = pairs[: len(self._states)], pairs[len(self._states) :]
        found = []
        if states:
            errors = torch.stack([state_error(*pair, mask) for pair in states])
            found.append(self._weights.hidden * errors.sum())
        if attention:
            divergences = torch.stack([attention_divergence(*pair, mask) for pair in attention])
            found.append(self._weights.attention * divergences.sum())
        return tuple(found)
