"""Training: BERT's objectives, fine-tuning for every task, exactly resumable."""

from edgebert.training.config import Problem, TrainingConfig
from edgebert.training.report import Evaluation, TrainingReport

__all__ = ["Evaluation", "Problem", "TrainingConfig", "TrainingReport"]
