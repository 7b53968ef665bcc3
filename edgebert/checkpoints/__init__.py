"""Reading source models: from a folder or a Hub id to an encoder, its pooling and its tokenizer."""

from edgebert.checkpoints.checkpoint import Checkpoint, read_checkpoint
from edgebert.checkpoints.steps import DenseWeights
from edgebert.checkpoints.tokenizer import TokenizerFiles

__all__ = ["Checkpoint", "DenseWeights", "TokenizerFiles", "read_checkpoint"]
