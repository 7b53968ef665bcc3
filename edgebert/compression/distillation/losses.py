"""What a student is punished for: each loss is summed over what it counts, as in training."""

from dataclasses import dataclass
from math import inf
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from edgebert_runtime.errors import ConfigError
from edgebert_runtime.inference.arguments import check_fields

WEIGHTS: Final = ("cosine", "similarity", "logits", "hidden", "attention")


@dataclass(frozen=True, kw_only=True)
class DistilLosses:
    """How much each difference from the teacher counts; 0 leaves a loss out.

    Attributes:
        cosine: of vectors: 1 − cosine of a text's two vectors.
        similarity: of vectors: squared difference of the cosines between texts of a batch.
        logits: of heads: divergence of probabilities, or squared difference of scores that are
            none.
        hidden: squared difference of normalized token vectors, after each layer of the student.
        attention: divergence of what each token attends to, for each head of the student.
        temperature: logits are divided by it before they become probabilities (Hinton et al. 2015).

    Raises:
        ConfigError: a number is out of its range.
    """

    cosine: float = 1.0
    similarity: float = 1.0
    logits: float = 1.0
    hidden: float = 1.0
    attention: float = 0.0
    temperature: float = 2.0

    def __post_init__(self) -> None:
        check_fields(self)
        problems = [
            f"{name}={getattr(self, name)!r}, expected at least 0, and finite"
            for name in WEIGHTS
            if not 0 <= getattr(self, name) < inf
        ]
        if not 0 < self.temperature < inf:
            problems.append(f"temperature={self.temperature!r}, expected more than 0, and finite")
        if problems:
            raise ConfigError(f"the distillation has {'; '.join(problems)}")


def cosine_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """1 − cosine, summed over rows. Shapes: both (rows, dimensions)."""
    return (1 - functional.cosine_similarity(student, teacher, dim=-1)).sum()


def similarity_error(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared difference of the cosines of all ordered pairs of rows, summed.

    Park et al. 2019 and Tung & Mori 2019 compare rows with each other like this.

    Shapes:
        student, teacher: (rows, dimensions), each its own number of dimensions; the sum is over
            rows · (rows − 1) pairs
    """
    return (_cosines(student) - _cosines(teacher)).square().sum()


def divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Kullback-Leibler divergence of softmaxes, summed over rows, times the squared temperature.

    Hinton et al. 2015, section 2. Shapes: both (rows, classes).
    """
    found = functional.log_softmax(student / temperature, dim=-1)
    wanted = functional.log_softmax(teacher / temperature, dim=-1)
    summed = functional.kl_div(found, wanted, reduction="sum", log_target=True)
    return summed * temperature**2


def score_error(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared difference of raw scores, its mean over a row's scores summed over rows.

    Ba & Caruana 2014. Shapes: both (rows, scores).
    """
    return (student - teacher).square().mean(dim=-1).sum()


def state_error(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Squared difference of normalized token vectors, summed over the tokens kept.

    Shapes:
        student, teacher: (batch, sequence, hidden)
        mask: (batch, sequence)
    """
    width = student.shape[-1:]
    error = functional.layer_norm(student, width) - functional.layer_norm(teacher, width)
    return error.square().mean(dim=-1)[mask.bool()].sum()


def attention_divergence(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Kullback-Leibler divergence over keys, its mean over heads summed over the tokens kept.

    Wang et al. 2020 (MiniLM, section 3.1). Keys that are padding have no weight, and add nothing.

    Shapes:
        student, teacher: (batch, heads, sequence, sequence), each row sums to 1
        mask: (batch, sequence)
    """
    logarithms = student.clamp(min=torch.finfo(student.dtype).tiny).log()
    divergences = (torch.xlogy(teacher, teacher) - teacher * logarithms).sum(dim=-1)
    return divergences.mean(dim=1)[mask.bool()].sum()


def _cosines(rows: Tensor) -> Tensor:
    """Shapes: (rows, dimensions) to (rows, rows)."""
    unit: Tensor = functional.normalize(rows, dim=-1)
    return torch.matmul(unit, unit.T)
