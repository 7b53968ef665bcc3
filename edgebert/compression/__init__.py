"""Smaller models from a checkpoint, each compared with what it was made of."""
