"""Training: BERT's objectives, fine-tuning for every task, exactly resumable."""

from edgebert.training.config import Problem, TrainingConfig
from edgebert.training.report import Evaluation, TrainingReport
from edgebert.training.training import train

__all__ = ["Evaluation", "Problem", "TrainingConfig", "TrainingReport", "train"]
