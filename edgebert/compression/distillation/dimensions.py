"""Vectors of fewer dimensions: the directions in which a teacher's vectors differ most."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from edgebert.checkpoints import Checkpoint
from edgebert.compression.answers import VECTORS, model_of
from edgebert.model.sentence import DenseWeights
from edgebert.training.data.encoding import TextEncoder
from edgebert_runtime.bundle.manifest import Step
from edgebert_runtime.errors import ConfigError
from edgebert_runtime.tokenization.encoding import EncodedText
from edgebert_runtime.tokenization.items import Item

MOST: Final = 10_000
"""Texts that directions are found from."""

AT_ONCE: Final = 32


def with_dimensions(teacher: Checkpoint, dimensions: int, texts: Sequence[Item]) -> Checkpoint:
    """The teacher with a linear step to fewer dimensions, before a last step that normalizes.

    Of all maps to so many dimensions, it keeps the dot products of the texts' vectors best in the
    mean of squares: the leading eigenvectors of their second moments (Eckart & Young 1936). They
    are not centred, because cosines are not.

    Raises:
        ConfigError: the teacher gives no vectors, or has no more dimensions than asked for, or
            there are fewer texts; or its vectors are cut already.
    """
    embedding = teacher.embedding
    if embedding is None:
        raise ConfigError(f"dimensions go with vectors, {teacher.name} is for {teacher.task}")
    if any(step.kind == "truncate" for step in embedding.steps):
        raise ConfigError(f"the vectors of {teacher.name} are cut already; remove truncate_dim")
    most = min(embedding.dimensions - 1, len(texts))
    if not 1 <= dimensions <= most:
        raise ConfigError(
            f"dimensions is {dimensions}, expected 1 to {most}: the teacher's vectors have "
            f"{embedding.dimensions}, and there are {len(texts)} texts"
        )
    end = len(embedding.steps) - embedding.normalized
    file = f"{end + 1}_Dense/model.safetensors"
    step = Step(kind="dense", file=file, activation="identity")
    steps = (*embedding.steps[:end], step, *embedding.steps[end:])
    weights = DenseWeights(weight=_directions(teacher, dimensions, texts[:MOST]), bias=None)
    return replace(
        teacher,
        embedding=replace(embedding, dimensions=dimensions, steps=steps),
        dense={**teacher.dense, file: weights},
    )


def _directions(teacher: Checkpoint, dimensions: int, texts: Sequence[Item]) -> Tensor:
    """The directions that differ most, the first first; (dimensions, width)."""
    _, vectors = torch.linalg.eigh(_moments(teacher, texts))
    leading: Tensor = vectors.flip(dims=(1,))[:, :dimensions].T
    return leading.float().contiguous()


def _moments(teacher: Checkpoint, texts: Sequence[Item]) -> Tensor:
    """Second moments of the texts' vectors, summed; (width, width), float64."""
    model = model_of(teacher).eval()
    encoder = TextEncoder(teacher.tokenizer, segments=teacher.config.token_types > 1)
    encoded = sorted(encoder.encode(texts), key=_tokens)
    assert teacher.embedding is not None  # checked before
    width = teacher.embedding.dimensions
    moments = torch.zeros(width, width, dtype=torch.float64)
    with torch.no_grad():
        for at in range(0, len(encoded), AT_ONCE):
            inputs = encoder.pad(encoded[at : at + AT_ONCE])
            found = VECTORS.read(model, inputs, inputs.attention_mask.bool()).double()
            moments += torch.matmul(found.T, found)
    return moments


def _tokens(encoded: EncodedText) -> int:
    return len(encoded.input_ids)
