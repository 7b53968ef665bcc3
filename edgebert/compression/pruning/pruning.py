"""A checkpoint on its way to a narrower one: its texts, what goes first, and what is lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch

from edgebert.checkpoints import Checkpoint
from edgebert.compression.answers import Model, model_of
from edgebert.compression.distillation.losses import DistilLosses
from edgebert.compression.distillation.matching import Matching
from edgebert.compression.distillation.objectives import (
    Distillation,
    Labels,
    RawScores,
    Teacher,
    Vectors,
    asked_batches,
    objective_of,
)
from edgebert.compression.distillation.texts import Texts
from edgebert.compression.pruning.limits import Limits, parse_limits
from edgebert.compression.pruning.right_answers import RightAnswers, read_right_answers
from edgebert.compression.widths.choice import removals, runs_of
from edgebert.compression.widths.costs import LayerCosts
from edgebert.compression.widths.importance import TILE, Importance, measure_importance
from edgebert.compression.widths.narrowing import Kept, narrowed, widths_in_words
from edgebert.compression.widths.reconstruction import reconstruct
from edgebert.training.config import TrainingConfig
from edgebert.training.data.encoding import TextEncoder
from edgebert.training.loop import evaluate
from edgebert_quantize.search.budget import DROPS
from edgebert_runtime.errors import CheckFailedError, ConfigError
from edgebert_runtime.progress import ProgressCallback
from edgebert_runtime.tokenization.items import Item, strings_of

BATCH: Final = 32
HALVINGS: Final = 5
"""Trials under a budget alone; the last tells apart one part in 32 of all that may go."""


MEASURES: Final[Mapping[type[Distillation], tuple[str, ...]]] = {
    Vectors: ("cosine", "spearman"),
    Labels: ("agreement",),
    RawScores: ("spearman",),
}
"""What a model is judged by → the measures that a budget may limit."""


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """A narrower model.

    Attributes:
        checkpoint: with its encoder.
        measured: name of a measure → what was found on texts that it was not fitted to.
    """

    checkpoint: Checkpoint
    measured: Mapping[str, float]


class Pruning:
    """What stays the same for all widths that are tried.

    Args:
        checkpoint: as it was read.
        texts: to prune by, and held out.
        evaluation: a file with right answers.
        budget: limits, as a user wrote them.
        seed: of random directions, and of tokens that are masked.

    Raises:
        ConfigError, InputError: the budget or the file do not fit the task.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        texts: Texts,
        evaluation: Path | None,
        budget: str | None,
        seed: int,
    ) -> None:
        self.checkpoint = checkpoint
        self._model = model_of(checkpoint).requires_grad_(False).eval()
        self._config = TrainingConfig(device="cpu", autocast="fp32", batch_size=BATCH, seed=seed)
        self._encoder = TextEncoder(
            checkpoint.tokenizer, segments=checkpoint.config.token_types > 1
        )
        self._answers = _read(evaluation, checkpoint)
        kind = objective_of(self._model, self._activation)
        lost = () if self._answers is None else (DROPS[self._answers.share],)
        self.limits: Limits = parse_limits(budget, MEASURES[kind], lost)
        if self._answers is not None:
            self.limits.require_rows(self._answers.rows, str(evaluation))
        teacher = Teacher(model=self._model, matching=Matching(), losses=DistilLosses())
        by_length = sorted(texts.training, key=_characters)
        self._fitted, self._held_out = (
            kind(items, self._encoder, teacher) for items in (by_length, texts.validation)
        )
        self._batches = asked_batches(self._fitted, BATCH, seed)
        self._right = None if self._answers is None else self._share(self._model)

    @property
    def texts(self) -> int:
        """How many it is pruned by."""
        return self._fitted.examples

    @property
    def held_out(self) -> int:
        """How many it is judged by."""
        return self._held_out.examples

    @property
    def runs(self) -> list[int]:
        """How often each distinct layer runs."""
        return runs_of(self.checkpoint.encoder)

    def importance(self) -> list[Importance]:
        """Of each distinct layer."""
        generator = torch.Generator().manual_seed(self._config.seed)
        softmax = self._activation == "softmax"
        return measure_importance(self._model, self._batches, softmax, generator)

    def steps(self, costs: LayerCosts) -> list[list[Kept]]:
        """What is left after each step, from all on.

        Raises:
            ConfigError: nothing can go.
        """
        found = list(removals(self.importance(), self.runs, costs))
        if len(found) == 1:
            raise ConfigError(
                f"{self.checkpoint.name} has {widths_in_words(found[0])} in its layers; a head and "
                f"{TILE} neurons of each stay, so nothing can go"
            )
        return found

    def made(self, kept: Sequence[Kept]) -> Pruned:
        """The model with what is kept, fitted and measured."""
        whole = self.checkpoint.encoder
        encoder = narrowed(whole, kept)
        reconstruct(whole, encoder, [inputs for inputs, _ in self._batches])
        checkpoint = replace(self.checkpoint, encoder=encoder, config=encoder.config)
        return Pruned(checkpoint=checkpoint, measured=self.measure(checkpoint))

    def measure(self, checkpoint: Checkpoint) -> dict[str, float]:
        """How a narrower model answers the texts held out, and the file with right answers."""
        model = model_of(checkpoint).eval()
        values = dict(evaluate(model, self._held_out, self._config).values)
        values.pop("loss", None)
        if self._answers is not None and self._right is not None:
            share = self._share(model)
            values |= {self._answers.share: share}
            values |= {DROPS[self._answers.share]: self._right - share}
        return values

    def fastest_within(self, steps: Sequence[Sequence[Kept]], tell: ProgressCallback) -> Pruned:
        """The narrowest model that keeps the budget, found by halving.

        Raises:
            CheckFailedError: the widest that was tried does not keep it.
        """
        kept, refused, best = 0, len(steps), None
        for _ in range(HALVINGS):
            middle = (kept + refused) // 2
            if middle == kept:
                break
            pruned = self.made(steps[middle])
            met = self.limits.is_met_by(pruned.measured)
            verdict = "kept" if met else "not kept"
            tell(f"{widths_in_words(steps[middle])}: {shown(pruned.measured)}, budget {verdict}")
            if met:
                kept, best = middle, pruned
            else:
                refused = middle
        if best is None:
            raise CheckFailedError(
                f"no model that was tried keeps the budget {self.limits.text!r}; nearest was "
                f"{widths_in_words(steps[middle])}: {shown(pruned.measured)}. Allow more, or "
                "give more texts"
            )
        return best

    def require(self, kept: Sequence[Kept], pruned: Pruned) -> None:
        """Refuse a model that does not keep the budget.

        Raises:
            CheckFailedError: with what was measured.
        """
        if not self.limits.is_met_by(pruned.measured):
            raise CheckFailedError(
                f"the budget {self.limits.text!r} is not kept at this speed by the best that was "
                f"found, {widths_in_words(kept)}: {shown(pruned.measured)}. Ask for less speed, "
                "allow more, or distil it afterwards"
            )

    @property
    def _activation(self) -> str | None:
        info = self.checkpoint.head_info
        return None if info is None else info.activation

    def _share(self, model: Model) -> float:
        assert self._answers is not None  # asked only where there is a file
        return self._answers.of(model, self._encoder)


def _read(evaluation: Path | None, checkpoint: Checkpoint) -> RightAnswers | None:
    return None if evaluation is None else read_right_answers(evaluation, checkpoint)


def _characters(item: Item) -> int:
    return sum(map(len, strings_of(item)))


def shown(measured: Mapping[str, float]) -> str:
    """Measures with four digits."""
    return ", ".join(f"{name} {value:.4f}" for name, value in measured.items())
