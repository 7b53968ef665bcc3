"""A checkpoint that was read, as what is written again after a change."""

from collections.abc import Mapping
from typing import Any, Final

from edgebert.checkpoints.checkpoint import Checkpoint
from edgebert.checkpoints.history import read_history, with_step
from edgebert.checkpoints.own_settings import KEY
from edgebert.checkpoints.saving import CheckpointParts

OF_TASKS: Final = (KEY, "id2label", "label2id", "problem_type", "sentence_transformers")
"""Keys of `config.json` that say what a task's outputs mean."""


def parts_of(checkpoint: Checkpoint, step: str, details: Mapping[str, Any]) -> CheckpointParts:
    """What to save, with the encoder, head and tokenizer as they are in the checkpoint.

    Args:
        checkpoint: as it was read, or with parts replaced.
        step: what was done to it, a name that manifests know.
        details: of the step, as JSON.

    Raises:
        CheckpointError: what was noted of earlier steps cannot be read.
    """
    hf_config = checkpoint.hf_config
    before = read_history(hf_config, source=str(checkpoint.folder))
    kept = {key: hf_config[key] for key in OF_TASKS if key in hf_config}
    table, head = checkpoint.head_table, checkpoint.head
    return CheckpointParts(
        family=checkpoint.family,
        encoder=checkpoint.encoder,
        tokenizer=checkpoint.tokenizer,
        base=hf_config,
        heads=((table, head),) if table is not None and head is not None else (),
        settings=with_step({**kept, **checkpoint.config_keys}, before, step, details),
        embedding=checkpoint.embedding,
        dense=checkpoint.dense,
    )
