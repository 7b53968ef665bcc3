"""The student: a smaller teacher, or another checkpoint that has the same tokens."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from edgebert.checkpoints import Checkpoint, TokenizerFiles
from edgebert.checkpoints.own_settings import KEY
from edgebert.checkpoints.rewriting import OF_TASKS
from edgebert.compression.answers import Model, model_of
from edgebert.compression.distillation.asked import Share, read_share
from edgebert.compression.distillation.layers import spread, with_layers
from edgebert.compression.distillation.matching import Matching, match_layers
from edgebert.compression.distillation.narrower import narrower
from edgebert.compression.widths.narrowing import Kept, widths_in_words
from edgebert.model.sentence import DenseWeights
from edgebert.training.base_checkpoint import BaseCheckpoint, HeadRequest, dense_weights, open_base
from edgebert.training.config import TrainingConfig
from edgebert_runtime.errors import ConfigError, TokenizerError
from edgebert_runtime.progress import ProgressCallback
from edgebert_runtime.tokenization.items import Item


@dataclass(frozen=True, kw_only=True)
class Student:
    """A model that learns from a teacher.

    Attributes:
        checkpoint: what is written, with the modules that are trained in place.
        model: these modules as one.
        matching: what its layers are compared with.
        made_of: what it began as, for the history.
        notes: what the user should be told.
    """

    checkpoint: Checkpoint
    model: Model
    matching: Matching
    made_of: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def trained(self) -> Checkpoint:
        """The checkpoint with the weights of dense steps as they are now."""
        dense = dense_weights(self.model, self.checkpoint.embedding)
        return replace(self.checkpoint, dense=dense)


def make_student(
    teacher: Checkpoint,
    asked: str | PathLike[str],
    texts: Sequence[Item],
    config: TrainingConfig,
    tell: ProgressCallback,
) -> Student:
    """The student that is asked for; new weights are drawn from torch's global generator.

    Args:
        teacher: as it was read; the student shares no weights with it.
        asked: `layers=N`, `width=SHARE`, both, or a folder or Hub id.
        texts: to learn from; heads and neurons are chosen by them.
        config: of the training.
        tell: called before heads and neurons are chosen, which takes a while.

    Raises:
        ConfigError: it is none of these, has no layers or more than the teacher, an empty layer, a
            head of other labels, or vectors of other dimensions.
        TokenizerError: its tokens are others.
        CheckpointError: it cannot be read.
    """
    share = read_share(fspath(asked))
    if share is None:
        return _other(teacher, asked)
    if share.width is not None:
        tell("measuring what answers owe to each head and neuron")
    return _smaller(teacher, share, texts, config)


def _smaller(
    teacher: Checkpoint, share: Share, texts: Sequence[Item], config: TrainingConfig
) -> Student:
    """The teacher with fewer layers, then with fewer heads and neurons in those."""
    smaller, layers = teacher, tuple(range(teacher.config.layers))
    made_of: dict[str, Any] = {}
    notes = []
    if share.layers is not None:
        layers = spread(teacher.config.layers, share.layers)
        encoder = with_layers(teacher.encoder, layers)
        smaller = replace(teacher, encoder=encoder, config=encoder.config)
        made_of["layers_kept"] = list(layers)
    if share.width is not None:
        smaller, kept = narrower(smaller, share.width, texts, config)
        made_of |= {"width": share.width, **_counts(kept)}
        notes.append(f"the student's layers have {widths_in_words(kept)}")
    checkpoint = replace(
        smaller,
        head=deepcopy(teacher.head),
        dense={file: _copied(weights) for file, weights in teacher.dense.items()},
    )
    return Student(
        checkpoint=checkpoint,
        model=model_of(checkpoint),
        matching=match_layers(teacher.encoder, smaller.encoder, layers, copied=True),
        made_of=made_of,
        notes=tuple(notes),
    )


def _counts(kept: Sequence[Kept]) -> dict[str, list[int]]:
    """Heads and neurons of each layer, for the history."""
    return {
        "heads": [len(each.heads) for each in kept],
        "neurons": [len(each.neurons) for each in kept],
    }


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
        matching=match_layers(teacher.encoder, base.encoder, matched, copied=False),
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
            "student of the same vocabulary, or layers=N or width=SHARE"
        )


def _check_dimensions(teacher: Checkpoint, student: Checkpoint) -> None:
    if teacher.embedding is None or student.embedding is None:
        return
    expected, found = teacher.embedding.dimensions, student.embedding.dimensions
    if found != expected:
        raise ConfigError(
            f"the student's vectors have {found} dimensions, expected {expected} as its teacher's; "
            "take a student of this width, or layers=N or width=SHARE"
        )


def _copied(weights: DenseWeights) -> DenseWeights:
    bias = None if weights.bias is None else weights.bias.clone()
    return DenseWeights(weight=weights.weight.clone(), bias=bias)
