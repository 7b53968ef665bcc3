"""The tasks of training, and its configuration."""

import math
import warnings
from dataclasses import InitVar, dataclass
from enum import StrEnum
from typing import Literal

from edgebert_runtime.errors import ConfigError
from edgebert_runtime.inference.arguments import check_fields

TrainingTask = Literal["embed", "classify", "tag", "answer", "rank", "fill", "pretrain"]
"""What a type checker knows of `task`; those that other packages register are taken, too."""

ProblemName = Literal["single_label", "multi_label", "regression"]
"""The values of `Problem`."""

AutocastName = Literal["auto", "fp32", "bf16", "fp16"]
"""The values of `Autocast`."""


class Problem(StrEnum):
    """How a classifier's labels are read."""

    SINGLE_LABEL = "single_label"
    """Each text has one label."""
    MULTI_LABEL = "multi_label"
    """Each text has any number of labels."""
    REGRESSION = "regression"
    """Each text has a number."""


class Autocast(StrEnum):
    """The dtype that torch's autocast computes the forward pass in.

    Weights and optimizer are always float32.
    """

    AUTO = "auto"
    """bf16 on a CUDA device that has it, fp16 on another, fp32 on a CPU."""
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The configuration of a training.

    What has to do with optimization defaults to the fine-tuning of Devlin et al. 2019, appendix
    A.3.

    Attributes:
        epochs: passes through the data.
        batch_size: rows in one forward pass.
        accumulate: batches whose gradients are accumulated for one optimizer step.
        learning_rate: the peak, reached at the end of the warm-up.
        weight_decay: decoupled (Loshchilov & Hutter 2019); none on biases and LayerNorms.
        warmup: fraction of the steps in which the learning rate rises to its peak.
        max_gradient_norm: the gradient norm is clipped to this.
        autocast: one of `Autocast`.
        device: `auto`, or torch's name of a device such as `cpu` or `cuda:1`.
        seed: of the new weights, of dropout, of the order of the data and of what is masked.
        validate_every: steps between validations; None validates at the end of each epoch.
        patience: validations in a row without a better one, after which training ends; None never
            ends early.
        save_every: steps between two savings of the state that `resume` goes on from; it is saved
            after each validation too.
        max_length: where texts are cut, in tokens, special tokens included; None takes the base
            model's limit.
        precision: the old name of `autocast`, deprecated.

    Raises:
        ConfigError: a number is out of its range, and all of them are named; or an argument is of
            another type.
    """

    epochs: int = 3
    batch_size: int = 32
    accumulate: int = 1
    learning_rate: float = 5e-5
    weight_decay: float = 0.01
    warmup: float = 0.1
    max_gradient_norm: float = 1.0
    autocast: Autocast | AutocastName = Autocast.AUTO
    device: str = "auto"
    seed: int = 0
    validate_every: int | None = None
    patience: int | None = None
    save_every: int = 500
    max_length: int | None = None
    precision: InitVar[AutocastName | None] = None

    def __post_init__(self, precision: AutocastName | None) -> None:
        if precision is not None:
            warnings.warn(
                "TrainingConfig(precision=…) is now autocast=…; the old name goes with the next "
                "release",
                DeprecationWarning,
                stacklevel=3,
            )
            object.__setattr__(self, "autocast", precision)
        check_fields(self)
        problems = [*self._bad_counts(), *self._bad_numbers()]
        if self.autocast not in tuple(Autocast):
            problems.append(f"autocast={self.autocast!r}, expected one of {', '.join(Autocast)}")
        if problems:
            raise ConfigError(f"the training has {'; '.join(problems)}")

    def _bad_counts(self) -> list[str]:
        names = ("epochs", "batch_size", "accumulate", "validate_every", "patience", "save_every")
        values = {name: getattr(self, name) for name in names}
        return [
            f"{name}={value!r}, expected at least 1"
            for name, value in values.items()
            if value is not None and value < 1
        ]

    def _bad_numbers(self) -> list[str]:
        fits = {
            "learning_rate": (0 < self.learning_rate < math.inf, "more than 0, and finite"),
            "weight_decay": (0 <= self.weight_decay < math.inf, "at least 0, and finite"),
            "warmup": (0 <= self.warmup <= 1, "0 to 1"),
            "max_gradient_norm": (self.max_gradient_norm > 0, "more than 0"),
            "seed": (self.seed >= 0, "at least 0"),
        }
        return [
            f"{name}={getattr(self, name)!r}, expected {expected}"
            for name, (fit, expected) in fits.items()
            if not fit
        ]
