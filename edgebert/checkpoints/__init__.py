"""Reading source models: from a folder or a Hub id to an encoder, its pooling and its tokenizer."""

from edgebert.checkpoints.checkpoint import Checkpoint, read_checkpoint
from edgebert.checkpoints.tokenizer.read import TokenizerFiles
from edgebert.model.sentence import DenseWeights

__all__ = ["Checkpoint", "DenseWeights", "TokenizerFiles", "read_checkpoint"]
