"""Checkpoints, read for the tasks there are."""

from functools import partial
from typing import Any

from edgebert.checkpoints import read_checkpoint as read
from edgebert.tasks.registry import checkpoint_tasks, require_training
from edgebert.training.base_checkpoint import HeadRequest

read_checkpoint = partial(read, tasks=checkpoint_tasks())


def head_request(task: str, **options: Any) -> HeadRequest:
    """What a training of a task wants of its base model."""
    spec = require_training(task)
    return HeadRequest(heads=spec.heads, outputs=spec.outputs, **options)
