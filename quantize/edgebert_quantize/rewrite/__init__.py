"""The rewriting of a float graph into a quantized one, step by step."""
