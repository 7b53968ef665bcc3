"""BERT's two objectives: masked tokens, and whether one text follows another.

Devlin et al. 2019, section 3.1.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from edgebert.training import losses
from edgebert.training.data.documents import Passage
from edgebert.training.data.encoding import TextEncoder
from edgebert.training.data.masking import masker_of
from edgebert.training.metrics import Scores
from edgebert.training.objectives.base import Batch, EncodedRows
from edgebert_runtime.tokenization.encoding import EncodedText
from edgebert_runtime.tokenization.items import Item


class Pretraining(EncodedRows[EncodedText]):
    """Cross-entropy of the masked tokens; and, of pairs, of whether the second follows.

    The masked tokens are drawn anew each time a row is seen (Liu et al. 2019, section 4.1).
    """

    monitor: ClassVar[str] = "loss"

    def __init__(self, passages: Sequence[Passage], encoder: TextEncoder) -> None:
        texts: list[Item] = [
            passage.text if passage.pair is None else (passage.text, passage.pair)
            for passage in passages
        ]
        super().__init__(encoder.encode(texts), encoder)
        self._pairs = passages[0].pair is not None
        self._follows = torch.tensor([int(not passage.follows) for passage in passages])
        self._mask = masker_of(encoder)

    def batch(self, rows: Sequence[int], rng: np.random.Generator) -> Batch:
        plain = self.inputs(rows)
        seen, expected = self._mask(plain.input_ids, rng)
        masked = int((expected != losses.IGNORED).sum())
        follows = (self._follows[list(rows)],) if self._pairs else ()
        return Batch(
            rows=tuple(rows),
            inputs=(plain.replaced(seen),),
            targets=(expected, *follows),
            counts=(masked, *(len(rows) for _ in follows)),
        )

    def outputs(self, model: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
        """Logits of the masked tokens (masked, vocabulary); of pairs (batch, 2) too."""
        inputs = batch.inputs[0]
        found: tuple[Tensor, ...] = model(inputs, batch.targets[0] != losses.IGNORED)
        return found

    def losses(self, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, ...]:
        targets = _masked_targets(batch)
        return tuple(
            losses.cross_entropy(logits, target)
            for logits, target in zip(outputs, targets, strict=True)
        )

    def predictions(self, outputs: tuple[Tensor, ...], batch: Batch) -> list[Any]:
        """For each loss, which answers are right, (answers,), bool."""
        targets = _masked_targets(batch)
        return [
            tuple(
                (logits.argmax(dim=-1) == target).cpu().numpy()
                for logits, target in zip(outputs, targets, strict=True)
            )
        ]

    def metrics(self, predictions: Sequence[Any]) -> Scores:
        names = ("masked_accuracy", "next_sentence_accuracy")
        right = [np.concatenate(parts) for parts in zip(*predictions, strict=True)]
        return Scores(
            values={name: float(part.mean()) for name, part in zip(names, right, strict=False)}
        )


def _masked_targets(batch: Batch) -> tuple[Tensor, ...]:
    """The targets of the masked tokens, and of the pairs."""
    expected = batch.targets[0]
    return (expected[expected != losses.IGNORED], *batch.targets[1:])
