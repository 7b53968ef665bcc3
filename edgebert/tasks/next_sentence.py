"""Whether one text follows another; trained with masked language modelling, as `pretrain`."""

from typing import Final

from edgebert.checkpoints.tasks import CheckpointTask
from edgebert.tasks.spec import BuildSpec

BUILD: Final = BuildSpec(
    name="next_sentence",
    checkpoint=CheckpointTask(
        name="next_sentence",
        head="next_sentence",
        architectures=("ForNextSentencePrediction",),
        outputs=2,
    ),
)
