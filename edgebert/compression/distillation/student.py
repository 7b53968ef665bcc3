"""The student: a teacher with fewer layers, or another checkpoint that has the same tokens."""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer

from edgebert.checkpoints import Checkpoint, TokenizerFiles
from edgebert.checkpoints.own_settings import KEY
from edgebert.checkpoints.rewriting import OF_TASKS
from edgebert.compression.answers import Model
from edgebert.compression.distillation.layers import spread, with_layers
from edgebert.model.heads import EncoderWithHead
from edgebert.model.sentence import DenseWeights, SentenceEmbedder
from edgebert.training.base_checkpoint import BaseCheckpoint, HeadRequest, dense_weights, open_base
from edgebert_runtime.errors import ConfigError, TokenizerError

ASKED: Final = re.compile(r"(layers|width)=(.*)")
FORMS: Final = "layers=N, or the folder or Hub id of a checkpoint"


@dataclass(frozen=True, kw_only=True)
class Student:
    """A model that learns from a teacher.

    Attributes:
        checkpoint: what is written, with the modules that are trained in place.
        model: these modules as one.
        matched: for each of its layers, the teacher's that it is compared with.
        made_of: what it began as, for the history.
        notes: what the user should be told.
    """

    checkpoint: Checkpoint
    model: Model
    matched: tuple[int, ...]
    made_of: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def trained(self) -> Checkpoint:
        """The checkpoint with the weights of dense steps as they are now."""
        dense = dense_weights(self.model, self.checkpoint.embedding)
        return replace(self.checkpoint, dense=dense)


def model_of(checkpoint: Checkpoint) -> Model:
    """A checkpoint's modules as one; they are not copied."""
    if checkpoint.head is not None:
        return EncoderWithHead(checkpoint.encoder, checkpoint.head)
    assert checkpoint.embedding is not None  # a checkpoint has a head or steps
    return SentenceEmbedder(checkpoint.encoder, checkpoint.embedding.steps, checkpoint.dense)


def make_student(teacher: Checkpoint, asked: str | PathLike[str]) -> Student:
    """The student that is asked for; new weights are drawn from torch's global generator.

    Args:
        teacher: as it was read; the student shares no weights with it.
        asked: `layers=N`, or a folder or Hub id.

    Raises:
        ConfigError: it is neither, has no layers or more than the teacher, a head of other labels,
            or vectors of other dimensions.
        TokenizerError: its tokens are others.
        CheckpointError: it cannot be read.
    """
    form = ASKED.fullmatch(fspath(asked))
    if form is None:
        return _other(teacher, asked)
    kind, number = form.groups()
    if kind != "layers" or not number.isascii() or not number.isdigit():
        raise ConfigError(
            f"student is {fspath(asked)!r}, expected {FORMS}; a student keeps the width of its "
            "teacher, or has that of its checkpoint"
        )
    return _shallower(teacher, int(number))


def _shallower(teacher: Checkpoint, layers: int) -> Student:
    kept = spread(teacher.config.layers, layers)
    encoder = with_layers(teacher.encoder, kept)
    checkpoint = replace(
        teacher,
        encoder=encoder,
        config=encoder.config,
        head=deepcopy(teacher.head),
        dense={file: _copied(weights) for file, weights in teacher.dense.items()},
    )
    return Student(
        checkpoint=checkpoint,
        model=model_of(checkpoint),
        matched=kept,
        made_of={"layers_kept": list(kept)},
    )


def _other(teacher: Checkpoint, source: str | PathLike[str]) -> Student:
    table = teacher.head_table
    labels = () if teacher.head_info is None else teacher.head_info.labels
    base = open_base(
        source,
        HeadRequest(
            heads=() if table is None else (table.task,),
            outputs=None if teacher.head is None else teacher.head.config.outputs,
            labels=labels,
        ),
    )
    _check_tokens(teacher.tokenizer, base.tokenizer)
    if table is not None and base.labels != (labels or base.labels):
        raise ConfigError(
            f"the student's head has the labels {', '.join(map(repr, base.labels))}, expected "
            f"{', '.join(map(repr, labels))} in this order, as its teacher's; take a student "
            "without a head"
        )
    matched = spread(teacher.config.layers, base.encoder.config.layers)
    checkpoint = _as_checkpoint(teacher, base, Path(source).name)
    _check_dimensions(teacher, checkpoint)
    alike = base.encoder.config.hidden == teacher.config.hidden
    width = f"hidden states are not compared: {base.encoder.config.hidden} wide"
    return Student(
        checkpoint=checkpoint,
        model=model_of(checkpoint),
        matched=matched if alike else (),
        made_of={"base": checkpoint.name},
        notes=(
            *base.notes,
            *(() if alike else (f"{width}, the teacher's {teacher.config.hidden}",)),
        ),
    )


def _as_checkpoint(teacher: Checkpoint, base: BaseCheckpoint, name: str) -> Checkpoint:
    """The base with a head for the teacher's task, whose outputs mean what the teacher's do."""
    meaning = {key: teacher.hf_config[key] for key in OF_TASKS if key in teacher.hf_config}
    own = {key: value for key, value in base.hf_config.items() if key not in OF_TASKS}
    noted = {KEY: base.hf_config[KEY]} if KEY in base.hf_config else {}
    table, head = base.heads[0] if base.heads else (None, None)
    return replace(
        teacher,
        name=name,
        model_type=base.hf_config["model_type"],
        family=base.family,
        config=base.encoder.config,
        encoder=base.encoder,
        embedding=base.embedding,
        dense=dense_weights(base.model, base.embedding),
        head=head,
        head_table=table,
        tokenizer=base.tokenizer,
        max_length=base.tokenizer.max_length,
        hf_config={**own, **{key: meaning[key] for key in meaning if key != KEY}, **noted},
    )


def _check_tokens(teacher: TokenizerFiles, student: TokenizerFiles) -> None:
    theirs, mine = (
        Tokenizer.from_str(files.json).get_vocab(with_added_tokens=True).items()
        for files in (teacher, student)
    )
    if theirs != mine:
        raise TokenizerError(
            f"of the student's {len(mine)} tokens {len(mine - theirs)} are others than the "
            f"teacher's {len(theirs)}; both must have the same tokens under the same ids: take a "
            "student of the same vocabulary, or layers=N"
        )


def _check_dimensions(teacher: Checkpoint, student: Checkpoint) -> None:
    if teacher.embedding is None or student.embedding is None:
        return
    expected, found = teacher.embedding.dimensions, student.embedding.dimensions
    if found != expected:
        raise ConfigError(
            f"the student's vectors have {found} dimensions, expected {expected} as its teacher's; "
            "take a student of this width, or layers=N"
        )


def _copied(weights: DenseWeights) -> DenseWeights:
    bias = None if weights.bias is None else weights.bias.clone()
    return DenseWeights(weight=weights.weight.clone(), bias=bias)
