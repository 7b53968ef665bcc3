"""How texts are tokenized and cut for a student and its teacher."""

from dataclasses import replace
from typing import Final

from edgebert.checkpoints import Checkpoint
from edgebert.training.data.encoding import TextEncoder
from edgebert_runtime.errors import ConfigError

SHORTEST: Final = 3
"""Tokens: one, and the two special ones around it."""


def text_encoder(teacher: Checkpoint, student: Checkpoint, asked: int | None) -> TextEncoder:
    """The teacher's tokenizer, which cuts texts to what both take, or to fewer tokens.

    Args:
        teacher: that is learnt from.
        student: with the same tokens.
        asked: tokens that texts are cut to; None for what both take.

    Raises:
        ConfigError: a text of so many tokens is too long for one of them, or has no room.
    """
    limit = min(teacher.max_length, student.max_length)
    if asked is not None and not SHORTEST <= asked <= limit:
        raise ConfigError(
            f"max_length is {asked}, expected {SHORTEST} to {limit}, which teacher and student take"
        )
    segments = max(teacher.config.token_types, student.config.token_types) > 1
    files = replace(teacher.tokenizer, max_length=asked or limit)
    return TextEncoder(files, segments=segments)
