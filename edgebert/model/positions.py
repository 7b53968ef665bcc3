"""Positions: vectors that are added to token vectors, and relative positions in attention.

Tables are made once for every position and sliced to the sequence: ONNX Runtime 1.31.1 mis-folds
a Gather over a Range.
"""

import math
from typing import Final

import torch
from torch import Tensor, nn

from edgebert.model.config import Disentangled, EncoderConfig, Positions, RelativeBias

Rotation = tuple[Tensor, Tensor]
"""Cosines and sines, (sequence, head dimension / 2) each."""

SINUSOID_BASE: Final = 10000.0
"""Longest wavelength over 2π (Vaswani et al. 2017, section 3.5)."""


class LearnedPositions(nn.Module):
    """A learned row for each of 0…sequence−1, whatever the mask."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.position_rows, config.embedding_width))
        nn.init.normal_(self.weight, std=config.initializer_range)

    def forward(self, input_ids: Tensor) -> Tensor:
        """Shapes: (batch, sequence) to (sequence, width)."""
        return self.weight[: input_ids.shape[1]]


class MaskedPositions(LearnedPositions):
    """A learned row, counted over the ids that are not padding; padding has its own row."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        self.padding_id = config.padding_id

    def forward(self, input_ids: Tensor) -> Tensor:
        """Shapes: (batch, sequence) to (batch, sequence, width)."""
        is_token = (input_ids != self.padding_id).to(input_ids.dtype)
        rows = is_token.cumsum(dim=1) * is_token + self.padding_id
        return nn.functional.embedding(rows, self.weight)


class SinusoidalPositions(nn.Module):
    """Sines in the even dimensions and cosines in the odd ones (Vaswani et al. 2017, 3.5)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        table = sinusoids(config.positions, config.embedding_width)
        self.weight = nn.Buffer(table, persistent=False)

    def forward(self, input_ids: Tensor) -> Tensor:
        """Shapes: (batch, sequence) to (sequence, width)."""
        return self.weight[: input_ids.shape[1]]


POSITIONS: Final[dict[Positions, type[nn.Module]]] = {
    Positions.LEARNED: LearnedPositions,
    Positions.COUNTED: MaskedPositions,
    Positions.SINUSOIDAL: SinusoidalPositions,
}


class RotaryPositions(nn.Module):
    """Cosines and sines of the angles that queries and keys are turned by (Su et al. 2021, 3.4).

    Dimension d is paired with dimension d + half, as in the released models.
    """

    def __init__(self, config: EncoderConfig, theta: float) -> None:
        super().__init__()
        dimension = config.head_dimension
        exponents = torch.arange(0, dimension, 2, dtype=torch.float32, device="cpu") / dimension
        places = torch.arange(config.positions, dtype=torch.float32, device="cpu")
        angles = places[:, None] * (1.0 / theta**exponents)
        self.cosines = nn.Buffer(angles.cos(), persistent=False)
        self.sines = nn.Buffer(angles.sin(), persistent=False)

    def forward(self, sequence: int) -> Rotation:
        """Both tables for a sequence, (sequence, head dimension / 2) each."""
        return self.cosines[:sequence], self.sines[:sequence]


def rotate(vectors: Tensor, rotation: Rotation) -> Tensor:
    """Turn queries or keys.

    Shapes:
        vectors: (batch, heads, sequence, head dimension), also returned
        rotation: cosines and sines, (sequence, head dimension / 2) each
    """
    cosines, sines = rotation
    first, second = vectors.chunk(2, dim=-1)
    turned = (first * cosines - second * sines, second * cosines + first * sines)
    return torch.cat(turned, dim=-1)


class BiasTable(nn.Module):
    """A learned score for each head and bucket of distances, the same in every layer."""

    def __init__(self, config: EncoderConfig, relative: RelativeBias) -> None:
        super().__init__()
        self.table = nn.Embedding(relative.buckets, config.heads)
        buckets = bias_buckets(config.positions, relative)
        self.buckets = nn.Buffer(buckets, persistent=False)
        self.positions = config.positions

    def forward(self, sequence: int) -> Tensor:
        """The scores to add, (1, heads, sequence, sequence)."""
        bucket = self.buckets[distances(sequence, self.buckets.device) + self.positions - 1]
        scores: Tensor = self.table(bucket)
        return scores.permute(2, 0, 1).unsqueeze(0)


class DistanceVectors(nn.Module):
    """A learned vector for each bucket of distances, the same in every layer."""

    def __init__(self, config: EncoderConfig, relative: Disentangled) -> None:
        super().__init__()
        self.table = nn.Embedding(2 * relative.span, config.hidden)
        norm = nn.LayerNorm(config.hidden, eps=config.layer_norm_epsilon)
        self.norm = norm if relative.normalized else nn.Identity()
        self.rows = nn.Buffer(distance_rows(config.positions, relative), persistent=False)
        self.positions = config.positions

    def forward(self, sequence: int) -> tuple[Tensor, Tensor]:
        """The vectors, (rows, hidden), and each query's row for each key.

        Returns:
            vectors: (rows, hidden), float
            rows: (sequence, sequence), int64, row of the distance query − key
        """
        index = distances(sequence, self.rows.device) + self.positions - 1
        return self.norm(self.table.weight), self.rows[index]


def sinusoids(positions: int, width: int) -> Tensor:
    """The table of Vaswani et al. 2017, section 3.5; (positions, width), float32."""
    places = torch.arange(positions, dtype=torch.float64, device="cpu")[:, None]
    even = torch.arange(0, width, 2, dtype=torch.float64, device="cpu")
    angles = places / SINUSOID_BASE ** (even / width)
    table = torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)
    return table[:, :width].to(torch.float32)


def bias_buckets(positions: int, relative: RelativeBias) -> Tensor:
    """Bucket of each distance query − key from −(positions−1) on; (2·positions−1,), int64.

    Half of the buckets are for keys after the query; in each half, half of them hold one distance
    each and the others logarithmically more (Raffel et al. 2020, section 2.1).
    """
    distance = torch.arange(1 - positions, positions, device="cpu")
    half = relative.buckets // 2
    exact = half // 2
    far = distance.abs().clamp(min=exact)
    steps = torch.log(far.float() / exact) / math.log(relative.max_distance / exact)
    logarithmic = (exact + (steps * (half - exact)).long()).clamp(max=half - 1)
    bucket = torch.where(distance.abs() < exact, distance.abs(), logarithmic)
    return bucket + (distance < 0).long() * half


def distance_rows(positions: int, relative: Disentangled) -> Tensor:
    """Row of each distance query − key from −(positions−1) on; (2·positions−1,), int64.

    Near distances have a row each, far ones share rows logarithmically (He et al. 2021, as
    released with DeBERTa-v2); row `span` is distance 0.
    """
    distance = torch.arange(1 - positions, positions, device="cpu")
    if relative.buckets:
        distance = _logarithmic(distance, relative.buckets, relative.max_distance)
    return (distance + relative.span).clamp(0, 2 * relative.span - 1)


def _logarithmic(distance: Tensor, buckets: int, max_distance: int) -> Tensor:
    middle = buckets // 2
    far = torch.log(distance.abs().clamp(min=1) / middle)
    longest = torch.log(torch.tensor((max_distance - 1) / middle, device="cpu"))
    shared = torch.ceil(far / longest * (middle - 1)) + middle
    return torch.where(distance.abs() <= middle, distance, shared.long() * distance.sign())


def distances(sequence: int, device: torch.device) -> Tensor:
    """Query − key, (sequence, sequence), int64."""
    places = torch.arange(sequence, device=device)
    return places[:, None] - places[None, :]
