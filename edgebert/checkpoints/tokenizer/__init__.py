"""The tokenizer of a checkpoint: read, or built from its vocabulary, and its longest input."""
