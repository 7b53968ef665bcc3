"""The loop: steps, validations, early stopping, and saving the state on the way."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgebert.training.config import TrainingConfig
from edgebert.training.data.batch_order import make_batches
from edgebert.training.metrics import Scores
from edgebert.training.objectives.base import Batch, Objective
from edgebert.training.optimization import adamw, choose_mixed_precision, learning_rate
from edgebert.training.report import Evaluation
from edgebert.training.resume import Progress, StateFile
from edgebert_runtime.errors import CheckFailedError
from edgebert_runtime.progress import ProgressCallback

VALIDATION = 1
"""Second seed of what a validation draws, so that it is the same each time."""

StepCallback = Callable[[int, int, float, float], None]
"""Called with the step, the number of steps, the loss and the learning rate."""


@dataclass(kw_only=True)
class Loop:
    """One training of one model.

    Attributes:
        model: in place; at the end its weights are the best, or without validation the last.
        objective: what it is trained on.
        validation: what it is judged by, or None.
        config: the numbers.
        store: where the state is saved.
        on_step: called after each step.
        tell: called after each validation.
    """

    model: nn.Module
    objective: Objective
    validation: Objective | None
    config: TrainingConfig
    store: StateFile
    on_step: StepCallback
    tell: ProgressCallback
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        self.mixed_precision = choose_mixed_precision(self.config)
        self.model.to(self.mixed_precision.device)
        self.optimizer = adamw(self.model, self.config)
        self.scaler = self.mixed_precision.scaler()
        self._order_of = lru_cache(maxsize=1)(self._order)

    @property
    def steps_per_epoch(self) -> int:
        """The last step of an epoch may have fewer rows."""
        return math.ceil(
            self.objective.examples / (self.config.batch_size * self.config.accumulate)
        )

    @property
    def steps(self) -> int:
        """In all epochs."""
        return self.config.epochs * self.steps_per_epoch

    @property
    def stopped_early(self) -> bool:
        """Whether the validations without improvement have reached `patience`."""
        patience = self.config.patience
        return patience is not None and self.progress.waited >= patience

    def resume(self) -> None:
        """Go on from the saved state."""
        self.progress = self.store.restore(self._parts())

    def run(self) -> float:
        """Train to the end; how many seconds it took.

        Raises:
            CheckFailedError: the loss or its gradient is not finite; nothing was changed by it.
        """
        began = time.perf_counter()
        while self.progress.step < self.steps and not self.stopped_early:
            step = self.progress.step + 1
            rate = learning_rate(step, self.steps, self.config)
            loss = self._step(step, rate)
            self.progress.step = step
            self.progress.losses.append(loss)
            self.on_step(step, self.steps, loss, rate)
            self._validate_and_save()
        if self.progress.best_weights is not None:
            self.model.load_state_dict(self.progress.best_weights)
        self.model.to("cpu").eval()
        return time.perf_counter() - began

    def _step(self, step: int, rate: float) -> float:
        """One step of the optimizer on all batches that belong to it; their mean loss."""
        self.model.train()
        batches = [batch.to(self.mixed_precision.device) for batch in self._batches(step)]
        counts = [max(sum(parts), 1) for parts in zip(*(b.counts for b in batches), strict=True)]
        loss = sum(self._backward(batch, counts, step) for batch in batches)
        self._update(step, rate)
        return loss

    def _backward(self, batch: Batch, counts: list[int], step: int) -> float:
        """Add a batch's share to the gradients; divided by the count of all batches together."""
        with self.mixed_precision.autocast():
            losses = self.objective.losses(self.objective.outputs(self.model, batch), batch)
        loss = torch.stack([part / count for part, count in zip(losses, counts, strict=True)]).sum()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise self._not_finite("loss", value, step)
        torch.autograd.backward(self.scaler.scale(loss))
        return value

    def _update(self, step: int, rate: float) -> None:
        self.scaler.unscale_(self.optimizer)
        norm = float(
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_gradient_norm)
        )
        if not math.isfinite(norm) and not self.scaler.is_enabled():  # a scaler skips such steps
            raise self._not_finite("gradient's norm", norm, step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()

    def _batches(self, step: int) -> Iterator[Batch]:
        """The batches of a step; they depend on the seed and the step's number alone."""
        config = self.config
        epoch, position = divmod(step - 1, self.steps_per_epoch)
        rows = self._order_of(epoch)[position].tolist()
        draws = np.random.default_rng([config.seed, epoch, position])
        for start in range(0, len(rows), config.batch_size):
            yield self.objective.batch(rows[start : start + config.batch_size], draws)

    def _order(self, epoch: int) -> list[NDArray[np.int64]]:
        """The rows of each step of an epoch."""
        width = self.config.batch_size * self.config.accumulate
        return make_batches(
            self.objective.lengths, width, np.random.default_rng([self.config.seed, epoch])
        )

    def _validate_and_save(self) -> None:
        step, config = self.progress.step, self.config
        due = step % (config.validate_every or self.steps_per_epoch) == 0 or step == self.steps
        if due and self.validation is not None:
            self._validate(self.validation)
        elif step % config.save_every != 0:
            return
        self.store.save(self.progress, self._parts())

    def _validate(self, validation: Objective) -> None:
        scores = evaluate(self.model, validation, self.config)
        found = Evaluation(step=self.progress.step, scores=scores)
        self.progress.history.append(found)
        values = ", ".join(f"{name} {value:.4f}" for name, value in scores.values.items())
        self.tell(f"step {found.step}: {values}")
        best = self.progress.best
        if best is None or is_better(scores, best.scores, validation.monitor):
            self.progress.best, self.progress.waited = found, 0
            self.progress.best_weights = copy_weights(self.model)
        else:
            self.progress.waited += 1

    def _parts(self) -> dict[str, object]:
        return {"model": self.model, "optimizer": self.optimizer, "scaler": self.scaler}

    def _not_finite(self, what: str, value: float, step: int) -> CheckFailedError:
        kept = (
            f"the state after its last saving is kept in {self.store.path}"
            if self.store.path.exists()
            else "no state had been saved"
        )
        return CheckFailedError(
            f"the {what} is {value} at step {step}, so training stopped there and nothing was "
            f"written; {kept}. Resume with a lower learning rate, or look for odd rows in the data"
        )


def evaluate(model: nn.Module, validation: Objective, config: TrainingConfig) -> Scores:
    """Judge a model; the mean loss is among the scores where the data have one."""
    model.eval()
    mixed_precision = choose_mixed_precision(config)
    rng = np.random.default_rng([config.seed, VALIDATION])
    predictions: list[object] = []
    sums: list[tuple[float, ...]] = []
    counts: list[tuple[int, ...]] = []
    with torch.inference_mode():
        for start in range(0, validation.examples, config.batch_size):
            rows = range(start, min(start + config.batch_size, validation.examples))
            batch = validation.batch(rows, rng).to(mixed_precision.device)
            with mixed_precision.autocast():
                outputs = validation.outputs(model, batch)
                sums.append(tuple(map(float, validation.losses(outputs, batch))))
            counts.append(batch.counts)
            predictions += validation.predictions(outputs, batch)
    scores = validation.metrics(predictions)
    return replace(scores, values={**_mean_loss(sums, counts), **scores.values})


def is_better(found: Scores, best: Scores, monitor: str) -> bool:
    """Whether scores are better by a metric; ties are broken by lower loss."""
    return _sort_key(found, monitor) > _sort_key(best, monitor)


def copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """A copy of a model's weights on the CPU."""
    return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}


def _mean_loss(sums: list[tuple[float, ...]], counts: list[tuple[int, ...]]) -> dict[str, float]:
    terms = list(zip(zip(*sums, strict=True), zip(*counts, strict=True), strict=True))
    if not terms:
        return {}
    return {"loss": sum(sum(parts) / max(sum(numbers), 1) for parts, numbers in terms)}


def _sort_key(scores: Scores, monitor: str) -> tuple[float, float]:
    """Higher is better."""
    ease = -scores.values.get("loss", 0.0)
    return (ease, ease) if monitor == "loss" else (scores.values[monitor], ease)
