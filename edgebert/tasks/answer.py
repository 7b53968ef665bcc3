"""Spans of a context that answer a question."""

from typing import Final

from edgebert.checkpoints.tasks import CheckpointTask
from edgebert.tasks.spec import BuildSpec
from edgebert.training.data import records
from edgebert.training.objectives.answer import Answering
from edgebert.training.spec import TrainingSpec

BUILD: Final = BuildSpec(
    name="answer",
    checkpoint=CheckpointTask(
        name="answer", head="answer", architectures=("ForQuestionAnswering",), outputs=2
    ),
    training={
        "answer": TrainingSpec(
            heads=("answer",),
            outputs=2,
            read=lambda path, _: records.read_questions(path),
            objective=lambda found, config: Answering(
                found, config.encoder, training=config.training
            ),
        )
    },
)
