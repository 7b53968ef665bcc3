"""A file with right answers, and the share of them that a model gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from edgebert.checkpoints import Checkpoint
from edgebert.compression.answers import Model, kind_of
from edgebert.training.data.encoding import TextEncoder
from edgebert_quantize.calibration.readers import has_column, read_column
from edgebert_quantize.evaluation.accuracy import ACCURACY, RECALL
from edgebert_quantize.evaluation.pairs import (
    DOT,
    POSITIVE,
    TEXT,
    read_passages,
    with_prompts,
)
from edgebert_runtime.bundle.manifest import EmbeddingInfo
from edgebert_runtime.errors import ConfigError, InputError
from edgebert_runtime.tokenization.items import Item

PAIR, LABEL = "text_pair", "label"
AT_ONCE: Final = 32


class RightAnswers(Protocol):
    """Rows of a file."""

    @property
    def share(self) -> str:
        """What is counted: `recall` or `accuracy`."""
        ...

    @property
    def rows(self) -> int:
        """How many there are."""
        ...

    def of(self, model: Model, encoder: TextEncoder) -> float:
        """The share of rows that a model answers right."""
        ...


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Texts, each of which should be nearest to its own passage (recall@1).

    Attributes:
        texts: behind the model's prompt for them, as the passages are.
        passages: all different ones.
        labels: the place of each text's own passage.
        by_dot: whether vectors are compared by dot product; otherwise by cosine.
    """

    texts: Sequence[str]
    passages: Sequence[str]
    labels: Sequence[int]
    by_dot: bool = False
    share: str = RECALL

    @property
    def rows(self) -> int:
        """How many pairs there are."""
        return len(self.texts)

    def of(self, model: Model, encoder: TextEncoder) -> float:
        """How many find their own passage among all."""
        texts, passages = (rows_of(model, encoder, side) for side in (self.texts, self.passages))
        if not self.by_dot:
            texts, passages = (functional.normalize(side, dim=-1) for side in (texts, passages))
        nearest = (texts @ passages.T).argmax(dim=1)
        return float((nearest == torch.tensor(self.labels)).float().mean())


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Texts or pairs of them, with the number of each one's label."""

    items: Sequence[Item]
    labels: Sequence[int]
    share: str = ACCURACY

    @property
    def rows(self) -> int:
        """How many texts there are."""
        return len(self.items)

    def of(self, model: Model, encoder: TextEncoder) -> float:
        """How many have their label as the likeliest."""
        found = rows_of(model, encoder, self.items).argmax(dim=1)
        return float((found == torch.tensor(self.labels)).float().mean())


def read_right_answers(path: Path, checkpoint: Checkpoint) -> RightAnswers:
    """Columns `text` and `positive` for vectors; `text` and `label` for classifiers.

    Raises:
        ConfigError: the task of the checkpoint is another one.
        InputError: the file cannot be read, has no rows, or a label that the checkpoint lacks.
    """
    if checkpoint.embedding is not None:
        return _read_pairs(path, checkpoint.embedding)
    info = checkpoint.head_info
    if checkpoint.task != "classify" or info is None or info.activation != "softmax":
        raise ConfigError(
            f"right answers are counted of vectors and of classifiers with one label a text; "
            f"{checkpoint.name} is for {checkpoint.task}: leave out --eval"
        )
    texts = [str(each) for each in read_column(path, TEXT)]
    if not texts:
        raise InputError(f"{path} has no rows; give a file with right answers")
    places = {label: at for at, label in enumerate(info.labels)}
    labels = [str(each) for each in read_column(path, LABEL)]
    for number, label in enumerate(labels, start=1):
        if label not in places:
            raise InputError(
                f"{path}, row {number} has the label {label!r}, {checkpoint.name} has "
                f"{', '.join(info.labels)}"
            )
    seconds = [str(each) for each in read_column(path, PAIR)] if has_column(path, PAIR) else []
    items: Sequence[Item] = list(zip(texts, seconds, strict=True)) if seconds else texts
    return Labelled(items=items, labels=[places[label] for label in labels])


def _read_pairs(path: Path, embedding: EmbeddingInfo) -> Pairs:
    found, passages, own = read_passages(path)
    return Pairs(
        texts=with_prompts(embedding, TEXT, found),
        passages=with_prompts(embedding, POSITIVE, passages),
        labels=own,
        by_dot=embedding.similarity == DOT,
    )


def rows_of(model: Model, encoder: TextEncoder, items: Sequence[Item]) -> Tensor:
    """What a model answers to whole texts, in their order; (items, width)."""
    kind = kind_of(model)
    encoded = encoder.encode(items)
    order = sorted(range(len(encoded)), key=lambda at: len(encoded[at].input_ids))
    found: list[Tensor] = []
    with torch.no_grad():
        for start in range(0, len(order), AT_ONCE):
            inputs = encoder.pad([encoded[at] for at in order[start : start + AT_ONCE]])
            found.append(kind.read(model, inputs, inputs.attention_mask.bool()))
    places = torch.empty(len(order), dtype=torch.int64)
    places[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(found)[places]
