"""What a model answers to a batch, as rows that a student and its teacher are compared by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from edgebert.checkpoints import Checkpoint
from edgebert.model.encoder import Encoder
from edgebert.model.heads import EncoderWithHead
from edgebert.model.sentence import SentenceEmbedder
from edgebert.training.data.encoding import Inputs
from edgebert_runtime.errors import ConfigError

Model = SentenceEmbedder | EncoderWithHead

Asked = tuple[Inputs, Tensor]
"""Inputs of a batch, and which tokens are asked about, (batch, sequence)."""

NEVER: Final = -1e4
"""Logit of a padded position, which gets no probability."""


@dataclass(frozen=True, kw_only=True)
class AnswerKind:
    """How rows are got from a model.

    Attributes:
        read: from the model, its inputs, and which tokens are asked about (batch, sequence);
            gives (rows, width).
        rows: how many rows that will be, from the tokens that are asked about.
    """

    read: Callable[[Model, Inputs, Tensor], Tensor]
    rows: Callable[[Tensor], int]


def arguments_for(encoder: nn.Module, inputs: Inputs) -> tuple[Tensor, ...]:
    """The inputs that an encoder takes: without segments where it does not tell them apart."""
    assert isinstance(encoder, Encoder)
    kept = encoder.config.token_types > 1
    return inputs.arguments if kept else (inputs.input_ids, inputs.attention_mask)


def _vectors(model: Model, inputs: Inputs, asked: Tensor) -> Tensor:
    """(batch, dimensions)."""
    del asked
    vectors: Tensor = model(*arguments_for(model.encoder, inputs))[1]
    return vectors


def _texts(model: Model, inputs: Inputs, asked: Tensor) -> Tensor:
    """Logits of whole texts, (batch, outputs)."""
    del asked
    logits: Tensor = model(*arguments_for(model.encoder, inputs))[0]
    return logits


def _tokens(model: Model, inputs: Inputs, asked: Tensor) -> Tensor:
    """Logits of the tokens that are asked about, (tokens, outputs)."""
    assert isinstance(model, EncoderWithHead)
    vectors = model.encoder(*arguments_for(model.encoder, inputs))
    logits: Tensor = model.head(vectors[asked])
    return logits


def _ends(model: Model, inputs: Inputs, asked: Tensor) -> Tensor:
    """Logits of where answers start, then of where they end, (2 · batch, sequence)."""
    starts, ends = model(*arguments_for(model.encoder, inputs))
    return torch.cat([starts.masked_fill(~asked, NEVER), ends.masked_fill(~asked, NEVER)])


def _batch(asked: Tensor) -> int:
    return len(asked)


def _count(asked: Tensor) -> int:
    return int(asked.sum())


def _twice(asked: Tensor) -> int:
    return 2 * len(asked)


VECTORS: Final = AnswerKind(read=_vectors, rows=_batch)
TEXTS: Final = AnswerKind(read=_texts, rows=_batch)
TOKENS: Final = AnswerKind(read=_tokens, rows=_count)
ENDS: Final = AnswerKind(read=_ends, rows=_twice)

KINDS: Final = {
    "classify": TEXTS,
    "rank": TEXTS,
    "next_sentence": TEXTS,
    "tag": TOKENS,
    "fill": TOKENS,
    "answer": ENDS,
}
"""Kind of a head → how its answers are read."""


def model_of(checkpoint: Checkpoint) -> Model:
    """A checkpoint's modules as one; they are not copied."""
    if checkpoint.head is not None:
        return EncoderWithHead(checkpoint.encoder, checkpoint.head)
    assert checkpoint.embedding is not None  # a checkpoint has a head or steps
    return SentenceEmbedder(checkpoint.encoder, checkpoint.embedding.steps, checkpoint.dense)


def kind_of(model: Model) -> AnswerKind:
    """How a model's answers are read.

    Raises:
        ConfigError: its head is of a kind that is not distilled.
    """
    if isinstance(model, SentenceEmbedder):
        return VECTORS
    kind = model.head.config.kind
    if kind not in KINDS:
        raise ConfigError(f"a head for {kind} is not distilled, only {', '.join(KINDS)}")
    return KINDS[kind]
