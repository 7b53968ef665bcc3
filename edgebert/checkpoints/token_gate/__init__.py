"""Whether a bundle's tokens are those of the checkpoint's own tokenizer."""
