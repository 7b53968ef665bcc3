"""The task on the machine that builds models."""

from typing import Final

from edgebert.checkpoints.tasks import CheckpointTask
from edgebert.tasks.registry import register_build
from edgebert.tasks.spec import BuildSpec
from tests.support.mood import runtime as runtime  # its TaskSpec comes first

BUILD: Final = register_build(
    BuildSpec(name="mood_of", checkpoint=CheckpointTask(name="mood_of", head="classify"))
)
