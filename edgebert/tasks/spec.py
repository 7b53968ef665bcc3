"""What the build side needs of a task: detection in a checkpoint, head and training.

The `TaskSpec` of the same name in `edgebert_runtime` has the rest: the graph's outputs, the model
that answers, its command, its self-test, and the example of its model card.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgebert.checkpoints.tasks import CheckpointTask
from edgebert.training.spec import TrainingSpec


@dataclass(frozen=True, kw_only=True)
class BuildSpec:
    """One task.

    Attributes:
        name: that of the `TaskSpec`.
        checkpoint: its head, how it is detected in a checkpoint, and what its outputs mean.
        training: what `train --task` calls a way to train it → objective, data and metric.
    """

    name: str
    checkpoint: CheckpointTask
    training: Mapping[str, TrainingSpec] = field(default_factory=dict)
